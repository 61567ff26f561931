"""The API reference: a page for each public name, and a page for each group of them.

A public name that no group takes ends the build with an error; so the reference is complete where the site is built.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path

from docutils import nodes
from sphinx.roles import XRefRole

import nnx

# The file of a group: its title, what it is, and the modules of nnx whose public names are in it.
GROUPS = {
    "layers": ("Layers", "What a network is made of. Each is a frozen dataclass of settings.", "layers"),
    "networks": (
        "Networks and parameters",
        "Networks of several layers, their first parameters, what they predict, a look into them, and derivatives.",
        "network from_data inspection derivatives",
    ),
    "losses": ("Losses", "What is made small. Each has `evaluate` and `backprop`.", "losses"),
    "optimizers": ("Optimizers", "How gradients change parameters.", "optimizers"),
    "schedules": ("Schedules", "How a rate, a decay or a dropout changes over the updates.", "schedules"),
    "initializers": ("Initializers", "How weights begin.", "initializers"),
    "training": (
        "Training",
        "The loop, and what watches, averages and records it. Populations are many networks in one loop.",
        "training nnx.training",
    ),
    "estimators": (
        "Estimators",
        "scikit-learn's interface: drop-in networks, ensembles, and a search that trains all candidates together.",
        "estimators",
    ),
    "tabular": ("Tabular estimators", "From the columns of a table to calibrated predictions.", "tabular"),
    "tables": ("Tables and images", "From columns, and from files of images, to numbers.", "tables images"),
    "files": ("Files and ONNX", "Models in safetensors, and in ONNX.", "files onnx nnx.onnx"),
    "evaluation": ("Metrics and evaluation", "How good predictions are.", "metrics nnx.evaluation"),
    "plots": ("Plots", "Each function returns a matplotlib figure, and writes it if it is given a path.", "nnx.plots"),
    "backends": ("Backends and random keys", "The array library that computes, and where random bits come from.",
                 "backends random"),
    "contract": (
        "Contract",
        "What a layer, a loss and an optimizer are, and the checks of your own and of an array library.",
        "contract laws backend_check",
    ),
    "errors": ("Errors", "Every error of nnx is one line and one of these.", "errors"),
}  # fmt: skip
PAGE = re.compile(r"`?\bdocs/([a-z]+)\.md`?")
STAR = re.compile(r"(?<=, )\*(?=\w)")  # of a shape such as (n, *row), which is no emphasis
KINDS = (nnx.Layer, nnx.Loss, nnx.Optimizer, nnx.Schedule, nnx.Initializer)
CONTRACT = {name for kind in KINDS for name in vars(kind)}
CONTRACT |= {"over", "value", "slope", "formula", "scalars", "shrinkage"}  # explained once, in nnx/contract.py
SCIKIT_LEARN = ("set_", "get_metadata_routing")


def groups():
    """The public names of each group: {file: [(name, object), ...]}."""
    left = {home: [f"nnx.{name}" for name in names.split()] for home, names in nnx._HOMES.items()}
    known = {name for names in left.values() for name in names}
    for part in ("evaluation", "onnx", "plots", "training"):
        public = import_module(f"nnx.{part}").__all__
        left[f"nnx.{part}"] = [f"nnx.{part}.{name}" for name in public if f"nnx.{name}" not in known]
    found = {f: sorted(n for home in row[2].split() for n in left.pop(home, [])) for f, row in GROUPS.items()}
    if left:
        raise ValueError(f"docs/site/reference.py: no group of the reference has the names of {left}")
    return {file: [(name, resolved(name)) for name in names] for file, names in found.items()}


def resolved(name):
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


def escaped(text):
    """A docstring whose shapes are no emphasis; its examples stay."""
    return "\n".join(
        line if line.lstrip().startswith((">>>", "... ")) else STAR.sub(r"\*", line) for line in text.splitlines()
    )


def escape(app, what, name, value, options, lines):
    lines[:] = escaped("\n".join(lines)).splitlines()


def methods(kind):
    """The directives of a class's own methods and properties, those of the contract left out except in it."""
    own = CONTRACT if set(KINDS) & set(kind.__mro__[1:]) else set()
    for name, value in inspect.getmembers(kind):
        target = getattr(value, "fget", value)
        where = getattr(target, "__module__", "") or ""
        if not where.startswith("nnx") or name in own or name.startswith(("_", *SCIKIT_LEARN)):
            continue
        if isinstance(value, property):
            yield "autoproperty", name
        elif callable(value) and not inspect.isclass(value) and inspect.getdoc(value):
            yield "automethod", name


