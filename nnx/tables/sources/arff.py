"""Tables in ARFF, the format of Weka and OpenML: a header that names the columns above rows of text."""

import csv
import re
from dataclasses import replace

from ...errors import DataError
from ..reading import Reading
from .content import Content
from .encodings import encoding_of
from .names import distinct
from .records import lines_of
from .text import TextFile, text_of

BEGIN = re.compile(rb"(\s*%[^\n]*\n|\s*\n)*\s*@relation\b", re.I)
ATTRIBUTE = re.compile(r"""\s*@attribute\s+("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s{]+)\s*(.*)""", re.I)
HEAD = 1 << 20  # bytes looked at for the encoding


def arff(content: Content, asked: Reading) -> TextFile:
    """An ARFF file; its nominal columns are categories. Raises: DataError."""
    head = content.head(HEAD)
    encoding = encoding_of(content, head, len(head) < HEAD, asked.encoding)
    names, given, begin = list[str](), list[str](), 0
    with text_of(content, encoding) as file:
        try:
            for line, text in enumerate(lines_of(file), 1):
                if found := ATTRIBUTE.match(text):
                    names.append(re.sub(r"\\(.)", r"\1", found[1][1:-1]) if found[1][0] in "'\"" else found[1])
                    given.append("category" if found[2].startswith("{") else "")
                elif text.strip().lower() == "@data":
                    begin = line
                    break
            else:
                raise DataError(f"{content.place}: no line @data, after which an ARFF file has its rows")
            some = [text for text, _ in zip(lines_of(file), range(100), strict=False) if not text.startswith("%")]
        except csv.Error as error:
            raise DataError(f"{content.place}: cannot be read as ARFF: {error}") from None
    if any(text.lstrip().startswith("{") for text in some):
        raise DataError(f"{content.place}: a sparse ARFF file: write its rows in full")
    if not any(text.strip() for text in some):
        raise DataError(f"{content.place}: no rows")
    single, double = (len(re.findall(rf"(?:^|,)\s*{mark}", "".join(some), re.M)) for mark in "'\"")
    quote = "'" if single >= double else '"'
    reading = replace(
        asked, delimiter=",", encoding=encoding, decimal=".", thousands="none", header="no", comment="%",
        skip_rows=begin, skip_footer=0, quote=quote, escape="\\",
    )  # fmt: skip
    table = TextFile(content, reading)
    if len(names) != table.width:
        raise DataError(f"{content.place}: {len(names)} attributes, and {table.width} cells in the first row")
    table.columns = distinct(content.place, names, table.notes)
    table.given = {name: kind for name, kind in zip(table.columns, given, strict=True) if kind}
    return table
