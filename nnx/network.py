"""A network's beginning and its use: initial parameters on a backend, the usual chain of layers, prediction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any

from . import backends
from .backends import Backend, backend_of, in_parts, is_sparse, numpy as host
from .contract import Array, Initializer, Layer, Loss, Params
from .errors import OutOfMemoryError, SettingError, ShapeError, numbers, require, shown
from .initializers import Constant, Signs, Zeros
from .inputs import as_numbers
from .layers import (
    SELU,
    BatchEnsemble,
    Chain,
    Dense,
    DenseEnsemble,
    Dropout,
    EnsembleView,
    NTPDense,
    ParametricActivation,
    ReLU,
    Scale,
    ScaleEnsemble,
    activation as named_activation,
)
from .names import spelled
from .random import HostDraw, check_seed
from .schedules import FlatCosine
from .settings import SHARE, integer, is_own, one_of, part, per_member, real

ONES, SIGNS, ZEROS = Constant(1.0), Signs(), Zeros()
ROWS = 8192  # predicted at once
MUCH = 2**28  # bytes of initial parameters, from which on it is asked whether there is room


@spelled
def init(
    net: Layer,
    features: Any,
    *,
    seed: int | Sequence[int] = 0,
    backend: str | Backend | None = None,
    dtype: str | None = None,
) -> Params:
    """Initial parameters of a network, by name.

    features: the number of input features, or an array x, whose last axis tells it, and whose library, device and
    float type are then the parameters' (unless backend or dtype are given; a number alone means NumPy, float32).
    seed: the same seed gives the same numbers on every backend. Several seeds make a population, axis 0.

    Raises: ShapeError, SettingError, BackendError.
    """
    part("init: net", net, Layer)
    if not hasattr(features, "shape") or not features.shape:
        width = integer("init: features", features)
        chosen = backends.backend("numpy" if backend is None else backend, dtype)
    else:
        if len(features.shape) < 2:
            raise ShapeError("init: expected a number of features, or an array x (rows, features)")
        chosen = backend_of(features, dtype) if backend is None else backends.backend(backend, dtype)
        width = features.shape[-1]
    seeds = check_seed(seed)
    _check_size(net, width, 1 if isinstance(seeds, int) else len(seeds))
    params, _ = net.init(width, HostDraw(seeds))
    with chosen.scope():
        return {name: chosen.floats(p) for name, p in params.items()}


@spelled
def mlp(hidden: Sequence[int], outputs: int, *, activation: str | Layer = "relu", dropout: float = 0.0) -> Chain:
    """The usual network: Dense and an activation (and Dropout) for each hidden width, then Dense(outputs).

    activation: a layer, or a name such as "relu", "tanh", "gelu", "silu".

    >>> mlp((8,), 1, activation="tanh").names
    ('0.W', '0.b', '2.W', '2.b')
    """
    layers = [Dense(width) for width in _widths("mlp", hidden)]
    last = Dense(integer("mlp: outputs", outputs))
    return Chain(*_activated("mlp", layers, activation, dropout), last)


@spelled
def tabm(
    hidden: Sequence[int],
    outputs: int,
    *,
    members: int = 32,
    kind: str = "tabm",
    activation: str | Layer = "relu",
    dropout: float = 0.0,
    scale: Initializer = SIGNS,
) -> Chain:
    """TabM: an ensemble of so many networks that is trained as one. It takes `nnx.EnsembleLoss` with as many members.

    kind: "tabm", a BatchEnsemble for each hidden width, so that the members share their weights and differ in their
        factors; "mini", Dense layers that they share whole after a ScaleEnsemble; "packed", a DenseEnsemble for each
        width: networks that share nothing. The last layer is in all of them a DenseEnsemble: a head for each member.
    activation: a layer, or a name such as "relu". scale: how the first factors R begin.

    The authors train with AdamW, rate 0.002, weight decay 0.0003 (in `nnx` on W alone), the norm of the gradient
    clipped to 1, until the validation score of the members' mean has not become better for 16 epochs.

    Raises: SettingError.
    Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM: advancing tabular deep learning with parameter-efficient
    ensembling". In "mini" the Dense layers begin as those of `mlp` do, not within 1 / sqrt(inputs).

    >>> net = nnx.tabm((16,), 3, members=4, dropout=0.1)
    >>> loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 4)
    >>> x, y = np.random.default_rng(0).normal(size=(60, 5)), np.arange(60) % 3
    >>> fit = nnx.fit(net, x, y, loss=loss, optimizer=nnx.AdamW(0.002, weight_decay=0.0003), epochs=2)
    >>> fit.predict(x).shape
    (60, 3)
    """
    widths, members = _widths("tabm", hidden), integer("tabm: members", members)
    outputs, scale = integer("tabm: outputs", outputs), part("tabm: scale", scale, Initializer)
    kinds: dict[str, list[Layer]] = {
        "tabm": [BatchEnsemble(width, members, ONES if i else scale) for i, width in enumerate(widths)],
        "mini": [Dense(width) for width in widths],
        "packed": [DenseEnsemble(width, members) for width in widths],
    }
    one_of("kind of tabm", kind, kinds)
    own = [ScaleEnsemble(members, scale)] if kind == "mini" else []
    between = _activated("tabm", kinds[kind], activation, dropout)
    return Chain(EnsembleView(members), *own, *between, DenseEnsemble(outputs, members))


@spelled
def realmlp(
    hidden: Sequence[int],
    outputs: int,
    *,
    kind: str = "td-s",
    activation: str | Layer = "selu",
    dropout: float = 0.15,
    embedding: Layer | None = None,
) -> Chain:
    """RealMLP: a scale for each column, then NTPDense and an activation for each hidden width, then NTPDense(outputs).

    kind: "td-s", whose last layer begins at 0; or "td", with a ParametricActivation and Dropout for each hidden width,
        which begins best with the parameters of `nnx.init_from_data`.
    activation: a layer, or a name; the authors take "selu" for classes, "mish" for values.
    dropout: of "td", at first; it falls to 0 by `nnx.FlatCosine()`. embedding: a layer in front, or None.

    How it is trained is part of the recipe: docs/realmlp.md.
    Raises: SettingError.
    Source: Holzmueller, Grinsztajn & Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted trees on
    tabular data".

    >>> net = nnx.realmlp((256, 256, 256), 3)
    >>> sorted(nnx.init(net, 10))[:3]
    ['0.gain', '1.W', '1.b']
    """
    one_of("kind of realmlp", kind, ("td-s", "td"))
    widths, outputs = _widths("realmlp", hidden), integer("realmlp: outputs", outputs)
    f: Layer = named_activation(activation) if isinstance(activation, str) else activation
    part("realmlp: activation", f, Layer, names={"selu": SELU})
    rate = real("realmlp: dropout", dropout, SHARE)
    front = [] if embedding is None else [part("realmlp: embedding", embedding, Layer)]
    if kind == "td-s":
        between = [layer for width in widths for layer in (NTPDense(width), f)]
        return Chain(*front, Scale(), *between, NTPDense(outputs, ZEROS, ZEROS))
    after = [ParametricActivation(f), *([Dropout(rate, FlatCosine())] if rate else [])]
    return Chain(*front, Scale(), *(layer for w in widths for layer in (NTPDense(w), *after)), NTPDense(outputs))


def _widths(name: str, hidden: Sequence[int]) -> list[int]:
    if not hasattr(hidden, "__iter__") or isinstance(hidden, (str, bytes, Mapping)):
        raise SettingError(f"{name}: hidden must be widths such as (128, 64), got {shown(hidden)}")
    return [integer(f"{name}: hidden", width) for width in hidden]


def _activated(name: str, layers: Sequence[Layer], activation: str | Layer, dropout: float) -> Iterator[Layer]:
    """Each layer with the activation (and Dropout) after it."""
    after: Layer = named_activation(activation) if isinstance(activation, str) else activation
    part(f"{name}: activation", after, Layer, names={"relu": ReLU})
    dropout = per_member(f"{name}: dropout", dropout, SHARE)
    drops = any(numbers(dropout))
    for layer in layers:
        yield from (layer, after, Dropout(dropout)) if drops else (layer, after)


def _check_size(net: Layer, features: int, members: int) -> None:
    """Raise OutOfMemoryError for a network whose parameters, drawn in float64, the host has no room for."""
    shapes = net.shapes((features,))[0] if type(net).shapes is not Layer.shapes else {}
    needed, free = 8 * members * sum(map(prod, shapes.values())), host.free_memory(None)
    if needed > max(free, MUCH) and free:
        sizes = f"{needed / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are free"
        raise OutOfMemoryError(f"out of memory: the initial parameters need {sizes}; a smaller network would fit")


def check_params(place: str, net: Layer, params: Any) -> None:
    """Raise SettingError unless these are the parameters of the network by name."""
    require(isinstance(params, Mapping), f"{place}: params must be arrays by name", params)
    lacking = [name for name in (*net.names, *net.running) if name not in params]
    require(not lacking, f"{place}: params lacks {lacking[0] if lacking else ''!r}, which the network has")


def check_takes_sparse(net: Layer) -> None:
    """Raise SettingError unless the network takes sparse rows as they are: its first layer is Dense."""
    first: Any = net
    while isinstance(first, Chain):
        first = first.layers[0]
    kind = type(first).__name__
    require(isinstance(first, Dense), f"sparse x: the first layer must be Dense, not {kind}; or give x.toarray()")


@spelled
def predict(
    net: Layer, params: Mapping[str, Array], x: Array, *, loss: Loss | None = None, batch_size: int = ROWS
) -> Array:
    """The network's output for x, computed in batches of rows; with a loss, in the terms of its target.

    batch_size: rows at once; members of an ensemble count as rows.
    Shapes: x (rows, features) of the library and device of params, or a sparse matrix of SciPy; the output
    (..., rows, outputs), with the rows of all members where the network makes them and no loss brings them together.
    """
    part("predict: net", net, Layer)
    if loss is not None:
        part("predict: loss", loss, Loss)
    batch_size = integer("predict: batch_size", batch_size)
    check_params("predict", net, params)
    some = next(iter(params.values()), x)
    xp = backends.namespace(some)
    if is_sparse(x):
        check_takes_sparse(net)
        x = backend_of(some).as_floats(x)
    else:
        x = as_numbers("predict: x", x)
        backends.same_library(params=some, x=x)
        if x.ndim < 2:
            raise ShapeError(f"predict: x has shape {x.shape}, expected (rows, features)")
        x = xp.astype(x, some.dtype, copy=False)
    return in_parts(prediction(net, loss), max(batch_size // net.copies, 1))(params, x)


def prediction(net: Layer, loss: Loss | None) -> Callable[[Mapping[str, Array], Array], Array]:
    """The output for rows of x, with a loss in the terms of its target, as a function of params and x."""

    def predicted(params: Mapping[str, Array], x: Array) -> Array:
        z = net.evaluate(params, x)[0]
        return z if loss is None else loss.predict(z)

    return predicted


def compiled_prediction(backend: Backend, net: Layer, loss: Loss | None) -> Callable[..., Array]:
    """The same for any number of rows, as fast as the backend makes it where all parts are nnx's own.

    Each row is then on its own.
    """
    if is_own(net) and is_own(loss):
        parts: tuple[Any, Any] = net, loss
        return _compiled_prediction(backend, *parts)
    return in_parts(prediction(net, loss), _rows_of(net))


@lru_cache(maxsize=64)
def _compiled_prediction(backend: Backend, net: Any, loss: Any) -> Callable[..., Array]:
    return backend.for_rows(prediction(net, loss), _rows_of(net))


def _rows_of(net: Layer) -> int:
    """How many rows are predicted at once."""
    return max(ROWS // net.copies, 1)
