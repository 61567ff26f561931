"""The formulas of layers, losses and optimizers, read from their docstrings."""

import re
from functools import cache
from inspect import getdoc
from typing import Any

EQUATION = re.compile(r"\S [-+*/]?= \S")
ASIDE = ("By name", "`predict`")


@cache
def _formula(doc: str) -> str:
    paragraphs = re.split(r"\n\s*\n", doc)[:2]
    sentences = [s for p in paragraphs for s in re.split(r"(?<=\.)\s+(?=\S)", " ".join(p.split()))]
    found = [s for s in sentences if EQUATION.search(s) and not s.startswith(ASIDE)] or sentences[:1]
    return " ".join(found).replace("`", "").rstrip(".;:")


def formula(kind: type[Any]) -> str:
    """The sentences of a class's docstring, in its first two paragraphs, that say an equation; else its first one."""
    return _formula(getdoc(kind) or "")
