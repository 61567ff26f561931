"""Dual numbers: arrays that carry a tangent, so that a function of arrays is followed along a direction.

`Dual(x, dx)` stands for x + e dx with e^2 = 0. Each function of arrays on it gives the value, and by the chain rule the
tangent: `exp(x + e dx) = exp(x) + e exp(x) dx`. What `evaluate` makes of dual parameters and a dual x is y and its
derivative along the direction, exact to rounding; what `backprop` makes of them is the gradient and the derivative of
the gradient. Layers and losses say nothing for it: they are written with these functions alone.

Source: Clifford 1873; Pearlmutter 1994, "Fast exact multiplication by the Hessian", whose R{.} is this.
"""

import operator
from collections.abc import Callable
from functools import partial
from math import log, pi, sqrt
from typing import Any, ClassVar

from ..contract import Array
from ..errors import SettingError
from .arrays import _libraries, _namespaces, device, library_name, namespace

Rule = Callable[..., Any]  # of the library's namespace, its function, the arguments, and those by keyword


class Dual:
    """An array with a tangent, made by `dual`. It is not written on: `y += x` binds y anew, as in JAX."""

    __slots__ = ("tangent", "value")
    __hash__ = None  # type: ignore[assignment]
    xp: ClassVar[Any]  # the namespace of both arrays
    space: ClassVar["Space"]

    def __init__(self, value: Array, tangent: Array) -> None:
        self.value, self.tangent = value, tangent

    dtype = property(lambda self: self.value.dtype)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    device = property(lambda self: device(self.value))

    def __getitem__(self, key: Any) -> "Dual":
        return type(self)(self.value[key], self.tangent[key])

    def __array__(self, *args: Any, **named: Any) -> Any:
        raise SettingError("derivative: a dual number cannot become a plain array; take functions of nnx.namespace(x)")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, out: Any = None, **named: Any) -> Any:
        """NumPy's own operators and functions, where they meet a dual number."""
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self.space.call(name, ufunc, args, named)

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        return self.space.call(function.__name__, function, args, named)


def _operators() -> None:
    pairs = ("add", "sub", "mul", "truediv", "pow", "matmul")
    for name, of in zip(pairs, ("add", "subtract", "multiply", "divide", "pow", "matmul"), strict=True):
        f = getattr(operator, name)
        setattr(Dual, f"__{name}__", lambda a, b, f=f, of=of: a.space.call(of, f, (a, b), {}))
        setattr(Dual, f"__r{name}__", lambda a, b, f=f, of=of: a.space.call(of, f, (b, a), {}))
    for name, of in (("neg", "negative"), ("abs", "abs")):
        f = getattr(operator, name)
        setattr(Dual, f"__{name}__", lambda a, f=f, of=of: a.space.call(of, f, (a,), {}))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        f = getattr(operator, name)
        setattr(Dual, f"__{name}__", lambda a, b, f=f: f(a.value, value_of(b)))


_operators()


class Space:
    """The namespace of dual numbers over a library's own.

    Each array of floats that it makes is dual, a mask too, so that a dual number seldom meets another array: not every
    library hands `array += dual` over.
    """

    def __init__(self, xp: Any) -> None:
        self.xp, self.__name__ = xp, xp.__name__

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.xp, name)
        if callable(found) and not isinstance(found, type):
            found = partial(self._called, name, found)
        setattr(self, name, found)
        return found

    def _called(self, name: str, function: Any, *args: Any, **named: Any) -> Any:
        found = self.call(name, function, args, named)
        plain = not isinstance(found, Dual) and hasattr(found, "shape") and hasattr(found, "dtype")
        return dual(found) if plain and self.xp.isdtype(found.dtype, "real floating") else found

    def call(self, name: str, function: Any, args: Any, named: Any) -> Any:
        """The function of arguments among which dual numbers may be."""
        given = (*args, *named.values())
        if not any(isinstance(a, Dual) or (isinstance(a, (tuple, list)) and _holds(a)) for a in given):
            return function(*args, **named)
        rule = RULES.get(name)
        if rule is None:
            raise SettingError(
                f"derivative: {name} has none here; write it with functions of the array API such as exp, sum or where"
            )
        return rule(self.xp, function, *args, **named)


def _holds(arrays: Any) -> bool:
    return any(isinstance(a, Dual) for a in arrays)


_kinds: dict[int, type[Dual]] = {}


