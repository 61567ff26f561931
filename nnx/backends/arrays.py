"""What the mathematics asks of an array: its namespace, its device, and the few functions the standard lacks."""

import sys
from collections.abc import Callable
from threading import Lock
from typing import Any

from ..contract import Array, Setting
from ..errors import BackendError, numbers

_namespaces: dict[type, Any] = {}
_libraries: dict[type, str] = {}


def namespace(x: Array) -> Any:
    """Array API namespace of an array: the module whose functions take it.

    Layers, losses and optimizers are written with it: `xp = nnx.namespace(x)`, then `xp.exp(x)`, on every library. It
    is found once for each type of array.

    Parameters
    ----------
    x : array
        An array of NumPy, CuPy, PyTorch, JAX, or of any library that has the array API.

    Returns
    -------
    module
        The namespace, as in the array API standard (NumPy's own, or that of array-api-compat).

    Raises
    ------
    BackendError
        For what is no array, or of a library without such a namespace.

    Notes
    -----
    Source: Python array API standard, https://data-apis.org/array-api/latest.

    Examples
    --------
    >>> x = np.asarray([0.0, 1.0])
    >>> xp = nnx.namespace(x)
    >>> xp.maximum(x, 0.5).tolist()
    [0.5, 1.0]
    """
    try:
        return _namespaces[type(x)]
    except KeyError:
        return _namespaces.setdefault(type(x), _find_namespace(x))


def _find_namespace(x: Array) -> Any:
    if library_name(x) == "numpy":
        from .numpy import lean

        return lean  # NumPy >= 2.1 is itself an array API namespace
    if library_name(x) == "cupy":
        from .cupy import namespace as own

        return own()
    if library_name(x) == "mlx":
        from .mlx import namespace as own

        return own()
    import array_api_compat

    if library_name(x) == "jax":
        from .jax import register

        register()
    try:
        return array_api_compat.array_namespace(x)
    except TypeError:
        raise BackendError(f"expected an array of an array API library, got {type(x).__name__}") from None


def library_name(x: Any) -> str:
    """The name of the library whose array x is, looking only at its type; that of a subclass of yours is its base's."""
    kind = type(x)
    if kind not in _libraries:
        own = next((base for base in kind.__mro__ if base.__name__ in ("ndarray", "Tensor")), kind)
        root = own.__module__.partition(".")[0]
        _libraries[kind] = {"jaxlib": "jax", "builtins": ""}.get(root, root)
    return _libraries[kind]


def is_array(x: Any) -> bool:
    """Whether x is an array of a library that nnx can compute with; a list or a data frame is none."""
    return library_name(x) in ("numpy", "cupy", "torch", "jax", "mlx") or hasattr(x, "__array_namespace__")


def is_sparse(x: Any) -> bool:
    """True for a sparse matrix or array of SciPy: Dense computes with its rows as they are, on the host."""
    return hasattr(x, "tocsr") and library_name(x) != "cupyx"


def same_library(**arrays: Array) -> None:
    """Raise BackendError naming two arrays that come from different libraries."""
    given = [(name, library_name(x)) for name, x in arrays.items()]
    for name, library in given[1:]:
        if library != given[0][1]:
            raise BackendError(
                f"mixed array libraries: {given[0][0]} is {given[0][1]}, {name} is {library}; "
                "give both in one, or say backend="
            )


def taken_beside(like: Array, x: Array, name: str, other: str) -> None:
    """Raise BackendError if x is of another library than `like`: JAX alone takes arrays of the host beside its own."""
    if type(x) is not type(like):
        both = library_name(like), library_name(x)
        if both != ("jax", "numpy") and {"numpy", "torch", "cupy", "jax", "mlx"}.issuperset(both):
            same_library(**{name: like, other: x})


def matmul(x: Any, W: Array) -> Array:
    """x W, of arrays of one library; on NumPy x may be a sparse matrix of SciPy, which stays one."""
    if type(x) is not type(W):
        if is_sparse(x) and library_name(W) == "numpy":
            return x @ W
        same_library(x=x, W=W)
    return namespace(x).matmul(x, W)


def transposed(x: Any) -> Any:
    """The transpose of the last two axes; of a sparse matrix a sparse one."""
    return x.T if is_sparse(x) else namespace(x).matrix_transpose(x)


def full(shape: tuple[int, ...], value: float, like: Array) -> Array:
    """An array of this shape with one value everywhere, of the kind of `like`."""
    xp = namespace(like)
    if library_name(like) == "numpy":  # which tells a recording whose it is
        return xp.full_like(like, value, shape=shape, order="C")
    return xp.full(shape, value, dtype=like.dtype, device=device(like))


def placed(a: Array, index: Any, values: Array) -> Array:
    """The array a, made in the same call, with these values at a place."""
    if holds_dual(a, values):
        return _of_both(placed, a, index, values)
    if library_name(a) == "jax":
        return a.at[index].set(values)
    a[index] = values
    return a


def added(a: Array, index: Any, values: Array) -> Array:
    """The array a, made in the same call, with these values added at a place, which holds no element twice."""
    if holds_dual(a, values):
        return _of_both(added, a, index, values)
    if library_name(a) == "jax":
        return a.at[index].add(values)
    a[index] += values
    return a


