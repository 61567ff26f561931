"""The formulas of layers, losses and optimizers, read from their docstrings."""

import re
from functools import cache
from inspect import getdoc
from typing import Any

EQUATION = re.compile(r"\S [-+*/]?= \S")
ASIDE = ("By name", "`predict`")


def _sentences(doc: str, paragraphs: int | None = None) -> list[str]:
    parts = re.split(r"\n\s*\n", doc)[:paragraphs]
    return [s for p in parts for s in re.split(r"(?<=\.)\s+(?=\S)", " ".join(p.split()))]


@cache
def _formula(doc: str) -> str:
    sentences = _sentences(doc, 2)
    found = [s for s in sentences if EQUATION.search(s) and not s.startswith(ASIDE)] or sentences[:1]
    return " ".join(found).replace("`", "").rstrip(".;:")


def formula(kind: type[Any]) -> str:
    """The sentences of a class's docstring, in its first two paragraphs, that say an equation; else its first one."""
    return _formula(getdoc(kind) or "")


@cache
def _gradient(doc: str) -> str:
    whole = _formula(doc)
    if "y' = " in whole:
        return f"dx = dy * y'. {whole}"
    found = [s for s in _sentences(doc) if "dx = " in s and EQUATION.search(s)]
    return " ".join(found).replace("`", "").rstrip(".;:") or whole


def gradient(kind: type[Any]) -> str:
    """The sentences of a class's docstring that say its gradient, for an activation by its slope y'."""
    return _gradient(getdoc(kind) or "")
