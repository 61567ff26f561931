"""Machine code that runs wherever it is put, from the object file that LLVM writes (ELF, x86-64)."""

import ctypes
import mmap
import struct
from typing import Any

from .calls import Refused

ALLOCATED, RELOCATIONS = 2, 4  # a flag and a type of sections: System V ABI, "Sections"
RELATIVE = (2, 4)  # R_X86_64_PC32 and R_X86_64_PLT32: AMD64 supplement to the ABI, "Relocation types"


def flat(object_file: bytes, name: str = "run") -> bytes:
    """The code and the constants in one piece, which begins with a jump to the function of this name.

    Raises Refused for code that needs anything outside.
    """
    if object_file[:6] != b"\x7fELF\x02\x01":
        raise Refused("LLVM writes no ELF files of 64 bits here")
    start, size, count = (
        *struct.unpack_from("<Q", object_file, 40),
        *struct.unpack_from("<2H", object_file, 58),
    )
    heads = [struct.unpack_from("<IIQQQQIIQQ", object_file, start + i * size) for i in range(count)]
    code, places = bytearray(16), {}  # where each section is put
    for number, (_, kind, flags, _, offset, length, _, _, align, _) in enumerate(heads):
        if flags & ALLOCATED and length:
            code += b"\0" * (-len(code) % max(align, 1))
            places[number] = len(code)
            code += object_file[offset : offset + length] if kind != 8 else bytes(length)
    entry = None
    for _, kind, _, _, offset, length, link, about, _, _ in heads:
        if kind == RELOCATIONS and about in places:
            symbols, texts = heads[link], heads[heads[link][6]]
            for k in range(offset, offset + length, 24):
                where, info, addend = struct.unpack_from("<QQq", object_file, k)
                _, _, _, section, value, _ = _symbol(object_file, symbols, info >> 32)
                if info & 0xFFFFFFFF not in RELATIVE or section not in places:
                    raise Refused("code that is not complete in itself")
                at = places[about] + where
                struct.pack_into("<i", code, at, places[section] + value + addend - at)
    for head in heads:
        if head[1] == 2:  # the table of symbols
            texts = heads[head[6]]
            for k in range(head[5] // 24):
                label, _, _, section, value, _ = _symbol(object_file, head, k)
                if _text(object_file, texts[4] + label) == name:
                    entry = places[section] + value
    if entry is None:
        raise Refused(f"no function {name} in what LLVM wrote")
    struct.pack_into("<Bi", code, 0, 0xE9, entry - 5)  # jmp
    return bytes(code)


def _symbol(data: bytes, table: Any, number: int) -> Any:
    """Name, kind, visibility, section, value and size of a symbol."""
    return struct.unpack_from("<IBBHQQ", data, table[4] + 24 * number)


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()


class Executable:
    """Machine code in memory of its own, which nothing writes on any more."""

    def __init__(self, code: bytes) -> None:
        self.memory = mmap.mmap(-1, len(code))
        self.memory.write(code)
        view = ctypes.c_char.from_buffer(self.memory)  # holds the memory
        self.held, self.address = view, ctypes.addressof(view)
        library = ctypes.CDLL(None, use_errno=True)
        readable_and_executable = mmap.PROT_READ | mmap.PROT_EXEC
        if library.mprotect(ctypes.c_void_p(self.address), ctypes.c_size_t(len(code)), readable_and_executable):
            raise Refused(f"the system does not let code be run that was just made (error {ctypes.get_errno()})")
