"""Initial parameters from rows of data, layer by layer."""

from collections.abc import Sequence
from typing import Any

from . import backends
from .backends import Backend, backend_of, numpy as host
from .contract import Array, Layer, Params
from .errors import DataError, ShapeError
from .inputs import as_numbers
from .layers import Chain, Concat, Dense, Residual
from .names import spelled
from .random import HostDraw, check_seed, permutation
from .settings import optional_name, part

ROWS = 8192  # of a large x so many are looked at
POINTS = 5  # rows whose weighted mean a bias is taken from


@spelled
def init_from_data(
    net: Layer,
    x: Any,
    *,
    seed: int | Sequence[int] = 0,
    backend: str | Backend | None = None,
    dtype: str | None = None,
) -> Params:
    """Initial parameters of a network that suit the rows x, by name.

    Each Dense and NTPDense layer draws W as it does in `nnx.init` and divides every column by the deviation of its
    output z over the rows, so that z begins with deviation 1. Then b = -sum(v z) over five random rows, drawn for each
    unit as the weights v are, which are exponential and divided by their sum: where z + b = 0 lies among the data.
    Other layers begin as in `nnx.init`. The rows pass from layer to layer as in prediction.

    Parameters
    ----------
    net : Layer
        The network.
    x : array
        The rows (rows, features) that it will be trained on. Of more than 8192 rows so many, chosen at random, are
        looked at.
    seed : int or sequence of int, default 0
        What the parameters are drawn by, as for `nnx.init`; several seeds make a population, on axis 0.
    backend : str or Backend, default None
        Where the parameters are made; None: where x is.
    dtype : str, default None
        Their float type, "float32" or "float64"; None: that of x.

    Returns
    -------
    dict of str to array
        The parameters by name, to be given as `nnx.fit(..., params=params)`.

    Raises
    ------
    DataError
        If x has values that are not finite.
    ShapeError
        If x does not have rows and features.
    SettingError
        If the net is no layer, or a seed is outside its range.
    BackendError
        If the backend cannot run here.

    Notes
    -----
    The result is computed in float64 on the host: the same bits for every backend.

    Shapes: x (rows, features).

    Source: Holzmueller, Grinsztajn & Steinwart 2024, RealMLP-TD, "std" and "he+5"; the biases are of Steinwart 2019.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> net = nnx.Chain(nnx.NTPDense(8), nnx.SELU(), nnx.NTPDense(2))
    >>> params = nnx.init_from_data(net, x, seed=1)
    >>> fit = nnx.fit(net, x, x[:, :2], loss="squared_error", params=params, epochs=1)
    """
    part("init_from_data: net", net, Layer)
    dtype = optional_name("init_from_data: dtype", dtype)
    given = as_numbers("init_from_data: x", x)
    if given.ndim != 2 or 0 in given.shape:
        raise ShapeError(f"init_from_data: expected x (rows, features), got shape {tuple(given.shape)}")
    chosen = backend_of(given, dtype) if backend is None else backends.backend(backend, dtype)
    xp = host.namespace()
    rows = xp.asarray(backend_of(given).to_numpy(given), dtype="float64")
    if not xp.isfinite(rows).all():
        raise DataError("init_from_data: x has values that are not finite")
    seeds = check_seed(seed)
    if isinstance(seeds, int):
        params = _of_member(net, rows, seeds)
    else:
        members = [_of_member(net, rows, own) for own in seeds]
        params = {name: xp.stack([own[name] for own in members]) for name in members[0]}
    with chosen.scope():
        return {name: chosen.floats(p) for name, p in params.items()}


def _of_member(net: Layer, x: Array, seed: int) -> Params:
    some = x if len(x) <= ROWS else x[permutation(seed, "init_from_data", len(x))[:ROWS]]
    return _begin(net, some, HostDraw(seed))[0]


def _begin(layer: Layer, x: Array, draw: HostDraw) -> tuple[Params, Array]:
    """The parameters of a layer for rows x, and its output."""
    xp = host.namespace()
    if isinstance(layer, (Chain, Concat)):
        params: Params = {}
        outputs = []
        for i, inner in enumerate(layer.layers):
            own, y = _begin(inner, x, draw.fold(str(i)))
            params |= {f"{i}.{name}": p for name, p in own.items()}
            outputs.append(y)
            x = y if isinstance(layer, Chain) else x
        return params, outputs[-1] if isinstance(layer, Chain) else xp.concatenate(outputs, axis=-1)
    if isinstance(layer, Residual):
        params, y = _begin(layer.layer, x, draw)
        return params, x + y
    params, _ = layer.init(x.shape[-1], draw)
    if isinstance(layer, Dense):
        params["b"] = xp.zeros_like(params["b"])
        z, _ = layer.evaluate(params, x)
        deviation = z.std(axis=0)
        deviation[deviation < 1e-12 * abs(z).max()] = 0.0  # of a column of one value, but for rounding
        factor = 1.0 / xp.where(deviation > 0.0, deviation, 1.0)
        params["W"] = params["W"] * factor
        z *= factor
        chosen = (draw.fold("rows").uniform((POINTS, layer.units)) * len(x)).astype("int64")
        v = -xp.log1p(-draw.fold("v").uniform((POINTS, layer.units)))
        params["b"] = -(v * xp.take_along_axis(z, chosen, axis=0)).sum(axis=0) / v.sum(axis=0)
    return params, layer.evaluate(params, x)[0]
