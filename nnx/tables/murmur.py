"""MurmurHash3: a text becomes a number that is the same on every machine, and in ONNX."""

from collections.abc import Sequence
from typing import Any

from ..backends import numpy as host

GROUP = 1 << 20  # words of 32 bits hashed at once
_C1, _C2 = 0xCC9E2D51, 0x1B873593


def murmur3(texts: Sequence[str], seed: int) -> Any:
    """MurmurHash3_x86_32 of the UTF-8 bytes of each text: uint32 (n,) on the host.

    Source: Austin Appleby, MurmurHash3.cpp (public domain), as in scikit-learn's murmurhash3_32.
    """
    xp = host.namespace()
    encoded = [text.encode() for text in texts]
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
    out = xp.zeros(len(encoded), dtype="uint32")
    start = 0
    while start < len(order):  # texts of about one length together, so that little is padded
        stop = start + 1
        while stop < len(order) and (len(encoded[order[stop]]) // 4 + 1) * (stop + 1 - start) <= GROUP:
            stop += 1
        out[order[start:stop]] = _murmur3([encoded[i] for i in order[start:stop]], seed)
        start = stop
    return out


def _murmur3(encoded: list[bytes], seed: int) -> Any:
    xp = host.namespace()
    lengths = xp.asarray([len(b) for b in encoded], dtype="int64")
    blocks = max((len(b) // 4 for b in encoded), default=0) + 1
    padded = b"".join(b.ljust(4 * blocks, b"\0") for b in encoded)
    words = xp.frombuffer(padded, dtype="<u4").reshape(len(encoded), blocks).astype("uint32")
    h = xp.full(len(encoded), seed & 0xFFFFFFFF, dtype="uint32")
    with host.scope(None, "float32", ""):
        for i in range(blocks):
            k = _rotated(words[:, i] * xp.uint32(_C1), 15) * xp.uint32(_C2)
            full = i < lengths // 4
            mixed = _rotated(h ^ k, 13) * xp.uint32(5) + xp.uint32(0xE6546B64)
            tail = (i == lengths // 4) & (lengths % 4 > 0)  # the padding is zero, so the rest mixes in as it is
            h = xp.where(full, mixed, xp.where(tail, h ^ k, h))
        h = h ^ lengths.astype("uint32")
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            h = (h ^ (h >> xp.uint32(shift))) * xp.uint32(factor)
        return h ^ (h >> xp.uint32(16))


def _rotated(x: Any, by: int) -> Any:
    xp = host.namespace()
    return (x << xp.uint32(by)) | (x >> xp.uint32(32 - by))
