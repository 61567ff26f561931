"""An epoch as a program of steps, and what is measured after it, for one network and for many."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from ..backends import Backend, Plain, is_array, namespace
from ..contract import Array, Features, Key, Layer, Loss, Optimizer, Params, as_row
from ..errors import SettingError, ShapeError, require, shown
from ..inputs import as_numbers
from ..layers.shared import joined
from ..losses import PositionLoss
from ..losses.positions import lines, target_lines
from ..metrics import METRICS
from ..random import seed_words
from ..settings import is_number
from .check import check_finite
from .data import Batch, Batches
from .flat import Flat, Named
from .interrupt import Interrupt
from .objective import MeanLoss
from .settings import Metric, Settings
from .step import Carry, InParts, Step, gather, inputs, make_step

CHUNK = 8192  # rows evaluated at once in validation, those of all members together
PATIENCE = 0.05  # seconds of steps between two looks at whether Ctrl-C was pressed


class Program:
    """Steps that are one program: what they hand on, and what runs them."""

    def __init__(self, carry: Carry, loop: Plain, *, singly: bool = False) -> None:
        """singly: look after each step at whether it was the last, not now and then."""
        self.carry, self.loop, self.singly, self.stride = carry, loop, singly, 1  # steps at once
        self.types = {name: p.dtype for name, p in carry.vectors.items()}

    def run(self, batches: Iterable[Batches], zero: Array, interrupt: Interrupt, *, members: int = 1) -> int:
        """One pass over batches; how many rows each member has seen. zero: of each member's loss.

        A pass that Ctrl-C cuts short ends with a whole batch, and has at least one.
        """
        seen = 0
        self.carry = self.carry._replace(total=zero, excess=namespace(zero).zeros_like(zero))
        for x, target, weight, rows in batches:
            count, start = 1 if rows is None else int(rows.shape[0]), 0
            size = int(x.shape[0] if rows is None else rows.shape[1]) // members
            while start < count and not (interrupt.seen and seen):
                stop, began = min(start + self.stride, count), perf_counter()
                self.carry = self.loop(self.carry, x, target, weight, rows, start, stop)
                seen += (stop - start) * size
                start = stop
                if perf_counter() - began < PATIENCE and not self.singly:
                    self.stride *= 2
            if interrupt.seen:
                break
        for name, p in self.carry.vectors.items():
            kept, text = self.types[name], f"the optimizer's update made parameters {p.dtype} that were"
            require(p.dtype == kept, f"fit: {text} {kept}: give arrays of its own the type of the parameters")
        return seen


def tried(
    backend: Backend, net: Layer, loss: Loss, params: Params, seed: Array, row: Batch
) -> tuple[Array, Array, Params]:
    """Output, loss and gradients of a step on one row. Raises ShapeError for a gradient of another shape."""

    def once(params: Params, seed: Array, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Any:
        key = Key(seed, backend.asarray(0, backend.xp.int32))
        z, values = net.evaluate(params, inputs(x, rows, backend.floats(0.0)), train=True, key=key)
        value, saved = loss.evaluate(z, gather(target, rows), gather(weight, rows))
        return z, value, net.backprop(params, values, loss.backprop(saved), need_dx=False)[1]

    z, value, grads = backend.compile(once)(params, seed, *row)
    for name, g in grads.items():
        if name not in params or tuple(g.shape) != tuple(params[name].shape):
            expected = tuple(params[name].shape) if name in params else "no such parameter"
            raise ShapeError(f"backprop gave a gradient {name!r} of shape {tuple(g.shape)}, expected {expected}")
    return z, value, grads


def step_of(
    settings: Settings,
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    layout: Flat | Named,
    names: Sequence[str],
    members: int = 0,
) -> Step | InParts:
    """The step that the settings mean. names: the parameters that are trained. members: as in `make_step`."""
    return make_step(
        MeanLoss(net, loss),
        optimizer,
        layout,
        members=members,
        micro_batches=settings.micro_batches,
        factors=settings.factors(optimizer, names),
        decay=settings.decay,
        frozen=tuple(filter(settings.is_frozen, net.running)),
    )


def check_state(optimizer: Optimizer, state: Any, population: tuple[int, ...]) -> None:
    """Raise SettingError unless this is a state as the contract has it: an optimizer of the user's may give another."""
    place = f"{type(optimizer).__name__}: init must give"
    known = isinstance(state, dict) and {"step", "rate"} <= state.keys()
    require(known, f"{place} a dict with 'step' and 'rate'", state)
    for name, value in state.items():
        parts = value.values() if isinstance(value, dict) else (value,)
        require(all(map(is_array, parts)), f"{place} arrays, or dicts of them; {name!r} is none", value)
    wanted = "one number for each member: see population=" if population else "of one number, ()"
    require(tuple(state["rate"].shape) == population, f"{place} a rate {wanted}", state["rate"])


