"""Model files built by hand: whole ones, and a corpus of hostile ones, one for each rule of `nnx/files/check.py`."""

import json
from hashlib import sha256

ZEROS = b"0" * 64
PLACE = b'"sha256":"'


def signed(content: bytes) -> bytes:
    """The file with the sha256 it ought to have, as a forger would write it; unchanged if it has no place for it."""
    at = content.find(PLACE) + len(PLACE)
    if at < len(PLACE) or len(content) < at + 64:
        return content
    digest = sha256(content[:at] + ZEROS + content[at + 64 :]).hexdigest().encode()
    return content[:at] + digest + content[at + 64 :]


def entries(tensors) -> str:
    """The part of a header that says where tensors lie: (name, type, shape, bytes) one after another."""
    text, end = "", 0
    for name, kind, shape, size in tensors:
        dims = ",".join(map(str, shape))
        text += f',"{name}":{{"dtype":"{kind}","shape":[{dims}],"data_offsets":[{end},{end + size}]}}'
        end += size
    return text


def header(description: str, listed: str) -> bytes:
    """A header without its length."""
    quoted = json.dumps(description)
    return f'{{"__metadata__":{{"format":"nnx","nnx":{quoted},"sha256":"{ZEROS.decode()}"}}{listed}}}'.encode()


def framed(head: bytes, data: bytes = b"") -> bytes:
    """A file of a header and data, padded and signed."""
    head += b" " * (-len(head) % 8)
    return signed(len(head).to_bytes(8, "little") + head + data)


def packed(description: str, tensors, data: bytes = b"") -> bytes:
    """A file with this description and these tensors (name, type, shape, bytes)."""
    return framed(header(description, entries(tensors)), data)
