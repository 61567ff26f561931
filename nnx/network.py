"""A network's beginning and its use: initial parameters on a backend, the usual chain of layers, prediction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any, Literal

from . import backends
from .backends import Backend, backend_of, in_parts, is_sparse, numpy as host
from .contract import Array, Initializer, Layer, Loss, Params, Row, as_features
from .errors import OutOfMemoryError, SettingError, ShapeError, numbers, require, shown
from .initializers import Constant, Signs, Zeros
from .inputs import as_numbers
from .layers import (
    SELU,
    BatchEnsemble,
    BatchNorm,
    Chain,
    Conv2D,
    Dense,
    DenseEnsemble,
    Dropout,
    EnsembleView,
    GlobalPool,
    LayerNorm,
    Masked,
    MaxPool,
    MultiHeadAttention,
    NTPDense,
    ParametricActivation,
    ReLU,
    Residual,
    Scale,
    ScaleEnsemble,
    activation as named_activation,
)
from .layers.monotone import MonotoneActivation, monotone_layers
from .names import spelled
from .random import HostDraw, check_seed
from .schedules import FlatCosine
from .settings import NOT_NEGATIVE, SHARE, flag, integer, is_own, one_of, part, per_member, real

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

    Parameters
    ----------
    net : Layer
        The network.
    features : int, tuple of int or array
        The number of input features, at least 1, or the shape of a row such as (28, 28, 1); or an array x (rows,
        features) or (rows, *row), whose shape tells it, and whose library, device and float type are then the
        parameters' (unless backend or dtype are given).
    seed : int or sequence of int, default 0
        What the parameters are drawn by, from 0 to 2^64 - 1: the same seed gives the same numbers on every backend.
        Several seeds make a population, on axis 0.
    backend : str or Backend, default None
        Where the parameters are made; None: where x is, or NumPy for a number of features.
    dtype : str, default None
        Their float type, "float32" or "float64"; None: that of x, or "float32" for a number of features.

    Returns
    -------
    dict of str to array
        The parameters by name, such as "0.W" and "0.b" for the first layer of a chain.

    Raises
    ------
    ShapeError
        If x does not have rows and features.
    SettingError
        If the net is no layer, or a number or seed is outside its range.
    BackendError
        If the backend cannot run here.
    OutOfMemoryError
        If there is no room for the parameters.

    Examples
    --------
    >>> net = nnx.mlp((8,), 1)
    >>> {name: p.shape for name, p in nnx.init(net, 3).items()}
    {'0.W': (3, 8), '0.b': (8,), '2.W': (8, 1), '2.b': (1,)}
    >>> nnx.init(net, 3, seed=(0, 1, 2))["0.W"].shape
    (3, 3, 8)
    """
    part("init: net", net, Layer)
    if not hasattr(features, "shape") or not features.shape:
        lengths = features if isinstance(features, (tuple, list)) and features else (features,)
        row = tuple(integer("init: features", length) for length in lengths)
        chosen = backends.backend("numpy" if backend is None else backend, dtype)
    else:
        if len(features.shape) < 2:
            raise ShapeError("init: expected a number of features, or an array x (rows, features)")
        chosen = backend_of(features, dtype) if backend is None else backends.backend(backend, dtype)
        row = tuple(features.shape[1:])
    seeds = check_seed(seed)
    _check_size(net, row, 1 if isinstance(seeds, int) else len(seeds))
    params, _ = net.init(as_features(row), HostDraw(seeds))
    with chosen.scope():
        return {name: chosen.floats(p) for name, p in params.items()}


