"""What the compressed parts of Parquet and Arrow files say they grow to, read from their headers before any is decoded.

Source: the formats, parquet-format/src/main/thrift/parquet.thrift and arrow/format/{Message,File}.fbs; the encodings of
their headers are Thrift's compact protocol and FlatBuffers.
"""

from collections.abc import Iterator
from struct import error as StructError, unpack_from
from typing import Any

DICTIONARY = 2  # a header of Arrow
DELTA, CODES = 7, (2, 8)  # encodings of Parquet: DELTA_BYTE_ARRAY, and codes of a dictionary
WRONG = (
    AttributeError,
    IndexError,
    KeyError,
    StructError,
    TypeError,
    ValueError,
    RecursionError,
)  # what a header that lies leads to


def pages(data: Any, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Of each page of a column chunk, which is between two places of a Parquet file: its bytes when it is decompressed,
    the number of its values (0: a dictionary), and their encoding."""
    while start < stop:
        head, body = _struct(data, start, 0)
        page = head.get(5) or head.get(8) or {}  # DataPageHeader, DataPageHeaderV2
        encoding = page.get(2 if 5 in head else 4, 0)
        if not isinstance(head[2], int) or not isinstance(head[3], int) or min(head[2], head[3]) < 0:
            raise ValueError("a page of a negative size")
        yield head[2], page.get(1, 0), encoding
        start = body + head[3]


def _struct(data: Any, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """The numbers and structures of a Thrift structure by the numbers of their fields, and the place after it."""
    if depth > 8:
        raise RecursionError
    found, number = {}, 0
    while (byte := data[at]) != 0:
        at += 1
        if byte >> 4:
            number += byte >> 4
        else:
            number, at = _zigzag(data, at)
        found[number], at = _value(data, at, byte & 15, depth)
    return found, at + 1


def _value(data: Any, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _zigzag(data, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        size, at = _varint(data, at)
        return None, at + size
    if kind == 12:
        return _struct(data, at, depth + 1)
    raise ValueError(f"a field of kind {kind}")


def _varint(data: Any, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at + shift // 7]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + shift // 7 + 1
    raise ValueError("a number of more than 10 bytes")


def _zigzag(data: Any, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def batch(metadata: Any, body: Any) -> tuple[int, int]:
    """The rows of an Arrow message, 0 of a dictionary, and the bytes of its buffers when they are decompressed."""
    message = unpack_from("<I", metadata, 0)[0]
    found, rows = _table(metadata, message, 2), None
    if unpack_from("<B", metadata, _field(metadata, message, 1) or 0)[0] == DICTIONARY:
        found, rows = _table(metadata, found, 1), 0
    if rows is None and (place := _field(metadata, found, 0)):
        rows = unpack_from("<q", metadata, place)[0]
    vector, total = _table(metadata, found, 2), 0
    for i in range(unpack_from("<I", metadata, vector)[0]):
        offset, length = unpack_from("<qq", metadata, vector + 4 + 16 * i)
        if length and _field(metadata, found, 3) is not None:  # it is compressed: its length is before it, or -1
            length = max(unpack_from("<q", body, offset)[0], length)
        total += length
    return rows or 0, total


def _field(data: Any, table: int, number: int) -> int | None:
    """The place of a field of a FlatBuffers table; None if it is not there."""
    vtable = table - unpack_from("<i", data, table)[0]
    if 6 + 2 * number > unpack_from("<H", data, vtable)[0]:
        return None
    offset = unpack_from("<H", data, vtable + 4 + 2 * number)[0]
    return table + offset if offset else None


def _table(data: Any, table: int, number: int) -> int:
    """The place of the table or vector that a field refers to."""
    place = _field(data, table, number)
    if place is None:
        raise ValueError(f"a header without field {number}")
    return place + int(unpack_from("<I", data, place)[0])
