"""A network's beginning and its use: initial parameters on a backend, the usual chain of layers, prediction."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import backends
from .backends import Backend, backend_of
from .contract import Array, Layer, Loss, Params
from .errors import SettingError, ShapeError, require
from .layers import Chain, Dense, Dropout, activation as named_activation
from .random import HostDraw, check_seed


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
    if hasattr(features, "__index__") and not getattr(features, "ndim", 0):
        require(features >= 1, f"init: features must be at least 1, got {features}")
        chosen = backends.backend(backend or "numpy", dtype)
        width = int(features)
    else:
        if getattr(features, "ndim", 0) < 2:
            raise ShapeError("init: expected a number of features, or an array x (rows, features)")
        chosen = backend_of(features, dtype) if backend is None else backends.backend(backend, dtype)
        width = features.shape[-1]
    seeds = check_seed(seed)
    params, _ = net.init(width, HostDraw(seeds))
    with chosen.scope():
        return {name: chosen.floats(p) for name, p in params.items()}


def mlp(hidden: Sequence[int], outputs: int, *, activation: str | Layer = "relu", dropout: float = 0.0) -> Chain:
    """The usual network: Dense and an activation (and Dropout) for each hidden width, then Dense(outputs).

    activation: a layer, or a name such as "relu", "tanh", "gelu", "silu".

    >>> mlp((8,), 1, activation="tanh").names
    ('0.W', '0.b', '2.W', '2.b')
    """
    if not hasattr(hidden, "__iter__"):
        raise SettingError(f"mlp: hidden must be widths such as (128, 64), got {hidden!r}")
    layers: list[Layer] = []
    for width in hidden:
        layers += [Dense(width), named_activation(activation) if isinstance(activation, str) else activation]
        if dropout:
            layers.append(Dropout(dropout))
    return Chain(*layers, Dense(outputs))


def predict(
    net: Layer, params: Mapping[str, Array], x: Array, *, loss: Loss | None = None, batch_size: int = 8192
) -> Array:
    """The network's output for x, computed in batches of rows; with a loss, in the terms of its target.

    Shapes: x (rows, features) of the library and device of params; the output (..., rows, outputs).
    """
    require(batch_size >= 1, f"predict: batch_size must be at least 1, got {batch_size}")
    some = next(iter(params.values()), x)
    xp = backends.namespace(x)
    backends.same_library(params=some, x=x)
    if x.ndim < 2:
        raise ShapeError(f"predict: x has shape {x.shape}, expected (rows, features)")
    x = xp.astype(x, some.dtype, copy=False)
    rows = x.shape[-2]
    starts = range(0, max(rows, 1), batch_size)
    parts = [net.evaluate(params, x[..., start : min(start + batch_size, rows), :])[0] for start in starts]
    parts = parts if loss is None else [loss.predict(z) for z in parts]
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-2)
