"""A picture as SVG inside a page: text stays text, and the colours are the page's own, by day and by night."""

import re
from io import StringIO
from typing import Any

from ..errors import printable
from .style import COLOURS, GREY, GRID, INK, PAPER

# Names that the page's style sheet gives a colour to, for light and for dark.
VARIABLES = {INK: "ink", PAPER: "paper", GRID: "grid", GREY: "grey"} | {c: f"c{i}" for i, c in enumerate(COLOURS)}


def inline_svg(figure: Any, name: str, label: str) -> str:
    """The figure as an <svg> element, without its background.

    name: put before every id, so that pictures on one page do not mix.
    label: what the picture shows, for those who cannot see it.
    """
    from html import escape

    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    from .figure import quiet

    file = StringIO()
    figure.patch.set_visible(False)
    figure.set_layout_engine(
        "tight", pad=0.35, rect=None
    )  # one look at the sizes of all texts, where constrained takes two
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nnx"}), quiet():  # savefig would draw it twice
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = "\n".join(map(printable, text.split("\n")))  # names in it come from the data
    text = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    head, body = text.split(">", 1)
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)[0]
    body = re.sub(r"<[^>]+>", lambda m: _own(m[0], name), body)
    size = f'viewBox="0 0 {width} {height}" style="max-width: {float(width) * 4 / 3:.0f}px"'
    return f'<svg {size} role="img" aria-label="{escape(label)}">{body.strip()}'


def _own(tag: str, name: str) -> str:
    """A tag with ids of its own picture, the page's colours and the page's font."""
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var(--{VARIABLES[m[0]]})" if m[0] in VARIABLES else m[0], tag)