@spelled
def mlp(hidden: Sequence[int], outputs: int, *, activation: str | Layer = "relu", dropout: float = 0.0) -> Chain:
    """Multilayer perceptron, the usual network for tables: Dense and an activation for each hidden width, then
    Dense(outputs).

    Parameters
    ----------
    hidden : sequence of int
        The widths of the hidden layers, such as (128, 64); () makes a linear model.
    outputs : int
        The number of outputs: 1 or one for each value, or one for each class.
    activation : str or Layer, default "relu"
        The activation after each hidden layer: a layer, or the name of one such as "relu", "tanh", "gelu", "silu".
    dropout : float, default 0.0
        The share of hidden outputs that are dropped in training, at least 0 and below 1, by a Dropout after each
        activation; 0 is none.

    Returns
    -------
    Chain
        The network.

    Raises
    ------
    SettingError
        If a width, the activation or the dropout is none.

    Examples
    --------
    >>> nnx.mlp((8,), 1, activation="tanh").names
    ('0.W', '0.b', '2.W', '2.b')
    """
    layers = [Dense(width) for width in _widths("mlp", hidden)]
    last = Dense(integer("mlp: outputs", outputs))
    return Chain(*_activated("mlp", layers, activation, dropout), last)


@spelled
def cnn(units: Sequence[int], outputs: int, *, activation: str | Layer = "relu", dropout: float = 0.0) -> Chain:
    """Convolutional network, the usual one for images: a stage for each number of units, the mean of each channel over
    the image, then Dense(outputs).

    A stage is `Conv2D(units, 3, padding="same")`, BatchNorm and the activation; between stages `MaxPool(2)` halves
    height and width.

    Parameters
    ----------
    units : sequence of int
        The channels of the stages, such as (32, 64, 128); each but the last halves height and width.
    outputs : int
        The number of outputs: 1 or one for each value, or one for each class.
    activation : str or Layer, default "relu"
        The activation of each stage: a layer, or the name of one such as "relu", "gelu", "silu".
    dropout : float, default 0.0
        The share of the last stage's channels that are dropped in training, at least 0 and below 1; 0 is none.

    Returns
    -------
    Chain
        The network, for rows (height, width, channels).

    Raises
    ------
    SettingError
        If a number, the activation or the dropout is none.

    Examples
    --------
    >>> net = nnx.Chain(nnx.Rescale(1 / 255), nnx.RandomShift(2), nnx.cnn((8, 16), 10))
    >>> nnx.predict(net, nnx.init(net, (28, 28, 1)), np.zeros((2, 28, 28, 1))).shape
    (2, 10)
    """
    f, widths = _named("cnn", activation), _widths("cnn", units, "units")
    require(len(widths) > 0, "cnn: units must be the channels of one stage or more, got none")
    stages = [(Conv2D(width, 3, padding="same"), BatchNorm(), f) for width in widths]
    between = [layer for stage in stages[:-1] for layer in (*stage, MaxPool(2))]
    last = (Dropout(dropout),) if real("cnn: dropout", dropout, SHARE) else ()
    return Chain(*between, *stages[-1], GlobalPool(), *last, Dense(integer("cnn: outputs", outputs)))


@spelled
def monotone_mlp(
    hidden: Sequence[int],
    outputs: int,
    *,
    rising: Sequence[int] = (),
    falling: Sequence[int] = (),
    free: float = 0.5,
    free_outputs: int = 0,
    activation: str | Layer = "relu",
    dropout: float = 0.0,
) -> Chain:
    """A multilayer perceptron whose outputs rise with some columns of x and fall with others, at all parameter values.

    It is a chain like that of `nnx.mlp`, of `nnx.MonotoneDense` and `nnx.MonotoneActivation`. Of the columns that are
    not named the outputs are any function, and so they are of how these act together with the others.

    Parameters
    ----------
    hidden : sequence of int
        The widths of the hidden layers, such as (128, 64); () makes a linear model.
    outputs : int
        The number of outputs.
    rising : sequence of int, default ()
        Numbers of the columns with which the outputs rise, ascending from 0.
    falling : sequence of int, default ()
        Numbers of the columns with which they fall.
    free : float, default 0.5
        The share of the units of each hidden layer that see the columns that are not named alone, at least 0 and below
        1; 0 where all columns are named.
    free_outputs : int, default 0
        Outputs, the first, that do not depend on the columns named: 1 for the logits of two classes, of which the
        second then becomes more probable where a column rises.
    activation : str or Layer, default "relu"
        The activation, one that rises everywhere: relu, leaky_relu, elu, selu, softplus, tanh, sigmoid, identity.
    dropout : float, default 0.0
        The share of hidden outputs that are dropped in training, at least 0 and below 1; predictions have none.

    Returns
    -------
    Chain
        The network.

    Raises
    ------
    SettingError
        If a setting is out of its range, the activation may fall, or a column is named twice.

    Notes
    -----
    Source: Runje & Shankaranarayana 2023, "Constrained monotonic neural networks".

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(size=(200, 2))
    >>> y = np.sqrt(x[:, :1]) + np.sin(6 * x[:, 1:])
    >>> net = nnx.monotone_mlp((16, 16), 1, rising=(0,))
    >>> fit = nnx.fit(net, x, y, loss="squared_error", optimizer=nnx.Adam(0.01), epochs=20)
    >>> path = np.stack([np.linspace(0, 1, 50), np.full(50, 0.3)], axis=1)
    >>> bool((np.diff(fit.predict(path)[:, 0]) >= -1e-6).all())
    True
    """
    share, few = (
        real("monotone_mlp: free", free, SHARE),
        integer("monotone_mlp: free_outputs", free_outputs, NOT_NEGATIVE),
    )
    widths = [*_widths("monotone_mlp", hidden), integer("monotone_mlp: outputs", outputs)]
    *layers, last = monotone_layers(widths, rising, falling, share, few)
    f = _named("monotone_mlp", activation)
    between = (_activated("monotone_mlp", [layer], MonotoneActivation(f, layer.free), dropout) for layer in layers)
    return Chain(*(part for parts in between for part in parts), last)