def carry_of(
    settings: Settings,
    backend: Backend,
    optimizer: Optimizer,
    vectors: Params,
    rest: Params,
    seeds: Sequence[int] | int,
) -> Carry:
    """The carry that a training begins with; seeds: of the members of a population, or of one network."""
    if isinstance(seeds, int):
        state, zero = optimizer.init(vectors), backend.floats(0.0)
    else:
        state, zero = optimizer.init(vectors, population=(len(seeds),)), backend.floats([0.0] * len(seeds))
    check_state(optimizer, state, tuple(zero.shape))
    average = {} if settings.decay is None else copies(backend, vectors)
    return Carry(vectors, rest, state, seed_words(seeds, backend), zero, backend.xp.zeros_like(zero), average)


def measured(
    backend: Backend,
    loss: Loss,
    metrics: Mapping[str, Metric],
    outputs: Iterable[tuple[Array, Array, Array | None, Array | None]],
    members: int = 0,
) -> dict[str, Array]:
    """Loss and metrics (members,) of rows held out, in parts: each z, target, weight, and the numbers of its rows."""
    xp, parts, axis = backend.xp, list(outputs), 1 if members else 0
    along = 0 if parts[0][3] is None else parts[0][3].ndim - 1
    z, target, weight = parts[0][:3]
    if len(parts) > 1:
        z = xp.concat([part[0] for part in parts], axis=axis)
        target = xp.concat([part[1] for part in parts], axis=along)
        weight = None if weight is None else xp.concat([part[2] for part in parts], axis=along)
    figures = {"validation_loss": loss.evaluate(z, target, weight)[0]}
    y = loss.predict(z)
    for name, metric in metrics.items():
        if not members:
            figures[f"validation_{name}"] = one_number(name, figure(metric, loss, y, target, weight))
        elif metric in METRICS.values() and (weight is None or not loss.positions):
            figures[f"validation_{name}"] = figure(metric, loss, y, target, None)
        else:  # one of the user's knows of no population, and members may have different padding
            own = [[a[i, ...] if along and a is not None else a for a in (target, weight)] for i in range(members)]
            each = [figure(metric, loss, y[i, ...], *given) for i, given in enumerate(own)]
            figures[f"validation_{name}"] = xp.stack([backend.floats(one_number(name, value)) for value in each])
    return figures


def figure(metric: Metric, loss: Loss, y: Array, target: Array, weight: Array | None) -> Any:
    """A metric of predictions. One of nnx's own has positions as rows, but for those of weight 0, which are padding."""
    if metric not in METRICS.values() or not isinstance(loss, PositionLoss):
        return metric(y, target)
    y, target = joined(y, loss.axes), target_lines(loss, y, target)
    if weight is None:
        return metric(y, target)
    xp = namespace(y)
    (some,) = xp.nonzero(lines(weight, loss.axes))
    return metric(xp.take(y, some, axis=0), xp.take(target, some, axis=0))


def one_number(name: str, value: Any) -> Any:
    """What a metric returned. Raises SettingError unless it is one real number, perhaps as an array without axes."""
    alone = is_number(value) or (hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0)
    alone = alone and not (isinstance(value, int) and abs(value) >= 2**1023)
    alone = alone and "complex" not in str(getattr(value, "dtype", ""))
    require(alone, f"fit: the metric {name!r} must return one number, got {shown(value)}")
    return value


def copies(backend: Backend, arrays: Params) -> Params:
    """Own copies of arrays: a step may write on those of the carry."""
    return {name: backend.xp.asarray(a, copy=True) for name, a in arrays.items()}


def checked(params: Any, net: Layer, features: Features) -> Mapping[str, Array]:
    """The parameters given, which must be those of the network. Raises SettingError, ShapeError."""
    fine = isinstance(params, Mapping)
    require(fine, f"fit: params must be a dict of arrays such as fit.params, got {type(params).__name__}")
    for name in (*net.names, *net.running):
        require(name in params, f"fit: params lacks {name!r}; make them with nnx.init")
    whole: Params = {name: as_numbers(f"params[{name!r}]", p) for name, p in params.items()}
    for name, shape in net.shapes(as_row(features))[0].items():
        found = tuple(whole[name].shape)
        if found != shape and found[-len(shape) :] == shape:
            raise SettingError(f"fit trains one network: params[{name!r}] has shape {found}, that of a population")
        if found != shape:
            raise ShapeError(f"fit: params[{name!r}] has shape {found}, the network needs {shape}")
    for name, p in whole.items():
        require(name in (*net.names, *net.running), f"fit: params has {name!r}, which the network does not have")
        check_finite(f"params[{name!r}]", p)
    return whole


class Watched:
    """Batches, and whether the last has been taken and used."""

    def __init__(self, batches: Iterator[Batches]) -> None:
        self.batches, self.ended = batches, False

    def __iter__(self) -> Iterator[Batches]:
        yield from self.batches
        self.ended = True


def trained_names(settings: Settings, start: Params, grads: Params) -> tuple[str, ...]:
    """The parameters that are trained: those with a gradient, but for what is frozen. Raises SettingError."""
    if not grads:
        raise SettingError("fit: the network has no parameters to train")
    names = tuple(name for name in start if name in grads and not settings.is_frozen(name))
    if not names:
        raise SettingError(f"fit: frozen={settings.frozen} leaves no parameter to train")
    return names