def document(name):
    """The file of a page: a class is told from a function of the same letters where case does not count."""
    twins = {other for other in dir(nnx) if f"nnx.{other}".lower() == name.lower() and other != name[4:]}
    return f"api/{name}-class" if twins and inspect.isclass(resolved(name)) else f"api/{name}"


def short(name):
    return name.removeprefix("nnx.")


def page(name, value):
    """The text of the page of a name."""
    lines = [name, "=" * len(name), ""]
    if inspect.isclass(value):
        lines += [f".. autoclass:: {name}", ""]
        for directive, method in methods(value):
            lines += [f".. {directive}:: {name}.{method}", ""]
    elif callable(value):
        lines += [f".. autofunction:: {name}", ""]
    else:
        lines += [f".. autodata:: {name}", "   :no-value:", ""]
    lines += [f".. minigallery:: {name}", "   :add-heading: In the gallery", ""]
    return "\n".join(lines)


def summary(file, names):
    """The page of a group: its names, each with its first sentence."""
    title, text, _ = GROUPS[file]
    lines = [title, "=" * len(title), "", text, "", ".. list-table::", "   :widths: auto", ""]
    for name, value in names:
        sentence = " ".join(inspect.getdoc(value).split("\n\n")[0].split())
        lines += [f"   * - :py:obj:`{short(name)} <{name}>`", f"     - {sentence}"]
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {short(name)} <{document(name)}>" for name, _ in names)]
    return "\n".join(lines) + "\n"


def write(file, text):
    """Write a page if it is another, so that what has not changed is not read again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def make(app):
    """Write the pages of the reference into the source folder, where git ignores them."""
    folder, kept = Path(app.srcdir) / "reference", set()
    for file, names in groups().items():
        texts = {folder / f"{file}.rst": summary(file, names)}
        texts |= {folder / f"{document(name)}.rst": page(name, value) for name, value in names}
        for path, text in texts.items():
            write(path, text)
        kept |= set(texts)
    lines = ["API reference", "=============", "", "Every public name of nnx, by what it is for.", ""]
    for file, names in groups().items():
        shown = ", ".join(f"`~{name}`" for name, _ in names)
        lines += [f":doc:`{GROUPS[file][0]} <{file}>`", f"   {shown}", ""]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {file}" for file in GROUPS)]
    write(folder / "index.rst", "\n".join(lines) + "\n")
    for path in {*folder.glob("*.rst"), *folder.glob("api/*.rst")} - kept - {folder / "index.rst"}:
        path.unlink()


def link(app, what, name, thing, options, lines):
    """Pages that a docstring names, such as docs/ranks.md, become links."""
    lines[:] = [PAGE.sub(r":doc:`\1 </\1>`", line) for line in lines]


def signature(app, what, name, thing, options, said, returned):
    """The parameters of a class: those of its constructor, and not of `__new__`, which only looks at their names."""
    if what != "class" or said is None:
        return None
    taken = inspect.signature(thing)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in taken.parameters.values()]
    return str(taken.replace(parameters=bare, return_annotation=inspect.Signature.empty)), None


class Name(XRefRole):
    """`Dense` and `nnx.fit` in a docstring are links; `fit`, which may be a method or a parameter, stays code."""

    def run(self):
        name = self.target.lstrip("~!")
        if name.startswith("nnx.") or (name[:1].isupper() and name in nnx.__all__):
            self.name, self.refdomain, self.reftype = "py:obj", "py", "obj"
            return super().run()
        return [nodes.literal(self.rawtext, self.text, classes=["code"])], []


def setup(app):
    app.connect("autodoc-process-docstring", escape, priority=400)  # before numpydoc's
    app.add_role("name", Name())
    app.connect("autodoc-process-docstring", link)
    app.connect("autodoc-process-signature", signature)
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
