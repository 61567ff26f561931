"""Whether all links, pictures, styles and scripts of a built site are there, anchors too, and none is from elsewhere.

    python docs/site/links.py docs/_build/html

Prints a line for each that is not, and how many there are of all; ends with 1 if any is missing.
"""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}  # what a browser fetches


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.loaded = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {value for name, value in attrs if name in ("id", "name") and value}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get(LOADED.get(tag)):
            self.loaded.append(given[LOADED[tag]])


@cache
def page(path):
    return Page(path.read_text(errors="replace"))


def faults(site):
    """A line for each link that leads nowhere."""
    for path in sorted(set(site.rglob("*.html")) - set(site.glob("_static/*"))):  # a template of the theme is there
        for link in dict.fromkeys(page(path).links + page(path).loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page(path).loaded and parts.scheme != "data":
                    yield f"{path.relative_to(site)}: {link} is loaded from elsewhere"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site)}: there is no {link}"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in page(target).anchors:
                yield f"{path.relative_to(site)}: {link} has no such anchor"


if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    found = list(faults(site))
    print("\n".join(found))
    pages = list(site.rglob("*.html"))
    print(f"{len(pages)} pages, {sum(len(page(p).links) for p in pages)} links, {len(found)} lead nowhere")
    sys.exit(bool(found))
