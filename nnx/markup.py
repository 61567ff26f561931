"""Pieces of HTML by which objects show themselves in a notebook: tables and curves, without scripts or files."""

from collections.abc import Mapping, Sequence
from html import escape as escaped
from math import isfinite, log10

from .errors import printable

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#5b4fa2")
WIDTH, HEIGHT = 320, 120
CELL = "text-align:left;padding:.1em .8em .1em 0"


def escape(text: str) -> str:
    """Text as HTML, with control characters and those that change the direction of writing spelled out."""
    return escaped("\n".join(map(printable, text.split("\n"))))


def heading(text: str) -> str:
    """A line in bold above what follows."""
    return f"<p style='margin:.3em 0'><b>{escape(text)}</b></p>"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of texts and numbers; head may be empty."""
    names = "".join(f"<th style='{CELL}'>{escape(name)}</th>" for name in head)
    lines = ["".join(f"<td style='{CELL}'>{escape(str(cell))}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table style='border-collapse:collapse'>{f'<tr>{names}</tr>' if names else ''}{body}</table>"


def curves(lines: Mapping[str, Sequence[float]], *, legend: bool = True) -> str:
    """Figures by epoch as lines; on a logarithmic scale where all are positive and differ by more than a factor 3."""
    lines = {name: values for name, values in lines.items() if any(map(isfinite, values))}
    known = [v for values in lines.values() for v in values if isfinite(v)]
    if not known:
        return ""
    low, high = min(known), max(known)
    logarithmic = low > 0 and high > 3 * low
    start, end = (log10(low), log10(high)) if logarithmic else (low, high)
    span = (end - start) or 1.0
    paths = []
    for i, values in enumerate(lines.values()):
        across = WIDTH / max(len(values) - 1, 1)
        heights = [(log10(v) if logarithmic else v) if isfinite(v) else None for v in values]
        at = [
            f"{k * across:.1f},{HEIGHT * (1 - (h - start) / span):.1f}" for k, h in enumerate(heights) if h is not None
        ]
        paths.append(f"<polyline points='{' '.join(at)}' fill='none' stroke='{COLOURS[i % 8]}' stroke-width='1.6'/>")
    names = [f"<span style='color:{COLOURS[i % 8]}'>{escape(name)}</span>" for i, name in enumerate(lines)]
    said = f"{', '.join(lines)} by epoch, from {low:.3g} to {high:.3g}" if legend else "curves by epoch"
    box = f"viewBox='-2 -2 {WIDTH + 4} {HEIGHT + 4}' style='width:{WIDTH}px;max-width:100%;height:auto;display:block'"
    scale = f"{low:.3g} to {high:.3g}{', logarithmic' if logarithmic else ''}"
    below = f"<small>{' '.join(names) if legend else ''} ({scale})</small>"
    return f"<svg {box} role='img' aria-label='{escape(said)}'>{''.join(paths)}</svg>{below}"
