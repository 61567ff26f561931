"""The pages "How backprop is computed here", made from the tables of layers, losses and optimizers.

A layer that has no example here, or whose gradient is not the central difference, ends the build with an error.
"""

import inspect
from pathlib import Path
from types import CodeType, FunctionType

import numpy as np
from reference import escaped, write

import nnx
from nnx.layers import LAYERS
from nnx.layers.activation import Elementwise
from nnx.losses import KINDS
from nnx.optimizers import OPTIMIZERS

ROOT = Path(nnx.__file__).parent.parent
PAGES = {  # the module of nnx.layers: its title, and a sentence
    "dense": ("Dense", "The affine map that most weights are in."),
    "activation": (
        "Activations",
        "On every element y = f(x): `value` is f, `slope` f', and all have the backprop dx = dy * slope.",
    ),
    "norm": ("Layer and batch normalisation", "Rows, or columns, are brought to mean 0 and variance 1."),
    "rms_norm": ("RMS normalisation", "Rows are brought to a mean square of 1."),
    "dropout": ("Dropout", "Random elements are 0 while the network trains."),
    "combine": ("Containers", "Networks of networks: there is no graph, each hands on what it is handed back."),
    "convolution": ("Convolution", "Windows of images and sequences, all times one matrix."),
    "pooling": ("Pooling", "The largest or the mean of windows, or of all positions."),
    "group_norm": ("Group normalisation", "Groups of channels brought to mean 0 and variance 1 in each row."),
    "squeeze_excite": ("Squeeze and excitation", "Channels weighed by what a row as a whole looks like."),
    "reshape": ("Rows of another shape", "The same elements in the same order."),
    "augmentation": ("Augmentation", "Images that are flipped, shifted or covered at random while the network trains."),
    "rescale": ("Rescaling", "Pixels times a constant."),
    "embedding": ("Embedding", "Columns of codes become rows of learned tables."),
    "tokens": ("Tokens and positions", "A learned vector for each token, and one for each position."),
    "attention": ("Attention", "Each position takes means of all positions, weighted by how well they fit it."),
    "masked": ("Padding", "Positions of zeros, which stay zeros."),
    "gru": ("Gated recurrent unit", "A state that goes along a sequence."),
    "piecewise": ("Piecewise linear encodings", "Numbers by where they lie between the edges of bins."),
    "periodic": ("Periodic embeddings", "Numbers by sines and cosines of learned frequencies."),
    "monotone": ("Monotone layers", "Outputs that rise or fall with some columns, whatever was learned."),
    "realmlp": ("The parts of RealMLP", "Each is of use by itself."),
    "ensemble": ("Members in the rows", "The parts of TabM: members that share some or all of their weights."),
    "networks": ("Networks of networks", "Whole networks side by side, whose predictions are averaged."),
}
EXAMPLES = {  # of those that have no usual setting, or whose class by itself says little
    "Dense": "nnx.Dense(3)",
    "NTPDense": "nnx.NTPDense(3)",
    "Dropout": "nnx.Dropout(0.4)",
    "Conv1D": 'nnx.Conv1D(3, 3, padding="same")',
    "Conv2D": "nnx.Conv2D(3, 2)",
    "MaxPool": "nnx.MaxPool(2)",
    "AvgPool": "nnx.AvgPool(2)",
    "Reshape": "nnx.Reshape((2, 2, 1))",
    "Cutout": "nnx.Cutout(2)",
    "Chain": "nnx.Chain(nnx.Dense(6), nnx.Tanh(), nnx.Dense(2))",
    "Residual": "nnx.Residual(nnx.Chain(nnx.Dense(4), nnx.Tanh()))",
    "Concat": "nnx.Concat(nnx.Dense(2), nnx.Identity())",
    "MonotoneDense": "nnx.MonotoneDense(3, rising=(0,), falling=(2,), free=1)",
    "MonotoneActivation": "nnx.MonotoneActivation(nnx.Tanh(), free=1)",
    "ParametricActivation": "nnx.ParametricActivation(nnx.SELU())",
    "PiecewiseLinear": "nnx.PiecewiseLinear(((-1.0, -0.5, 0.0, 0.7), (0.0, 1.0)), (0, 2))",
    "PiecewiseLinearEmbedding": "nnx.PiecewiseLinearEmbedding(((-1.0, -0.5, 0.0, 0.7), (0.0, 1.0)), 3, (0, 2))",
    "PLREmbedding": "nnx.PLREmbedding(3, 4, 0.3)",
    "PBLDEmbedding": "nnx.PBLDEmbedding(3, 4)",
    "Embedding": "nnx.Embedding((4, 3), (1, 3), 2)",
    "TokenEmbedding": "nnx.TokenEmbedding(5, 3)",
    "MultiHeadAttention": "nnx.MultiHeadAttention(2)",
    "Masked": "nnx.Masked(nnx.Dense(2))",
    "GroupNorm": "nnx.GroupNorm(2)",
    "GRU": "nnx.GRU(3)",
    "EnsembleView": "nnx.EnsembleView(3)",
    "ScaleEnsemble": "nnx.Chain(nnx.EnsembleView(3), nnx.ScaleEnsemble(3))",
    "BatchEnsemble": "nnx.Chain(nnx.EnsembleView(3), nnx.BatchEnsemble(2, 3))",
    "DenseEnsemble": "nnx.Chain(nnx.EnsembleView(3), nnx.DenseEnsemble(2, 3))",
    "Ensemble": "nnx.Ensemble(nnx.Chain(nnx.Dense(3), nnx.Tanh(), nnx.Dense(2)), 3)",
    "Committee": "nnx.Committee(nnx.Dense(2), nnx.Chain(nnx.Dense(3), nnx.Tanh(), nnx.Dense(2)))",
}
ROWS = ((4,), (5, 2), (5, 4, 2))  # an example gets the first that its layer takes
CODES = ("Embedding", "TokenEmbedding")  # layers of whole numbers
LOSS_EXAMPLES = {  # the loss, z and the target
    "BinaryCrossEntropy": ("nnx.BinaryCrossEntropy()", 2, "(rng.random((6, 2)) < 0.5).astype(float)"),
    "SoftmaxCrossEntropy": ("nnx.SoftmaxCrossEntropy()", 3, "rng.integers(0, 3, 6)"),
    "Poisson": ("nnx.Poisson()", 2, "rng.poisson(2.0, (6, 2)).astype(float)"),
    "Quantile": ("nnx.Quantile((0.1, 0.5, 0.9))", 3, "rng.normal(size=(6, 1))"),
    "EnsembleLoss": ("nnx.EnsembleLoss(nnx.SquaredError(), 3)", 2, "rng.normal(size=(2, 2))"),
    "PositionLoss": ("nnx.PositionLoss(nnx.SoftmaxCrossEntropy())", (4, 3), "rng.integers(0, 3, (6, 4))"),
    "ScaledLoss": ("nnx.ScaledLoss(nnx.SquaredError(), (5.0, 100.0), (2.0, 30.0))", 2, "5 + rng.normal(size=(6, 2))"),
    "ClampedLoss": ("nnx.ClampedLoss(nnx.SquaredError(), (-1.0, -1.0), (1.0, 1.0))", 2, "rng.normal(size=(6, 2))"),
}
STEP = 1e-6
CHECKS = ("check", "refuse", "same_shape")  # functions that only raise errors are left out
METHODS = ("evaluate", "backprop", "update")


