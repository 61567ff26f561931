"""`nnx.check_backend`: the laws on a namespace of arrays, as a table of what holds there."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from .backends import Backend, backend, backend_of, numpy as host
from .backends.needed import NEEDED
from .contract import Layer, as_row
from .errors import BackendError, printable, shown
from .laws import faults_of
from .laws.examples import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES
from .laws.part import far, first_line
from .layers import BatchNorm, Chain, Dense, Dropout, ReLU
from .markup import heading, table
from .metrics import accuracy, r2, roc_auc
from .names import spelled
from .network import init, predict
from .optimizers import Adam
from .random import HostDraw, bits, key
from .training.fit import fit
from .training.result import Fit

ROWS, FEATURES, CLASSES, BATCH = 320, 12, 3, 32
PROMISED = {"float64": 1e-9, "float32": 1e-4}  # how far losses may be from NumPy's, relatively, after 100 steps and 50
SMALL = 7  # rows of a part's input


@dataclass(frozen=True)
class Row:
    """One part of nnx on a backend: what it is, and in one line what fails, "" where all holds."""

    part: str
    fault: str = ""


@dataclass(frozen=True, repr=False)
class BackendCheck:
    """What holds of nnx on a backend, from `nnx.check_backend`. Printed, it is a table.

    Parameters
    ----------
    place : str
        The library and its device.
    dtype : str
        The float type that the parts were tried in.
    rows : tuple of Row
        A row for each part: `part` and `fault`, which is "" where all holds.
    lacking : tuple of str
        The names of the array API that nnx needs and the namespace lacks.

    Examples
    --------
    >>> found = nnx.check_backend("numpy")
    >>> found.faults, len(found.rows) > 60
    ([], True)
    """

    place: str
    dtype: str
    rows: tuple[Row, ...]
    lacking: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """A line for each part of which something fails."""
        return [f"{row.part}: {row.fault}" for row in self.rows if row.fault]

    def __str__(self) -> str:
        width = max(len(row.part) for row in self.rows)
        lines = [f"{row.part:<{width}}  {printable(row.fault) or 'holds'}" for row in self.rows]
        return "\n".join([self._head, *lines])

    @property
    def _head(self) -> str:
        holds = len(self.rows) - len(self.faults)
        lacking = f"; it lacks {', '.join(self.lacking)}" if self.lacking else ""
        return f"{self.place}, {self.dtype}: {holds} of {len(self.rows)} hold{lacking}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return heading(self._head) + table(("part", ""), [(row.part, row.fault or "holds") for row in self.rows])


@spelled
def check_backend(xp: Any) -> BackendCheck:
    """Check all of nnx on an array library: each layer, loss and optimizer, training, prediction, and copies.

    The laws of `nnx.check` are tried on every part of nnx, and results are compared with NumPy's.

    Parameters
    ----------
    xp : module, str or Backend
        A namespace of the array API, such as `array_api_strict` or `mlx.core`; or a backend, or its name.

    Returns
    -------
    BackendCheck
        A table with a row for each part; `faults` lists what fails, and `lacking` which names the namespace lacks.

    Raises
    ------
    BackendError
        If xp is no namespace that makes arrays, or the backend cannot compute here.

    Notes
    -----
    Parts are tried in float64, with central differences; where there is none, in float32, beside NumPy's results
    alone. The names that nnx needs are listed in "Any array library" of the user guide.

    Examples
    --------
    >>> import array_api_strict
    >>> found = nnx.check_backend(array_api_strict)
    >>> found.faults, found.lacking
    ([], ())
    """
    chosen = _chosen(xp)
    known = chosen.has_double and hasattr(chosen.xp, "float64")
    types = ("float64", "float32") if known else ("float32",)
    first = Backend(chosen.library, chosen.xp, chosen.device, types[0])
    lacking = tuple(name for name in NEEDED if not hasattr(chosen.xp, name))
    rows = [Row("names", f"lacks {', '.join(lacking)}" if lacking else "")]
    for what, trials in (("", WHOLE), ("layer ", _layers(types)), ("loss ", _losses(types)), *RULES):
        rows += [Row(what + name, _first_of(trial, first)) for name, trial in trials.items()]
    return BackendCheck(chosen.place, types[0], tuple(rows), lacking)


Trial = Callable[[Backend], Iterator[str]]


def _chosen(xp: Any) -> Backend:
    """The backend of a namespace, or of its name. Raises BackendError."""
    if isinstance(xp, (str, Backend)):
        return backend(xp)
    if not isinstance(xp, ModuleType) or not hasattr(xp, "asarray"):
        raise BackendError(
            f"check_backend: expected a namespace of the array API, or a backend's name, got {shown(xp)}"
        )
    try:
        return backend_of(xp.asarray([1.0]), "float32")
    except Exception as error:
        raise BackendError(f"check_backend: {xp.__name__} makes no array: {first_line(error)}") from None


def _first_of(trial: Trial, chosen: Backend) -> str:
    """The first line of a trial, or the error that it ends with; "" where all holds."""
    try:
        with chosen.scope():
            return next(iter(trial(chosen)), "")
    except Exception as error:  # of the library: the line says where it was
        return first_line(error)


def _generator(name: str) -> Any:
    return host.namespace().random.default_rng(list(name.encode()))


def _layers(types: tuple[str, ...]) -> dict[str, Trial]:
    def trial(name: str) -> Trial:
        layer, features = LAYERS[name]
        x = _generator(name).normal(size=(SMALL, *as_row(features)))
        return lambda chosen: iter(faults_of(layer, chosen.floats(x), types=types, beside_numpy=True))

    return {name: trial(name) for name in LAYERS}


def _losses(types: tuple[str, ...]) -> dict[str, Trial]:
    def trial(name: str) -> Trial:
        loss, outputs, make = LOSSES[name]
        rng = _generator(name)
        z, target = rng.normal(size=(SMALL * loss.copies, *as_row(outputs))), make(rng, SMALL, outputs)

        def found(chosen: Backend) -> Iterator[str]:
            there = chosen.integers(target) if target.dtype.kind == "i" else chosen.floats(target)
            return iter(faults_of(loss, chosen.floats(z), there, types=types, beside_numpy=True))

        return found

    return {name: trial(name) for name in LOSSES}


def _beside_numpy(compute: Callable[[Backend], dict[str, Any]]) -> Trial:
    """What is computed on a backend, each array by name, beside the same on NumPy."""

    def found(chosen: Backend) -> Iterator[str]:
        own = {name: chosen.to_numpy(a) for name, a in compute(chosen).items()}
        for name, a in compute(backend("numpy", chosen.dtype)).items():
            if own[name].dtype != a.dtype:
                yield f"{name} is {own[name].dtype}, not {a.dtype}"
            elif far(own[name], host.get(a)):
                yield f"{name} is not that on numpy: {abs(own[name] - a).max():.1e} apart"

    return found


def _optimizer(optimizer: Any) -> Trial:
    rng = _generator("optimizer")
    given = {"0.W": rng.normal(size=(4, 3)), "0.b": rng.normal(size=3)}

    def steps(chosen: Backend) -> dict[str, Any]:
        params = {name: chosen.floats(p) for name, p in given.items()}
        state = optimizer.init(params)
        for _ in range(5):
            grads = {name: p * 0.5 + 0.25 for name, p in params.items()}
            params, state = optimizer.update(params, grads, state)
        return params

    return _beside_numpy(steps)


def _schedule(schedule: Any) -> Trial:
    at = (0.0, 1.0, 7.0, 29.0, 40.0)
    return _beside_numpy(lambda chosen: {f"the factor at {t:g}": schedule.evaluate(chosen.floats(t)) for t in at})


def network() -> Layer:
    """A small network with all that draws or runs: dropout, running statistics."""
    return Chain(Dense(24), BatchNorm(), ReLU(), Dropout(0.2), Dense(CLASSES))


def rows() -> tuple[Any, Any]:
    """Made-up rows on the host, and their class numbers."""
    xp = host.namespace()
    draw = HostDraw(1, "verify.")
    y = xp.floor(draw.fold("y").uniform((ROWS,)) * CLASSES).astype("int64")
    centres = 2 * draw.fold("centres").normal((CLASSES, FEATURES))
    return centres[y] + draw.fold("x").normal((ROWS, FEATURES)), y


def trained(chosen: Backend, epochs: int, **settings: Any) -> Any:
    """A training of the small network on the made-up rows, ten steps an epoch."""
    x, y = rows()
    settings |= {"optimizer": Adam(rate=1e-3), "batch_size": BATCH, "seed": 5, "backend": chosen}
    return fit(network(), x, y, loss="softmax_cross_entropy", epochs=epochs, **settings)


def _copies(chosen: Backend) -> Iterator[str]:
    """Arrays to the library and back, and copies."""
    np = host.namespace()
    x = np.linspace(-2.0, 3.0, 6).astype(chosen.dtype).reshape(2, 3)
    there = chosen.floats(x)
    for name, made in {"floats": there, "asarray": chosen.asarray(x)}.items():
        back = chosen.to_numpy(made)
        if back.dtype != x.dtype or not np.array_equal(back, x):
            yield f"{name} and to_numpy do not give back what they were given"
    whole = chosen.to_numpy(chosen.integers(np.arange(5)))
    if whole.dtype.kind != "i" or not np.array_equal(whole, np.arange(5)):
        yield "integers and to_numpy do not give back what they were given"
    given = x.copy()
    there = chosen.floats(given)
    second = chosen.floats(there)
    given[:] = 7.0
    second += 1.0
    if not np.array_equal(chosen.to_numpy(there), x):
        yield "a copy changes with what it was made of"


def _dlpack(chosen: Backend) -> Iterator[str]:
    """An array that gives its memory by DLPack."""
    np = host.namespace()
    x = np.asarray([[1.0, 2.0], [3.0, 4.0]], dtype=chosen.dtype)
    if not np.array_equal(host.from_dlpack(chosen.floats(x)), x):
        yield "numpy.from_dlpack gives other numbers"


def _same_bits(what: str, draw: Callable[[Backend], Any]) -> Trial:
    def found(chosen: Backend) -> Iterator[str]:
        own, theirs = (b.to_numpy(draw(b)).tobytes() for b in (chosen, backend("numpy", chosen.dtype)))
        if own != theirs:
            yield f"{what} are not NumPy's bits"

    return found


def far_apart(own: list[float], reference: list[float]) -> float:
    """The largest relative difference of two lists of losses."""
    return max(abs(a - b) / abs(b) for a, b in zip(own, reference, strict=True))


def _fit(**settings: Any) -> Trial:
    """A training of 30 steps, of one network or of several."""

    def fits(chosen: Backend) -> list[Fit]:
        found = trained(chosen, 3, **settings)
        return [found] if isinstance(found, Fit) else list(found)

    def found(chosen: Backend) -> Iterator[str]:
        for own, other in zip(fits(chosen), fits(backend("numpy", chosen.dtype)), strict=True):
            apart = far_apart(own.history["loss"], other.history["loss"])
            if not apart <= PROMISED[chosen.dtype]:
                yield f"losses are not those on numpy: {apart:.1e} apart"
            for name, p in own.params.items():
                if str(chosen.to_numpy(p).dtype) != chosen.dtype:
                    yield f"{name} is {chosen.to_numpy(p).dtype}, not {chosen.dtype}"

    return found


def _metrics(chosen: Backend) -> dict[str, Any]:
    rng = _generator("metrics")
    of_class, (p, x, y) = chosen.integers(rng.integers(0, 2, 50)), (chosen.floats(rng.random((50, 1))) for _ in "pxy")
    scores = {"accuracy": accuracy(p, of_class), "roc_auc": roc_auc(p, of_class), "r2": r2(x, y)}
    return {name: chosen.floats(score) for name, score in scores.items()}


def _estimator(chosen: Backend) -> dict[str, Any]:
    from .estimators import MLPClassifier

    x, y = rows()
    model = MLPClassifier((8,), max_iter=3, random_state=0)
    with warnings.catch_warnings(action="ignore"):  # that three epochs are few
        model.fit(chosen.floats(x), chosen.integers(y))
    return {"the prediction": model.predict_proba(chosen.floats(x))}


def _prediction(chosen: Backend) -> dict[str, Any]:
    x, _ = rows()
    params = init(network(), FEATURES, seed=2, backend=chosen)
    return {"the prediction": predict(network(), params, chosen.floats(x), batch_size=100)}


WHOLE: dict[str, Trial] = {
    "copies": _copies,
    "DLPack": _dlpack,
    "random bits": _same_bits("they", lambda chosen: bits(key(7, 3, backend=chosen), 1001)),
    "first weights": _same_bits("they", lambda chosen: init(network(), FEATURES, seed=3, backend=chosen)["0.W"]),
    "fit": _fit(),
    "fit with weights": _fit(sample_weight=host.namespace().linspace(0.5, 2.0, ROWS)),
    "fit of 2 members": _fit(members=2),
    "predict": _beside_numpy(_prediction),
    "metrics": _beside_numpy(_metrics),
}
if find_spec("sklearn") is not None:
    WHOLE["estimator"] = _beside_numpy(_estimator)
RULES = (
    ("optimizer ", {name: _optimizer(optimizer) for name, optimizer in OPTIMIZERS.items()}),
    ("schedule ", {name: _schedule(schedule) for name, schedule in SCHEDULES.items()}),
)
