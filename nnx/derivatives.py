"""Derivatives along a direction: of a network's output, and of the gradients of its loss.

They are followed with dual numbers through `evaluate` and `backprop` as these are written, on every library: nothing is
differenced, and a layer of one's own needs nothing more.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .backends import dual, namespace, same_library, tangent_of, value_of
from .contract import Array, Key, Layer, Loss, Params
from .errors import ShapeError, require
from .inputs import as_numbers
from .losses import LOSSES, PositionLoss
from .losses.wrapper import evaluated
from .names import spelled
from .network import as_input
from .settings import flag, one_of, part


@spelled
def jvp(
    net: Layer,
    params: Mapping[str, Array],
    x: Array,
    *,
    dparams: Mapping[str, Array] | None = None,
    dx: Array | None = None,
    train: bool = False,
    key: Key | None = None,
) -> tuple[Array, Array]:
    """Output of a network and its derivative along a direction of the parameters and the input: y and J v.

    `dy = (d y / d params) dparams + (d y / d x) dx`. `net.backprop` is the transpose: for each u, <u, dy> is the sum of
    its gradients for dy = u times the direction.

    Parameters
    ----------
    net : Layer
        The network, or a layer.
    params : mapping of str to array
        Its parameters by name.
    x : array
        Rows of the input, of the library of params.
    dparams : mapping of str to array, optional
        The direction of the parameters by name; those that are left out stay.
    dx : array, optional
        The direction of the input, with the shape of x. None: x stays.
    train : bool, default False
        Whether to evaluate as in training, with Dropout and the statistics of the batch.
    key : Key, optional
        The random key, which Dropout needs in training: `nnx.key(seed)`.

    Returns
    -------
    y : array
        The output.
    dy : array
        Its derivative along the direction, with the shape of y.

    Raises
    ------
    ShapeError
        If x does not fit the network, or a direction has another shape than what it is for.
    SettingError
        If no direction is given, a name is none of the network's, or a layer calls a function that dual numbers cannot
        follow.

    Notes
    -----
    Shapes: x, dx (..., rows, i), y, dy (..., rows, u).

    It costs about four times what `evaluate` does. Where a function has a bend, the derivative is that of one
    side.

    Source: Griewank & Walther 2008, "Evaluating Derivatives", section 3.1, forward mode.

    Examples
    --------
    >>> net = nnx.Chain(nnx.Dense(1, weight=nnx.Constant(2.0)), nnx.Softplus())
    >>> x = np.zeros((1, 2))
    >>> y, dy = nnx.jvp(net, nnx.init(net, x), x, dx=np.ones((1, 2)))
    >>> dy.tolist()
    [[2.0]]
    """
    x = as_input("jvp", part("jvp: net", net, Layer), params, x)
    require(dparams is not None or dx is not None, "jvp: give a direction: dparams, dx or both")
    moving = _moving("jvp: dparams", params, {} if dparams is None else dparams)
    along = dual(x) if dx is None else _moved("jvp: dx", x, dx)
    y, _ = net.evaluate(moving, along, train=flag("jvp: train", train), key=_key("jvp", key))
    return value_of(y), tangent_of(y)


@spelled
def hvp(
    net: Layer,
    params: Mapping[str, Array],
    x: Array,
    target: Array,
    direction: Mapping[str, Array],
    *,
    loss: str | Loss,
    weight: Array | None = None,
    train: bool = False,
    key: Key | None = None,
) -> Params:
    """Product of the Hessian matrix of the loss by the parameters and a direction: H v.

    It is the derivative of the gradients along v, followed through `evaluate` and `backprop`; H itself is never made.

    Parameters
    ----------
    net : Layer
        The network.
    params : mapping of str to array
        Its parameters by name.
    x : array
        Rows of the input, of the library of params.
    target : array
        The target, as the loss takes it.
    direction : mapping of str to array
        The direction v by name; parameters that are left out stay.
    loss : str or Loss
        The loss, or its name such as "squared_error".
    weight : array, optional
        The weight of each row, (..., rows).
    train : bool, default False
        Whether to evaluate as in training, with Dropout and the statistics of the batch.
    key : Key, optional
        The random key, which Dropout needs in training: `nnx.key(seed)`.

    Returns
    -------
    dict of str to array
        H v by name, of each parameter that has a gradient.

    Raises
    ------
    ShapeError
        If x or the target does not fit, or a direction has another shape than its parameter.
    SettingError
        If a name is none of the network's, or a layer calls a function that dual numbers cannot follow.

    Notes
    -----
    Shapes: x (..., rows, i); the result as the parameters.

    It costs about three times what the gradient does. At the bends of ReLU and its like the second derivative is taken
    as 0.

    Source: Pearlmutter 1994, "Fast exact multiplication by the Hessian".

    Examples
    --------
    >>> net, x, y = nnx.Dense(1), np.array([[1.0], [3.0]]), np.zeros((2, 1))
    >>> params = nnx.init(net, x)
    >>> nnx.hvp(net, params, x, y, {"W": np.ones((1, 1))}, loss="squared_error")["W"].tolist()
    [[5.0]]
    """
    loss, x, target, weight = _given("hvp", net, params, x, target, weight, loss)
    moving = _moving("hvp: direction", params, direction)
    z, values = net.evaluate(moving, dual(x), train=flag("hvp: train", train), key=_key("hvp", key))
    _, saved = evaluated(loss, z, target, weight, None)
    _, grads = net.backprop(moving, values, dual(loss.backprop(saved)), need_dx=False)
    return {name: tangent_of(g) for name, g in grads.items()}


@spelled
def gnvp(
    net: Layer,
    params: Mapping[str, Array],
    x: Array,
    target: Array,
    direction: Mapping[str, Array],
    *,
    loss: str | Loss,
    weight: Array | None = None,
    train: bool = False,
    key: Key | None = None,
) -> Params:
    """Product of the Gauss-Newton matrix of the loss by the parameters and a direction: J^T H J v.

    J is the Jacobian matrix of the network's output by the parameters, H the Hessian matrix of the loss by that output.
    The matrix leaves out the network's own second derivative; with a convex loss it has no negative eigenvalue.

    Parameters
    ----------
    net : Layer
        The network.
    params : mapping of str to array
        Its parameters by name.
    x : array
        Rows of the input, of the library of params.
    target : array
        The target, as the loss takes it.
    direction : mapping of str to array
        The direction v by name; parameters that are left out stay.
    loss : str or Loss
        The loss, or its name such as "softmax_cross_entropy".
    weight : array, optional
        The weight of each row, (..., rows).
    train : bool, default False
        Whether to evaluate as in training, with Dropout and the statistics of the batch.
    key : Key, optional
        The random key, which Dropout needs in training: `nnx.key(seed)`.

    Returns
    -------
    dict of str to array
        The product by name, of each parameter that has a gradient.

    Raises
    ------
    ShapeError
        If x or the target does not fit, or a direction has another shape than its parameter.
    SettingError
        If a name is none of the network's, or a layer calls a function that dual numbers cannot follow.

    Notes
    -----
    Shapes: x (..., rows, i); the result as the parameters.

    Source: Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent", section 3.

    Examples
    --------
    >>> net, x, y = nnx.mlp((4,), 3), np.ones((2, 5)), np.array([0, 2])
    >>> params = nnx.init(net, x)
    >>> v = {name: np.ones_like(p) for name, p in params.items()}
    >>> found = nnx.gnvp(net, params, x, y, v, loss="softmax_cross_entropy")
    >>> bool(sum(np.sum(v[name] * p) for name, p in found.items()) >= 0)
    True
    """
    loss, x, target, weight = _given("gnvp", net, params, x, target, weight, loss)
    train, key = flag("gnvp: train", train), _key("gnvp", key)
    z, _ = net.evaluate(_moving("gnvp: direction", params, direction), dual(x), train=train, key=key)
    _, saved = evaluated(loss, z, target, weight, None)
    _, values = net.evaluate(params, x, train=train, key=key)
    return net.backprop(params, values, tangent_of(loss.backprop(saved)), need_dx=False)[1]


def _key(place: str, key: Key | None) -> Key | None:
    require(key is None or isinstance(key, Key), f"{place}: key must be one of nnx.key", key)
    return key


def _given(
    place: str, net: Layer, params: Mapping[str, Array], x: Any, target: Any, weight: Any, loss: Any
) -> tuple[Loss, Array, Array, Array | None]:
    """The loss, x, the target and the weight. Raises SettingError, ShapeError, DataError."""
    if isinstance(loss, str):
        loss = LOSSES[one_of(f"{place}: loss", loss, LOSSES)]()
    part(f"{place}: loss", loss, Loss, also="backprop", names=LOSSES)
    x = as_input(place, part(f"{place}: net", net, Layer), params, x)
    with suppress(ShapeError):  # of rows that do not fit, which evaluate says
        shapes, out = net.shapes(tuple(x.shape[1:]))
        one = all(tuple(params[name].shape) == shape for name, shape in shapes.items())  # network, no population
        if one and len(out) > 1 and not loss.positions:
            loss = PositionLoss(loss, len(out) - 1)
    target = as_numbers(f"{place}: target", target)
    if target.ndim < 1:
        raise ShapeError(f"{place}: target has shape (), expected one for each of {x.shape[-2]} rows")
    return loss, x, target, None if weight is None else as_numbers(f"{place}: weight", weight)


def _moving(place: str, params: Mapping[str, Array], direction: Mapping[str, Array]) -> Params:
    """The parameters as dual numbers along the direction. Raises SettingError, and as `_moved`."""
    require(isinstance(direction, Mapping), f"{place} must be arrays by name", direction)
    strange = [name for name in direction if name not in params]
    require(not strange, f"{place} has {strange[0] if strange else ''!r}, which is no parameter of the network")
    return {n: _moved(f"{place} of {n!r}", p, direction[n]) if n in direction else dual(p) for n, p in params.items()}


def _moved(place: str, x: Array, v: Any) -> Any:
    """An array as a dual number along v. Raises DataError, ShapeError, BackendError."""
    v = as_numbers(place, v)
    if tuple(v.shape) != tuple(x.shape):
        raise ShapeError(f"{place} has shape {tuple(v.shape)}, expected {tuple(x.shape)}")
    same_library(**{"the array": x, place: v})
    return dual(x, namespace(x).astype(v, x.dtype, copy=False))