@spelled
def tabm(
    hidden: Sequence[int],
    outputs: int,
    *,
    members: int = 32,
    kind: Literal["tabm", "mini", "packed"] = "tabm",
    activation: str | Layer = "relu",
    dropout: float = 0.0,
    scale: Initializer = SIGNS,
) -> Chain:
    """TabM: an ensemble of networks that share most of their weights and are trained as one, for tables.

    It takes `nnx.EnsembleLoss` with as many members, whose mean predicts.

    Parameters
    ----------
    hidden : sequence of int
        The widths of the hidden layers, such as (256, 256).
    outputs : int
        The number of outputs of each member.
    members : int, default 32
        The number of members, at least 1.
    kind : str, default "tabm"
        What the members share:

        - "tabm": a BatchEnsemble for each hidden width, so that the members share their weights and differ in their
          factors.
        - "mini": Dense layers that they share whole after a ScaleEnsemble.
        - "packed": a DenseEnsemble for each width, networks that share nothing.

        The last layer is in all of them a DenseEnsemble: a head for each member.
    activation : str or Layer, default "relu"
        The activation after each hidden layer: a layer, or the name of one such as "relu".
    dropout : float, default 0.0
        The share of hidden outputs that are dropped in training, at least 0 and below 1.
    scale : Initializer, default Signs()
        How the first factors R begin.

    Returns
    -------
    Chain
        The network.

    Raises
    ------
    SettingError
        If a setting is outside its range, or the kind is unknown.

    Notes
    -----
    The authors train with AdamW, rate 0.002, weight decay 0.0003 (in `nnx` on W alone), the norm of the gradient
    clipped to 1, until the validation score of the members' mean has not become better for 16 epochs. In "mini" the
    Dense layers begin as those of `mlp` do, not within 1 / sqrt(inputs).

    Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM: advancing tabular deep learning with parameter-efficient
    ensembling".

    Examples
    --------
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
def transformer_block(
    features: int,
    heads: int,
    *,
    hidden: int | None = None,
    activation: str | Layer = "gelu",
    dropout: float = 0.0,
    causal: bool = False,
    rotary: bool = False,
    padding: bool = False,
) -> Chain:
    """A block of a Transformer: attention and two dense layers, each after a LayerNorm and added to what it was given.

    `h = x + attention(norm(x))` and `y = h + dense(f(dense(norm(h))))`, for rows (time, features). A Transformer is a
    Chain of several.

    Parameters
    ----------
    features : int
        The features of a position, a multiple of the heads.
    heads : int
        The heads of the attention, at least 1.
    hidden : int, optional
        The units of the first dense layer; None, the default: 4 times the features.
    activation : str or Layer, default "gelu"
        The activation f between the dense layers: a layer, or the name of one.
    dropout : float, default 0.0
        The share of elements that are dropped in training, at least 0 and below 1: after the attention, after f and at
        the end.
    causal : bool, default False
        True: a position sees itself and those before it alone.
    rotary : bool, default False
        True: the attention has rotary positions.
    padding : bool, default False
        True: a position whose features are all 0 is padding. None sees it, and it stays 0.

    Returns
    -------
    Chain
        The block.

    Raises
    ------
    SettingError
        If a setting is out of its range, or the features are no multiple of the heads.

    Notes
    -----
    Source: Vaswani et al. 2017, "Attention is all you need", figure 1, with the norms in front, as in Xiong et al.
    2020, "On layer normalization in the Transformer architecture".

    Examples
    --------
    >>> block = nnx.transformer_block(16, 4, causal=True)
    >>> net = nnx.Chain(nnx.TokenEmbedding(50, 16), nnx.LearnedPositions(), block, nnx.LayerNorm(), nnx.Dense(50))
    >>> nnx.predict(net, nnx.init(net, (12,)), np.ones((2, 12))).shape
    (2, 12, 50)
    """
    features, heads = integer("transformer_block: features", features), integer("transformer_block: heads", heads)
    width = 4 * features if hidden is None else integer("transformer_block: hidden", hidden)
    turned, hides = flag("transformer_block: rotary", rotary), flag("transformer_block: padding", padding)
    of = "twice the heads, for rotary positions" if turned else "the heads"
    whole = features % ((1 + turned) * heads) == 0
    require(whole, f"transformer_block: features must be a multiple of {of}", features)
    rate = per_member("transformer_block: dropout", dropout, SHARE)
    drop = [Dropout(rate, axes=2)] if any(numbers(rate)) else []
    attention = MultiHeadAttention(heads, flag("transformer_block: causal", causal), turned, hides)
    norm: Layer = Masked(LayerNorm()) if hides else LayerNorm()
    f = _named("transformer_block", activation)
    dense = Chain(LayerNorm(), Dense(width), f, *drop, Dense(features), *drop)
    return Chain(Residual(Chain(norm, attention, *drop)), Residual(Masked(dense) if hides else dense))


@spelled
def realmlp(
    hidden: Sequence[int],
    outputs: int,
    *,
    kind: Literal["td-s", "td"] = "td-s",
    activation: str | Layer = "selu",
    dropout: float = 0.15,
    embedding: Layer | None = None,
) -> Chain:
    """RealMLP, a network for tables: a scale for each column, then NTPDense and an activation for each hidden width.

    An NTPDense(outputs) is the last layer. How it is trained is part of the recipe: docs/realmlp.md.

    Parameters
    ----------
    hidden : sequence of int
        The widths of the hidden layers, such as (256, 256, 256).
    outputs : int
        The number of outputs.
    kind : str, default "td-s"
        The variant:

        - "td-s": the simple one, whose last layer begins at 0.
        - "td": with a ParametricActivation and Dropout for each hidden width; it begins best with the parameters of
          `nnx.init_from_data`.
    activation : str or Layer, default "selu"
        A layer, or the name of one; the authors take "selu" for classes, "mish" for values.
    dropout : float, default 0.15
        For "td", the share of hidden outputs that are dropped at first, at least 0 and below 1; it falls to 0 by
        `nnx.FlatCosine()`.
    embedding : Layer, default None
        A layer in front, such as `nnx.PBLDEmbedding`, or None.

    Returns
    -------
    Chain
        The network.

    Raises
    ------
    SettingError
        If a setting is outside its range, or the kind is unknown.

    Notes
    -----
    Source: Holzmueller, Grinsztajn & Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted trees on
    tabular data".

    Examples
    --------
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


