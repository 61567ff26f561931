"""The check of a model file: all of it, with the standard library alone, before anything is made of it.

A model file is a safetensors file of one spelling, so that little need be understood to check it:

    8 bytes     the length of the header, little-endian
    header      {"__metadata__":{"format":"nnx","nnx":"...","sha256":"..."},"params.W":{"dtype":"F32","shape":[3,2],
                "data_offsets":[0,24]},...}, in ASCII, without spaces but for up to 7 at its end
    data        the tensors one after another in the order of the header, little-endian, without gaps

"nnx" is the description, JSON of its own: `{"version": 2, "net": ..., ...}`. "sha256" is that of the whole file with 64
zeros in its place: it tells damage from a good file, and nothing of who wrote it.
"""

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from math import isfinite, prod
from typing import Any, BinaryIO, NamedTuple

from ..errors import ModelFileError

VERSION = 2  # 1 had no row
READS = (1, VERSION)
HEADER_LIMIT = 4 * 2**20  # bytes of the header: a network has a few kilobytes
TENSOR_LIMIT = 20_000
VALUE_LIMIT = 150_000  # values in the description
OBJECT_LIMIT = 40_000  # of them
DEPTH_LIMIT = 32  # brackets within brackets in the description
ELEMENT_LIMIT = 2**48
CHUNK = 2**20
TYPES = {
    **{f"F{n}": (f"float{n}", n // 8) for n in (64, 32, 16)},
    **{f"I{n}": (f"int{n}", n // 8) for n in (64, 32, 16, 8)},
    **{f"U{n}": (f"uint{n}", n // 8) for n in (64, 32, 16, 8)},
    **{"C64": ("complex64", 8), "BOOL": ("bool", 1)},
}
NAME = re.compile(r"(params|arrays)\.[A-Za-z0-9_.-]{1,190}")
ZEROS = b"0" * 64

_BEGIN = b'{"__metadata__":{"format":"nnx","nnx":'
_MIDDLE = b',"sha256":"'  # the quotes would be escaped within the description
_NUMBER = "(?:0|[1-9][0-9]{0,17})"
_TENSOR = re.compile(
    rf',"([^"\\]*+)":{{"dtype":"([^"\\]*+)","shape":\[((?:{_NUMBER}(?:,{_NUMBER}){{0,7}})?)\],'
    rf'"data_offsets":\[({_NUMBER}),({_NUMBER})\]}}'.encode()
)
_END = re.compile(b"} {0,7}")
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_DIGITS = bytes.maketrans(b"123456789.", b"0" * 10)
_LONG = b"0" * 41
_LARGE_NUMBER = re.compile(b"[eE][+]?(?:2[6-9][0-9]|[3-9][0-9]{2}|0|[0-9]{4})")  # 40 digits with less are finite


class NoModelFile(ModelFileError):
    """The first bytes are those of no model file, damaged or not: it may be a file of something else."""


class Tensor(NamedTuple):
    """The place of an array: bytes start to stop of the data."""

    name: str
    dtype: str  # as the namespace of an array library spells it
    shape: tuple[int, ...]
    start: int
    stop: int


def checked(file: BinaryIO, size: int) -> tuple[dict[str, Any], list[Tensor]]:
    """The description and the tensors of a model file of so many bytes; then file stands at the beginning of its data.

    Raises: ModelFileError, whose text does not name the file.
    """
    head = file.read(8)
    length = int.from_bytes(head, "little")
    if len(head) < 8:
        raise NoModelFile(f"not a model file: it has {size} bytes")
    if length > HEADER_LIMIT:
        raise NoModelFile(f"not a model file: its header would have {length} bytes, {HEADER_LIMIT} are allowed")
    if 8 + length > size:
        raise NoModelFile(f"not a model file, or cut off: its header has {length} bytes, the file {size}")
    header = file.read(length)
    first = header.find(_MIDDLE) + len(_MIDDLE)  # of the sha256
    last = first + 64
    if not header.startswith(_BEGIN) or first < len(_MIDDLE) or header[last : last + 2] != b'"}':
        kind = "a safetensors file, but not one of nnx" if header[:1] == b"{" else "not a model file"
        raise NoModelFile(f"{kind}: its header does not begin as nnx writes it")
    tensors = _tensors(header, last + 2)
    data = tensors[-1].stop if tensors else 0
    if 8 + length + data != size:
        raise ModelFileError(f"damaged: it has {size} bytes, by its header {8 + length + data}")
    digest = sha256(head + header[:first] + ZEROS + header[last:])
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    if digest.hexdigest().encode() != header[first:last]:
        raise ModelFileError("damaged: its contents do not have the sha256 that was written with them")
    description = parse(_unquoted(header[len(_BEGIN) : first - len(_MIDDLE)]))
    if type(description) is not dict or "version" not in description:
        raise ModelFileError("not a model of nnx: its description has no version")
    version = description["version"]
    if type(version) is not int or version not in READS:
        raise ModelFileError(f"version {str(version)[:20]!r} is not known to this nnx, which reads 1 to {VERSION}")
    file.seek(8 + length)
    return description, tensors


def _tensors(header: bytes, at: int) -> list[Tensor]:
    """The tensors of a header from this byte on."""
    tensors: list[Tensor] = []
    names: set[str] = set()
    end = 0
    if header.count(b'"data_offsets":[', at) > TENSOR_LIMIT:  # in the description the quotes would be escaped
        raise ModelFileError(f"not a model file: it has more than {TENSOR_LIMIT} tensors")
    while match := _TENSOR.match(header, at):
        at = match.end()
        name, kind = match[1][:250].decode("latin-1"), match[2][:20].decode("latin-1")
        if not NAME.fullmatch(name) or name in names:
            raise ModelFileError(f"not a model file: {name[:60]!r} is {'there twice' if name in names else 'no name'}")
        if kind not in TYPES:
            raise ModelFileError(f"not a model file: tensor {name[:60]!r} is of an unknown type {kind!r}")
        shape = tuple(map(int, match[3].split(b","))) if match[3] else ()
        start, stop = int(match[4]), int(match[5])
        dtype, width = TYPES[kind]
        if start != end or stop < start:
            raise ModelFileError(f"not a model file: tensor {name[:60]!r} is not where the one before it ends")
        if prod(shape) * width != stop - start or prod(n or 1 for n in shape) > ELEMENT_LIMIT:
            raise ModelFileError(f"not a model file: tensor {name[:60]!r} has not the bytes of its shape")
        tensors.append(Tensor(name, dtype, shape, start, stop))
        names.add(name)
        end = stop
    if not _END.fullmatch(header, at):
        raise ModelFileError(f"not a model file: its header is not as nnx writes it from byte {at} on")
    return tensors


def _unquoted(quoted: bytes) -> str:
    """The text of a JSON string in ASCII, if it is itself in ASCII."""
    try:
        text = str(json.loads(quoted.decode("ascii")))
        text.encode("ascii")
    except ValueError:
        raise ModelFileError("not a model of nnx: its description is not one text in ASCII") from None
    return text


def parse(text: str) -> Any:
    """The values of a JSON text that is neither deep nor long. Raises: ModelFileError."""
    if text.count("[") + text.count("{") + text.count(",") > VALUE_LIMIT:
        raise ModelFileError(f"not a model of nnx: its description has more than {VALUE_LIMIT} values")
    bare = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2]).encode()  # without what is in quotes
    if bare.count(b"{") > OBJECT_LIMIT:
        raise ModelFileError(f"not a model of nnx: its description has more than {OBJECT_LIMIT} objects")
    depth = 0
    for bracket in bare.translate(None, _OTHERS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_LIMIT:
            raise ModelFileError(f"not a model of nnx: its description is nested deeper than {DEPTH_LIMIT}")
    if _LONG in bare.translate(_DIGITS):
        raise ModelFileError("not a model of nnx: its description: a number has too many digits")
    try:
        values = (_CAREFUL if _LARGE_NUMBER.search(bare) else _DECODER).decode(text)
        if "\\ud" in text or "\\uD" in text:  # half of a pair cannot be printed or encoded
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        why = "has half a character" if isinstance(error, UnicodeError) else str(error).splitlines()[0][:80]
        raise ModelFileError(f"not a model of nnx: its description: {why}") from None
    return values


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is there twice")
    return values


def _float(text: str) -> float:
    if not isfinite(value := float(text)):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_CAREFUL = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


def header(text: str, tensors: Iterable[Tensor]) -> tuple[bytes, int]:
    """The first bytes of a file, length included, with zeros for the sha256; and the place of those zeros.

    Raises: ValueError if the file would not be read back.
    """
    kinds = {dtype: kind for kind, (dtype, _) in TYPES.items()}
    parts = [f'{{"__metadata__":{{"format":"nnx","nnx":{json.dumps(text)},"sha256":"{ZEROS.decode()}"}}']
    place = 8 + len(parts[0]) - len(ZEROS) - 2
    for t in tensors:
        shape = ",".join(map(str, t.shape))
        form = f'"dtype":"{kinds[t.dtype]}","shape":[{shape}],"data_offsets":[{t.start},{t.stop}]'
        parts.append(f',"{t.name}":{{{form}}}')
    whole = "".join(parts) + "}"
    whole += " " * (-len(whole) % 8)
    if len(whole) > HEADER_LIMIT:
        raise ValueError(f"its header would have {len(whole)} bytes, {HEADER_LIMIT} may be written")
    return len(whole).to_bytes(8, "little") + whole.encode("ascii"), place