def owner(kind, method):
    """The class that a method of a class is written in."""
    return next(base for base in kind.__mro__ if method in vars(base))


def source(function):
    """The file of a function or class, from a page of this folder, and its name in it."""
    function = inspect.unwrap(getattr(function, "fget", function))
    return f"../../{Path(inspect.getfile(function)).relative_to(ROOT)}", function.__qualname__


def names_in(code):
    """Every name that a function's code has, inner functions included."""
    inner = (names_in(c) for c in code.co_consts if isinstance(c, CodeType))
    return {*code.co_names}.union(*inner)


def used(function):
    """The functions of the same class or of nnx's layers and losses that a function calls, besides the checks."""
    function = inspect.unwrap(function)
    for name in sorted(names_in(function.__code__)):
        found = function.__globals__.get(name)
        found = inspect.unwrap(found) if callable(found) else None
        if isinstance(found, FunctionType) and found.__module__.startswith(("nnx.layers", "nnx.losses")):
            yield found


def own(kind, function):
    """The private methods of a class, or of one that it shares them with, that a method calls."""
    for name in sorted(names_in(inspect.unwrap(function).__code__)):
        method = getattr(kind, name, None)
        hidden = name.startswith("_") or name == "value"
        if hidden and isinstance(method, FunctionType) and method.__module__.startswith("nnx.layers"):
            yield method


def code_of(kind):
    """The code of a class's evaluate and backprop, and of what they call: functions, each once, in that order."""
    methods = [m for m in METHODS if any(m in vars(base) for base in kind.__mro__)]
    if issubclass(kind, Elementwise):
        methods = ["value", "slope"]
    owners = [(owner(kind, m), m) for m in methods]
    found = [vars(base)[m] for base, m in owners if base not in (nnx.Layer, nnx.Loss)]
    for function in found:  # which grows meanwhile
        more = [*own(kind, function), *used(function)]
        found += [f for f in more if f not in found and not f.__name__.lstrip("_").startswith(CHECKS)]
    return found


def literal(function):
    path, name = source(function)
    return [f".. literalinclude:: {path}", f"   :pyobject: {name}", "   :language: python", "   :dedent:", ""]


def told(kind):
    """What the docstring says before its sections, and its line of shapes."""
    text = escaped(inspect.getdoc(kind))
    head = text.split("\nParameters\n---")[0].split("\nNotes\n---")[0].split("\nExamples\n---")[0]
    head = [p for p in head.split("\n\n") if not p.startswith(("Shapes:", "Raises:", "Source:", "Settings:"))]
    said = [p.split("Source:")[0].strip() for p in text.split("\n\n") if "Shapes:" in p]
    said = [p[p.index("Shapes:") :] for p in said]
    return [*"\n\n".join(head + said).splitlines(), ""]