def holds_dual(*arrays: Any) -> bool:
    """Whether one of these is a dual number, an array with a tangent."""
    return any(hasattr(type(x), "space") for x in arrays)


def _of_both(function: Callable[..., Array], a: Array, index: Any, values: Any) -> Array:
    """The function of the values of dual numbers, and of their tangents."""
    from .dual import dual

    a, values = dual(a), dual(values)
    return dual(function(a.value, index, values.value), function(a.tangent, index, values.tangent))


def device(x: Array) -> Any:
    """The device of x as creation functions take it; None inside a trace of JAX, and where an array names none."""
    if namespace(x).__name__ in ("numpy", "mlx"):
        return None
    import array_api_compat

    return array_api_compat.device(x)


def per_member(value: Setting, like: Array, axes: int) -> Any:
    """A setting as it meets arrays with `axes` axes after the population: a number stays one, (K,) -> (K, 1, ...)."""
    if isinstance(value, (int, float)):
        return value
    value = constant(value, like)
    return namespace(like).reshape(value, value.shape + (1,) * axes)


def each(function: Callable[[float], float], value: Setting) -> Setting:
    """The function of a setting, computed in double precision: of the number, or of each member's."""
    return function(value) if isinstance(value, (int, float)) else tuple(function(v) for v in numbers(value))


def along(value: Setting, p: Array) -> Any:
    """A setting as it meets the parameter p: a number stays one, (K,) -> (K, 1, ...) with as many axes as p."""
    if isinstance(value, (int, float)):
        return value
    axes = getattr(value, "ndim", 1)
    return value if axes == 0 else per_member(value, p, p.ndim - axes)


MOST = 1024  # constants that are kept
_constants: dict[Any, Array] = {}
_changing = Lock()  # of several threads


def constant(values: Any, like: Array) -> Array:
    """Numbers given as a tuple, as an array of the kind of `like`; it travels to the device only once."""
    xp = namespace(like)
    if not isinstance(values, tuple) or library_name(like) == "jax":  # JAX: inside a trace it belongs to the trace
        return xp.asarray(values, dtype=like.dtype, device=device(like))
    name = (values, type(like), str(like.dtype), str(device(like)))
    found = _constants.get(name)
    if found is None:
        found = xp.asarray(values, dtype=like.dtype, device=device(like))
        with _changing:
            if len(_constants) >= MOST:  # the oldest gives way
                _constants.pop(next(iter(_constants)))
            _constants[name] = found
    return found


def erf(x: Array) -> Array:
    """The error function: the library's own where it has one, else `erf_plain`."""
    if holds_dual(x):
        return x.space.call("erf", erf, (x,), {})
    name = library_name(x)
    if name == "torch":
        return sys.modules["torch"].special.erf(x)
    if name == "jax":
        import jax.scipy.special

        return jax.scipy.special.erf(x)
    if name == "mlx":
        return namespace(x).erf(x)
    if name == "cupy":
        import cupyx.scipy.special

        return cupyx.scipy.special.erf(x)
    return erf_plain(x)


def erf_plain(x: Array) -> Array:
    """The error function by rational approximations, to a few units in the last place of float64.

    Source: the Cephes library (S. L. Moshier), ndtr.c: x T(x^2)/U(x^2) below 1, 1 - exp(-x^2) P(x)/Q(x) above.
    """
    xp = namespace(x)
    size = xp.abs(x)
    small = xp.minimum(size, 1.0)
    square = small * small
    low = small * _polynomial(square, _T) / _polynomial(square, _U)
    large = xp.minimum(xp.maximum(size, 1.0), 6.0)  # erf(6) is 1 - 2e-17
    high = 1.0 - xp.exp(-large * large) * _polynomial(large, _P) / _polynomial(large, _Q)
    return xp.sign(x) * xp.where(size < 1.0, low, high)


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    total = x * coefficients[0]
    for c in coefficients[1:-1]:
        total += c
        total *= x
    total += coefficients[-1]
    return total


_T: tuple[float, ...] = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3)
_T += (7.00332514112805075473e3, 5.55923013010394962768e4)
_U: tuple[float, ...] = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3)
_U += (2.26290000613890934246e4, 4.92673942608635921086e4)
_P: tuple[float, ...] = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0)
_P += (4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2)
_P += (1.02755188689515710272e3, 5.57535335369399327526e2)
_Q: tuple[float, ...] = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2)
_Q += (9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3)
_Q += (5.57535340817727675546e2,)


def in_parts(
    function: Callable[[Any, Array], Array], size: int, axes: Callable[[tuple[int, ...]], int] = lambda row: 1
) -> Callable[[Any, Array], Array]:
    """The function of anything and of rows of x, (n, *row), computed on so many rows at a time.

    axes: of a row of the result, for the shape of one of x; before them it has its rows.
    """

    def parts(params: Any, x: Array) -> Array:
        rows = x.shape[0]
        if rows <= size:
            return function(params, x)
        found = [function(params, x[start : min(start + size, rows), ...]) for start in range(0, rows, size)]
        return namespace(found[0]).concat(found, axis=-axes(x.shape[1:]) - 1)

    return parts