def dual(value: Any, tangent: Array | None = None) -> Dual:
    """The dual number of two arrays of one library, shape and type; without a tangent it stands still."""
    if isinstance(value, Dual):
        return value
    xp = namespace(value)
    tangent = xp.zeros_like(value) if tangent is None else tangent
    kind = _kinds.get(id(xp))
    if kind is None:
        own: dict[str, Any] = {"__slots__": (), "xp": xp, "space": Space(xp)}
        if library_name(value) != "numpy":
            own["__array_ufunc__"] = None  # by which CuPy leaves `array * dual` to the dual number
        kind = _kinds[id(xp)] = type("Dual", (Dual,), own)
        _namespaces[kind], _libraries[kind] = kind.space, library_name(value)
    return kind(value, tangent)


def value_of(x: Any) -> Any:
    return x.value if isinstance(x, Dual) else x


def tangent_of(x: Any) -> Any:
    """The tangent of what a function of dual numbers gave: 0 where it does not depend on them."""
    return x.tangent if isinstance(x, Dual) else namespace(x).zeros_like(x)


def _sum_of(xp: Any, value: Array, *tangents: Any) -> Dual:
    """The dual number of a value and of parts of its tangent, which may lack axes; None is 0."""
    parts = [t for t in tangents if t is not None]
    tangent = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return dual(value, tangent if tangent.shape == value.shape else xp.broadcast_to(tangent, value.shape))


def _unary(slope: Callable[[Any, Array, Array], Any]) -> Rule:
    """y = f(x) by element, f'(x) being slope(xp, x, y)."""

    def rule(xp: Any, f: Any, x: Any) -> Dual:
        y = f(x.value)
        return dual(y, slope(xp, x.value, y) * x.tangent)

    return rule


def _binary(first: Callable[..., Any], second: Callable[..., Any]) -> Rule:
    """z = f(x, y); the parts of its tangent by x and by y, of (xp, x, y, z, tangent)."""

    def rule(xp: Any, f: Any, a: Any, b: Any, **named: Any) -> Dual:
        x, y = value_of(a), value_of(b)
        z = f(x, y, **named)
        of_a = first(xp, x, y, z, a.tangent) if isinstance(a, Dual) else None
        of_b = second(xp, x, y, z, b.tangent) if isinstance(b, Dual) else None
        return _sum_of(xp, z, of_a, of_b)

    return rule


def _linear(xp: Any, f: Any, x: Any, *args: Any, **named: Any) -> Any:
    y, t = f(x.value, *args, **named), f(x.tangent, *args, **named)
    return tuple(map(dual, y, t)) if isinstance(y, (tuple, list)) else dual(y, t)


def _joined(xp: Any, f: Any, arrays: Any, *args: Any, **named: Any) -> Dual:
    return dual(f([*map(value_of, arrays)], *args, **named), f([*map(tangent_of, arrays)], *args, **named))


def _still(xp: Any, f: Any, *args: Any, **named: Any) -> Any:
    """What does not move: the function of the values."""
    return f(*map(value_of, args), **{name: value_of(a) for name, a in named.items()})


def _where(xp: Any, f: Any, condition: Any, a: Any, b: Any) -> Any:
    s, t = (x.tangent if isinstance(x, Dual) else 0.0 for x in (a, b))
    value = f(condition, value_of(a), value_of(b))
    return _sum_of(xp, value, f(condition, s, t))


def _astype(xp: Any, f: Any, x: Any, dtype: Any, **named: Any) -> Any:
    return (_linear if xp.isdtype(dtype, "real floating") else _still)(xp, f, x, dtype, **named)