def _widths(name: str, hidden: Sequence[int], setting: str = "hidden") -> list[int]:
    if not hasattr(hidden, "__iter__") or isinstance(hidden, (str, bytes, Mapping)):
        raise SettingError(f"{name}: {setting} must be widths such as (128, 64), got {shown(hidden)}")
    return [integer(f"{name}: {setting}", width) for width in hidden]


def _named(name: str, activation: str | Layer) -> Layer:
    """The activation of this name, or the layer given."""
    after: Layer = named_activation(activation) if isinstance(activation, str) else activation
    part(f"{name}: activation", after, Layer, names={"relu": ReLU})
    return after


def _activated(name: str, layers: Sequence[Layer], activation: str | Layer, dropout: float) -> Iterator[Layer]:
    """Each layer with the activation (and Dropout) after it."""
    after = _named(name, activation)
    dropout = per_member(f"{name}: dropout", dropout, SHARE)
    drops = any(numbers(dropout))
    for layer in layers:
        yield from (layer, after, Dropout(dropout)) if drops else (layer, after)


def _check_size(net: Layer, row: Row, members: int) -> None:
    """Raise OutOfMemoryError for a network whose parameters, drawn in float64, the host has no room for."""
    shapes = net.shapes(row)[0] if type(net).shapes is not Layer.shapes else {}
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
    """Output of a network for rows of x, computed in batches; with a loss, in the terms of its target.

    `Fit.predict` and `Model.predict` do the same with the parameters that they hold.

    Parameters
    ----------
    net : Layer
        The network.
    params : dict of str to array
        Its parameters by name.
    x : array or sparse matrix
        The rows (rows, features), of the library and device of params; or a sparse matrix of SciPy, on NumPy.
    loss : Loss, default None
        The loss that says what the output means: probabilities, counts, or values. None: the output z as it is.
    batch_size : int, default 8192
        Rows at once, at least 1; members of an ensemble count as rows.

    Returns
    -------
    array
        The predictions (..., rows, outputs).

    Raises
    ------
    ShapeError
        If x does not have the network's features.
    SettingError
        If params are not the network's, or x is sparse and the first layer not Dense.
    BackendError
        If x and params are of different libraries.

    Notes
    -----
    Shapes: x (rows, features); the output (..., rows, outputs), with the rows of all members where the network makes
    them and no loss brings them together.

    Examples
    --------
    >>> net = nnx.mlp((8,), 3)
    >>> params = nnx.init(net, 2)
    >>> p = nnx.predict(net, params, np.ones((5, 2)), loss=nnx.SoftmaxCrossEntropy())
    >>> p.shape, bool(abs(p.sum(axis=1) - 1.0).max() < 1e-6)
    ((5, 3), True)
    """
    part("predict: net", net, Layer)
    if loss is not None:
        part("predict: loss", loss, Loss)
    batch_size = integer("predict: batch_size", batch_size)
    x = as_input("predict", net, params, x)
    return in_parts(prediction(net, loss), max(batch_size // net.copies, 1), axes_after(net))(params, x)


def as_input(place: str, net: Layer, params: Mapping[str, Array], x: Any) -> Any:
    """x as rows for a network with these parameters, in their type. Raises: SettingError, ShapeError, BackendError."""
    check_params(place, net, params)
    some = next(iter(params.values()), x)
    if is_sparse(x):
        check_takes_sparse(net)
        return backend_of(some).as_floats(x)
    x = as_numbers(f"{place}: x", x)
    backends.same_library(params=some, x=x)
    if x.ndim < 2:
        raise ShapeError(f"{place}: x has shape {x.shape}, expected (rows, features) or (rows, *row)")
    return backends.namespace(some).astype(x, some.dtype, copy=False)


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
    return in_parts(prediction(net, loss), _rows_of(net), axes_after(net))


@lru_cache(maxsize=64)
def _compiled_prediction(backend: Backend, net: Any, loss: Any) -> Callable[..., Array]:
    return backend.for_rows(prediction(net, loss), _rows_of(net), axes_after(net))


def axes_after(net: Layer) -> Callable[[Row], int]:
    """How many axes a row of the output has for rows of x of this shape."""
    return lambda row: len(net.shapes(row)[1]) if len(row) > 1 else 1


def _rows_of(net: Layer) -> int:
    """How many rows are predicted at once."""
    return max(ROWS // net.copies, 1)
