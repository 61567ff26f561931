"""What the gallery shows: figures of pyplot, by sphinx-gallery's own scraper, and figures made without pyplot.

nnx.plots returns figures that pyplot does not know. One that is the last value of a cell is a picture of that cell, as
in a notebook; sphinx-gallery keeps that value as `___`. (`capture_repr` has no PNG, and would give no thumbnails.)
A film of nnx.plots is a GIF, which needs no script.
"""

from pathlib import Path

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst
from sphinx_gallery.sorting import FileNameSortKey

from nnx.plots.animation import Film

DPI = 150  # of a picture, twice as fine as it is shown

# The folders of examples/gallery in the order of the page.
SECTIONS = ("learning", "layers", "science", "uncertainty", "tables", "running")


# The pages in the order in which to read them; others follow by name.
PAGES = ("gradient_descent", "look_inside", "xor_squared_error", "xor_log_loss", "xor_restarts", "activations")
PAGES += ("two_heads", "autoencoder", "own_layer")


class ReadingOrder(FileNameSortKey):
    """PAGES first, in their order."""

    def __call__(self, filename):
        name = Path(filename).stem.removeprefix("plot_")
        return f"{PAGES.index(name) if name in PAGES else len(PAGES):03} {name}"


def scraper(block, block_vars, gallery_conf):
    """Save the figure or the film that is a cell's last value, and show it once."""
    figure = block_vars["example_globals"].get("___")
    if isinstance(figure, Film) and not hasattr(figure, "in_gallery"):
        figure.in_gallery = True
        path = Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")
        figure.save(path)
        return figure_rst([path], gallery_conf["src_dir"])
    if not isinstance(figure, Figure) or figure.canvas.manager is not None or hasattr(figure, "in_gallery"):
        return ""
    figure.in_gallery = True
    path = next(block_vars["image_path_iterator"])
    figure.savefig(path, dpi=DPI)
    return figure_rst([path], gallery_conf["src_dir"])


OPTIONS = {
    "image_scrapers": ("matplotlib", "gallery.scraper"),
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib\.|nnx\.plots|'(list|tuple|NoneType)'",  # what functions that draw return
    "filename_pattern": r"/plot_",
    "within_subsection_order": "gallery.ReadingOrder",
    "nested_sections": False,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "abort_on_example_error": False,
    "remove_config_comments": True,
    "doc_module": ("nnx",),
    "backreferences_dir": "gallery/uses",
    "reference_url": {"nnx": None},
    "plot_gallery": "True",
}
