"""MurmurHash3: a text becomes a number that is the same on every machine, and in ONNX."""

from typing import Any

from ...backends import numpy as host
from ..kinds.cells import arrow

FEW = 64  # texts that still have bytes left: so few are hashed one by one
PART = 1 << 16  # words of 32 bits of a long text taken at once
_C1, _C2 = 0xCC9E2D51, 0x1B873593


def murmur3(texts: Any, seed: int) -> Any:
    """MurmurHash3_x86_32 of the UTF-8 bytes of each text, Arrow text or a list: uint32 (n,) on the host.

    Words of all texts are mixed in together, the longest texts first, until few are left.
    Source: Austin Appleby, MurmurHash3.cpp (public domain), as in scikit-learn's murmurhash3_32.
    """
    xp, pa = host.namespace(), arrow()
    texts = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    bounds, data = _bytes(texts)
    lengths = bounds[1:] - bounds[:-1]
    order = xp.argsort(-lengths, stable=True)
    start, lengths = bounds[:-1][order], lengths[order]
    words = lengths // 4
    h = xp.full(len(texts), seed & 0xFFFFFFFF, dtype="uint32")
    step, left = 0, len(texts)  # texts that have more than `step` words
    while (left := int(xp.searchsorted(-words[:left], -step))) > FEW:
        h[:left] = _stirred(h[:left] ^ _mixed(_word(data, start[:left] + 4 * step)))
        step += 1
    for i in range(left):
        h[i] = _one(data[start[i] + 4 * step : start[i] + 4 * words[i]], int(h[i]))
    rest = (lengths % 4).astype("uint32")
    tail = _word(data, start + 4 * words) & ((xp.uint32(1) << (xp.uint32(8) * rest)) - xp.uint32(1))
    h = h ^ _mixed(tail) ^ lengths.astype("uint32")
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> xp.uint32(shift))) * xp.uint32(factor)
    out = xp.empty(len(texts), dtype="uint32")
    out[order] = h ^ (h >> xp.uint32(16))
    return out


def _bytes(texts: Any) -> tuple[Any, Any]:
    """Where each text begins, and ends as the next begins: int64 (n + 1,); and the bytes of all, with four more."""
    xp = host.namespace()
    _, bounds, data = texts.buffers()
    many = slice(texts.offset, texts.offset + len(texts) + 1)
    kind = "int64" if arrow().types.is_large_string(texts.type) else "int32"
    places = xp.frombuffer(bounds, dtype=kind)[many].astype("int64") if len(texts) else xp.zeros(1, dtype="int64")
    own = xp.frombuffer(data, dtype="uint8")[places[0] : places[-1]] if data else xp.zeros(0, dtype="uint8")
    return places - places[0], xp.concat([own, xp.zeros(4, dtype="uint8")])


def _word(data: Any, place: Any) -> Any:
    """The four bytes at these places as one number, the lowest first."""
    xp = host.namespace()
    word = data[place].astype("uint32")
    for i in range(1, 4):
        word |= data[place + i].astype("uint32") << xp.uint32(8 * i)
    return word


def _one(data: Any, h: int) -> int:
    """The hash of a text after the rest of its words, one by one."""
    for start in range(0, len(data), 4 * PART):
        part = data[start : start + 4 * PART]
        for k in _mixed(host.namespace().frombuffer(part.tobytes(), dtype="<u4").astype("uint32")).tolist():
            h ^= k
            h = ((h << 13 | h >> 19) * 5 + 0xE6546B64) & 0xFFFFFFFF
    return h


def _mixed(k: Any) -> Any:
    """A word as it is mixed in: zero stays zero."""
    xp = host.namespace()
    return _rotated(k * xp.uint32(_C1), 15) * xp.uint32(_C2)


def _stirred(h: Any) -> Any:
    xp = host.namespace()
    return _rotated(h, 13) * xp.uint32(5) + xp.uint32(0xE6546B64)


def _rotated(x: Any, by: int) -> Any:
    xp = host.namespace()
    return (x << xp.uint32(by)) | (x >> xp.uint32(32 - by))
