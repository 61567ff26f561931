"""From the text of a program to a function of this processor: by LLVM, through the package llvmlite."""

import ctypes
import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from threading import Lock
from typing import Any

from ... import system
from . import programs
from .calls import Refused
from .flat import Executable, flat

SIGNATURE = (ctypes.c_int, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 3)
_ready: dict[str, Callable[..., int]] = {}
_asked: set[str] = set()  # what this process has asked for: the last, smaller batch of a fit is no second time
_one_at_a_time = Lock()  # so that lanes that are prepared side by side share what is compiled


def function(text: str, *, worth: bool = True) -> Callable[..., int] | None:
    """The function @run of the text, compiled once on this machine. Raises Refused.

    It takes the addresses of three tables and three integers, and gives an integer. worth: whether it is compiled where
    it has not been; else only when another process has asked for it before, and None until then.
    """
    key = sha256("\n".join([*_facts(), text]).encode()).hexdigest()
    with _one_at_a_time:
        if key not in _ready:
            code = programs.load(key)
            if code is None:
                if not worth and (key in _asked or not programs.ask(key)):
                    _asked.add(key)
                    return None
                code = flat(_object(text)) if system.runs_flat_code() else _object(text)
                programs.save(key, code)
            memory = Executable(code) if system.runs_flat_code() else _Linked(code)
            found = ctypes.CFUNCTYPE(*SIGNATURE)(memory.address)
            found.memory = memory  # type: ignore[attr-defined]
            _ready[key] = found
    return _ready[key]


@cache
def can_compile() -> bool:
    """Whether steps are compiled here: with llvmlite installed."""
    return find_spec("llvmlite") is not None


@cache
def _facts() -> tuple[str, ...]:
    """What machine code depends on besides its text."""
    kept = ("vendor_id", "cpu family", "model\t", "flags")
    spec = find_spec("llvmlite")
    made = os.stat(spec.origin) if spec is not None and spec.origin else None
    compiler = "" if made is None else f"{made.st_size} {made.st_mtime_ns}"  # another release is another file
    processor = [line for line in system.processor() if line.startswith(kept)]
    if not system.runs_flat_code():  # then LLVM is imported anyway
        llvm = _compiler()[0]
        processor += [llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    return compiler, *processor


def _object(text: str) -> bytes:
    """The object file of a text."""
    llvm, machine, builder = _compiler()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise Refused(f"LLVM does not take it: {str(error).strip().splitlines()[0]}") from None
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


@cache
def _compiler() -> Any:
    """LLVM, the machine it writes for, and its passes."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = _machine(llvm)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    return llvm, machine, llvm.create_pass_builder(machine, options)


def _machine(llvm: Any) -> Any:
    """What code is written for: this processor."""
    triple = llvm.get_process_triple() + ("-elf" if os.name == "nt" else "")  # the form that LLVM links in memory
    features = llvm.get_host_cpu_features().flatten()
    model = "small" if system.runs_flat_code() else "jitdefault"
    settings = dict(opt=3, reloc="pic", codemodel=model)
    return llvm.Target.from_triple(triple).create_target_machine(llvm.get_host_cpu_name(), features, **settings)


class _Linked:
    """An object file that LLVM has linked in memory, on systems that `flat` does not know."""

    def __init__(self, code: bytes) -> None:
        llvm, *_ = _compiler()
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm))
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        self.address = self.engine.get_function_address("run")