def _extreme(xp: Any, f: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Dual:
    """The largest or smallest: the tangent of where it is, the mean of them where it is more than once."""
    y = f(x.value, axis=axis, keepdims=True)
    at = xp.astype(x.value == y, x.value.dtype)
    t = xp.sum(at * x.tangent, axis=axis, keepdims=keepdims) / xp.sum(at, axis=axis, keepdims=keepdims)
    return dual(y if keepdims else xp.reshape(y, t.shape), t)


def _sort(xp: Any, f: Any, x: Any, *, axis: int = -1) -> Dual:
    order = xp.argsort(x.value, axis=axis)
    return dual(*(xp.take_along_axis(a, order, axis=axis) for a in (x.value, x.tangent)))


def _there(xp: Any, chosen: Array, tangent: Array) -> Any:
    """The tangent where it is chosen, else 0."""
    return xp.astype(chosen, tangent.dtype) * tangent


# At a bend the slope is that which backprop takes: 0 of max(x, 0) where x is 0, 1 of min(x, 0), and 1 of |x|.
UNARY: dict[str, Callable[[Any, Array, Array], Any]] = {
    "negative": lambda xp, x, y: -1.0,
    "positive": lambda xp, x, y: 1.0,
    "abs": lambda xp, x, y: 1.0 - 2.0 * xp.astype(x < 0.0, x.dtype),
    "square": lambda xp, x, y: 2.0 * x,
    "sqrt": lambda xp, x, y: 0.5 / y,
    "reciprocal": lambda xp, x, y: -y * y,
    "exp": lambda xp, x, y: y,
    "expm1": lambda xp, x, y: y + 1.0,
    "log": lambda xp, x, y: 1.0 / x,
    "log1p": lambda xp, x, y: 1.0 / (1.0 + x),
    "log2": lambda xp, x, y: 1.0 / (log(2.0) * x),
    "log10": lambda xp, x, y: 1.0 / (log(10.0) * x),
    "sin": lambda xp, x, y: xp.cos(x),
    "cos": lambda xp, x, y: -xp.sin(x),
    "tan": lambda xp, x, y: 1.0 + y * y,
    "sinh": lambda xp, x, y: xp.cosh(x),
    "cosh": lambda xp, x, y: xp.sinh(x),
    "tanh": lambda xp, x, y: 1.0 - y * y,
    "atan": lambda xp, x, y: 1.0 / (1.0 + x * x),
    "asinh": lambda xp, x, y: 1.0 / xp.sqrt(1.0 + x * x),
    "erf": lambda xp, x, y: (2.0 / sqrt(pi)) * xp.exp(-x * x),
}
BINARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (lambda xp, x, y, z, s: s, lambda xp, x, y, z, t: t),
    "subtract": (lambda xp, x, y, z, s: s, lambda xp, x, y, z, t: -t),
    "multiply": (lambda xp, x, y, z, s: s * y, lambda xp, x, y, z, t: x * t),
    "divide": (lambda xp, x, y, z, s: s / y, lambda xp, x, y, z, t: -z / y * t),
    "pow": (lambda xp, x, y, z, s: y * x ** (y - 1) * s, lambda xp, x, y, z, t: z * xp.log(x) * t),
    "matmul": (lambda xp, x, y, z, s: xp.matmul(s, y), lambda xp, x, y, z, t: xp.matmul(x, t)),
    "vecdot": (lambda xp, x, y, z, s: xp.sum(s * y, axis=-1), lambda xp, x, y, z, t: xp.sum(x * t, axis=-1)),
    "maximum": (lambda xp, x, y, z, s: _there(xp, x > y, s), lambda xp, x, y, z, t: _there(xp, x <= y, t)),
    "minimum": (lambda xp, x, y, z, s: _there(xp, x <= y, s), lambda xp, x, y, z, t: _there(xp, x > y, t)),
    "logaddexp": (lambda xp, x, y, z, s: xp.exp(x - z) * s, lambda xp, x, y, z, t: xp.exp(y - z) * t),
}
LINEAR = (
    "asarray broadcast_to cumulative_sum cumsum diff expand_dims flip matrix_transpose mean moveaxis permute_dims "
    "repeat reshape roll squeeze sum take take_along_axis tile transpose tril triu unstack"
)
STILL = (
    "all any argmax argmin argsort ceil count_nonzero empty_like equal floor full_like greater greater_equal isdtype "
    "isfinite isinf isnan less less_equal logical_and logical_not logical_or logical_xor nonzero not_equal ones_like "
    "result_type round searchsorted sign signbit trunc zeros_like"
)
RULES: dict[str, Rule] = {
    **{name: _unary(slope) for name, slope in UNARY.items()},
    **{name: _binary(*parts) for name, parts in BINARY.items()},
    **dict.fromkeys(LINEAR.split(), _linear),
    **dict.fromkeys(STILL.split(), _still),
    "concat": _joined,
    "stack": _joined,
    "where": _where,
    "astype": _astype,
    "max": _extreme,
    "min": _extreme,
    "sort": _sort,
}
for _name, _same in {"absolute": "abs", "power": "pow", "concatenate": "concat", "amax": "max", "amin": "min"}.items():
    RULES[_name] = RULES[_same]  # NumPy's own names