def differences(layer, x):
    """Of x and each parameter: the derivative along a random direction by backprop, and by a central difference."""
    rng, key = np.random.default_rng(1), nnx.key(0)
    params = {n: p + 0.1 * rng.normal(size=p.shape) for n, p in nnx.init(layer, x, dtype="float64").items()}
    y, saved = layer.evaluate(params, x, train=True, key=key)
    dy = rng.normal(size=y.shape)
    dx, grads = layer.backprop(params, saved, dy)

    def output(name, move):
        at = params | ({name: params[name] + move} if name in params else {})
        return np.sum(dy * layer.evaluate(at, x + move if name == "x" else x, train=True, key=key)[0])

    for name, gradient in {"x": dx, **grads}.items():
        direction = rng.normal(size=gradient.shape)
        difference = (output(name, STEP * direction) - output(name, -STEP * direction)) / (2 * STEP)
        yield name, float(np.sum(gradient * direction)), float(difference)


def table(layer, x):
    """The differences as a table; a gradient that is another is an error."""
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - derivative along a random direction of"]
    lines += ["     - by backprop", "     - by a central difference"]
    for name, by_backprop, by_difference in differences(layer, x):
        if not np.isclose(by_backprop, by_difference, rtol=1e-5, atol=1e-7):
            raise ValueError(
                f"{layer}: the gradient of {name} is {by_backprop}, its central difference {by_difference}"
            )
        lines += [f"   * - ``{name}``", f"     - {by_backprop:.7f}", f"     - {by_difference:.7f}"]
    return [*lines, ""]


def part(kind, program, seen):
    """A layer or loss: what it is, its code but for what is on the page already, and its check."""
    lines = [kind.__name__, "-" * len(kind.__name__), "", *told(kind)]
    for function in code_of(kind):
        if function not in seen:
            seen.add(function)
            lines += literal(function)
    names = {"nnx": nnx, "np": np}
    *before, check = program
    for line in before:
        exec(line, names)
    if faults := eval(check, names):
        raise ValueError(f"{check}: {faults}")
    lines += ["The check, run when this page was made:", "", ".. code-block:: pycon", ""]
    lines += [*(f"   >>> {line}" for line in program), "   no faults", ""]
    return [*lines, *(table(names["layer"], names["x"]) if "layer" in names else [])]


def row_of(layer):
    """The shape of the first kind of row that a layer takes."""
    for row in ROWS:
        try:
            layer.shapes(row)
        except nnx.ShapeError:
            continue
        return row
    raise ValueError(f"docs/site/backprop.py: {layer} takes none of the rows {ROWS}")


def of_layer(name, seen):
    layer = EXAMPLES.get(name, f"nnx.{name}()")
    x = f"rng.normal(size={(6, *row_of(eval(layer)))})"
    x = f"np.abs(np.round({x}))" if name in CODES else x
    program = ["rng = np.random.default_rng(0)", f"x = {x}", f"layer = {layer}", "nnx.check(layer, x)"]
    return part(LAYERS[name], program, seen)


def of_loss(kind, seen):
    loss, outputs, target = LOSS_EXAMPLES.get(kind.__name__, (f"nnx.{kind.__name__}()", 2, "rng.normal(size=(6, 2))"))
    shape = (6, *outputs) if isinstance(outputs, tuple) else (6, outputs)
    program = ["rng = np.random.default_rng(0)", f"z = rng.normal(size={shape})", f"target = {target}"]
    return part(kind, [*program, f"nnx.check({loss}, z, target)"], seen)


def of_optimizer(kind):
    return [kind.__name__, "-" * len(kind.__name__), "", *told(kind), *literal(kind.formula)]


def pages():
    """The file of each page, its title, its sentence and its parts."""
    modules = {}
    for name, kind in LAYERS.items():
        modules.setdefault(kind.__module__.rpartition(".")[2], []).append(name)
    if missing := set(modules) - set(PAGES):
        raise ValueError(f"docs/site/backprop.py: PAGES has no page for the layers of {missing}")
    for module, (title, text) in PAGES.items():
        seen = set()
        yield module, title, text, [of_layer(name, seen) for name in modules[module]]
    seen = set()
    text = "A mean over the rows, and its derivative by the network's output z. `s` is the share of a row in the mean."
    yield "losses", "Losses", text, [of_loss(kind, seen) for kind in KINDS]
    text = "What becomes of a parameter p and the slots of its optimizer, given its gradient g: one formula on arrays."
    yield "optimizers", "Optimizers", text, [of_optimizer(kind) for kind in OPTIMIZERS.values()]


def make(app):
    folder = Path(app.srcdir) / "backprop"
    for file, title, text, parts in pages():
        lines = [title, "=" * len(title), "", text, ""]
        parts = parts if len(parts) > 1 else [parts[0][3:]]  # the title is enough of a heading
        write(folder / f"{file}.rst", "\n".join([*lines, *(line for p in parts for line in p)]) + "\n")


def setup(app):
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
