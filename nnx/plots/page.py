"""A page of HTML that stands by itself: one file, no script, nothing fetched, light and dark, on paper and phones."""

from collections.abc import Mapping, Sequence

from ..markup import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --grid: #d5d9de; --grey: #6b7178; --card: #f5f7f9;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9; --c6: #8c6d31;
  --c7: #5b4fa2; }
@media screen and (prefers-color-scheme: dark) { :root {
  --ink: #e4e7eb; --paper: #15181c; --grid: #333941; --grey: #98a0aa; --card: #1e2328;
  --c0: #56b4e9; --c1: #ff9a4d; --c2: #2fcf9f; --c3: #e6a5c8; --c4: #f2c14e; --c5: #9ad4f5;
  --c6: #c9a968; --c7: #a79df0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .25rem; }
p { margin: 0 0 .75rem; color: var(--grey); font-size: .9rem; }
.scores { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 0 0 1.5rem; }
.scores div { background: var(--card); border-radius: .5rem; padding: .6rem .9rem; }
.scores dt { color: var(--grey); font-size: .8rem; }
.scores dd { margin: 0; font-size: 1.45rem; font-variant-numeric: tabular-nums; }
.scores div:first-child dd { font-weight: 600; color: var(--c0); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.25rem; margin: 0 0 2rem; }
.facts div { display: contents; }
.facts dt { color: var(--grey); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
section { margin: 0 0 2rem; break-inside: avoid; min-width: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 0 2rem; }
svg { display: block; width: 100%; height: auto; }
.wide { overflow-x: auto; }
.wide svg { min-width: 36rem; }
summary { cursor: pointer; font-weight: 600; }
pre { background: var(--card); border-radius: .5rem; padding: .9rem; overflow-x: auto; font-size: .85rem; }
footer { color: var(--grey); font-size: .8rem; border-top: 1px solid var(--grid); padding-top: .75rem; }
@media (max-width: 30rem) { .facts { grid-template-columns: 1fr; } .facts dd { margin: 0 0 .4rem; } }
@media print { body { max-width: none; padding: 0; font-size: 12px; }
  .scores div, pre { border: 1px solid var(--grid); }
  .pair { grid-template-columns: 1fr 1fr; break-inside: avoid; } pre { white-space: pre-wrap; } }
"""


def page(title: str, body: str) -> str:
    """The whole page. body is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


def pairs(kind: str, values: Mapping[str, object]) -> str:
    """A list of names and values: `scores` or `facts`."""
    rows = [f"<div><dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd></div>" for k, v in values.items()]
    text = "\n".join(rows)
    return f'<dl class="{kind}">\n{text}\n</dl>' if rows else ""


def section(title: str, text: str, picture: str) -> str:
    """A picture under its title, and a line that says how to read it. The picture is HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>\n{picture}\n</section>"


def notes(lines: Sequence[str]) -> str:
    """A section with a list of remarks; nothing where there are none."""
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<section>\n<h2>Notes</h2>\n<ul>\n{items}\n</ul>\n</section>" if lines else ""


def beside(*sections: str) -> str:
    """Sections next to each other where there is room."""
    return f'<div class="pair">\n{"".join(sections)}\n</div>'


def wide(picture: str) -> str:
    """A picture that is scrolled where there is too little room for it."""
    return f'<div class="wide">{picture}</div>'


def folded(title: str, text: str) -> str:
    """Text that is shown when its title is clicked."""
    return f"<details>\n<summary>{escape(title)}</summary>\n<pre>{escape(text)}</pre>\n</details>"
