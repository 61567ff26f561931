"""The decimal and the thousands mark of the numbers in some cells."""

import re

from ..reading import Reading

COMMA, POINT = re.compile(r"[-+]?\d*,\d+"), re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
MARKS = {",": ",", ".": r"\.", "'": "['\u2019]", "space": "[ \u00a0\u202f]", "_": "_"}  # between thousands


def marks(table: list[list[str]], asked: Reading) -> tuple[str, str]:
    """The decimal and the thousands mark of the numbers in these cells, "none" where there is none."""
    cells = [c.strip() for row in table for c in row if c and c.strip()[-1:].isdigit()]
    commas, points = ([c for c in cells if form.fullmatch(c)] for form in (COMMA, POINT))
    thousand = {mark: [c for c in cells if _grouped(mark, c)] for mark in MARKS}
    sure = len(commas) - sum("." not in c and c.count(",") == 1 for c in thousand[","])
    sure += sum("," in c for c in thousand["."])
    other = len(points) - sum("," not in c and c.count(".") == 1 for c in thousand["."])
    decimal = asked.decimal or ("," if asked.thousands == "." or (sure > other and asked.thousands != ",") else ".")
    found = [mark for mark, own in thousand.items() if mark != decimal and own]
    odd = {",": commas, ".": points}.get(found[0] if found else "", [])
    if not found or any(not _grouped(found[0], c) for c in odd):
        return decimal, "none"
    return decimal, found[0]


def _grouped(mark: str, cell: str) -> bool:
    """True for a number with this mark between its thousands."""
    decimal = r"(,\d+)?" if mark == "." else r"(\.\d+)?" if mark == "," else r"([.,]\d+)?"
    return re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}({MARKS[mark]}\d{{3}})+{decimal}", cell) is not None
