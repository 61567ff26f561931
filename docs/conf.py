"""How the site is built: `ci/docs`. Everything it shows is in this folder; nothing is loaded from elsewhere."""

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "site"), str(HERE.parent)]

import gallery

import nnx

project, author, copyright = "nnx", "The nnx developers", "The nnx developers, BSD-3-Clause"
version = release = nnx.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "backprop",  # these are in docs/site: the code of every layer, and its check
    "formulas",  # formulas without a script
    "home",  # the picture of the home page
    "reference",  # a page for every public name
]
exclude_patterns = ["_build", "site", "css", "pictures"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "name"  # `nnx.fit` in a docstring is a link: docs/site/reference.py
nitpicky = False
smartquotes = False  # "relu" is written so
highlight_language = "none"
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
myst_fence_as_directive = []

autodoc_typehints = "none"  # the types are in the docstrings
numpydoc_show_class_members = False
numpydoc_validate = False
toc_object_entries_show_parents = "hide"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = gallery.OPTIONS | {
    "examples_dirs": str(HERE.parent / "examples" / "gallery"),
    "gallery_dirs": "gallery",
    "subsection_order": [f"../examples/gallery/{name}" for name in gallery.SECTIONS] + ["*"],
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "nnx"
html_static_path = ["css"]
html_css_files = ["nnx.css"]
html_favicon = "../nnx/playground/page/icon.svg"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "nnx"},
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_nav_level": 1,
    "collapse_navigation": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}
warnings.filterwarnings("error", module="reference")
