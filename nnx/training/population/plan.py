"""What all members of a population have in common, and what is done with the arrays of several of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...backends import Backend
from ...backends.numpy import namespace as host_namespace
from ...contract import Array, Loss, Params
from ...errors import SettingError, ShapeError
from ...metrics import METRICS
from ...network import init
from ..data import DeviceData
from ..result import EarlyStopping
from ..run import Metric
from ..step import gather
from .lanes import Lane
from .member import Member, Rows, shapes_of

CHUNK = 8192  # rows, of all members together, evaluated at once in validation


class Plan:
    """What all members of a population have in common: how they are to be trained."""

    def __init__(
        self,
        backend: Backend,
        data: DeviceData,
        held: DeviceData | None,
        epochs: int,
        batch_size: int,
        shuffle: bool,
        compile: bool | str,
        rule: EarlyStopping | None,
        metrics: Mapping[str, Metric],
    ) -> None:
        self.backend, self.data, self.held = backend, data, held
        self.epochs, self.batch_size, self.shuffle, self.compile = epochs, batch_size, shuffle, compile
        self.rule, self.metrics = rule, metrics


class Cut(NamedTuple):
    """One member's part of a population's arrays."""

    backend: Backend
    place: int
    shapes: Mapping[str, tuple[int, ...]]

    def one(self, p: Array) -> Array:
        """A copy of the member's part of an array; of a number for all, of that."""
        return self.backend.xp.asarray(p[self.place, ...] if p.ndim else p, copy=True)

    def params(self, whole: Params) -> Params:
        """Copies of the member's parameters, without the zeros around them."""
        return {
            name: self.backend.xp.asarray(p[(self.place, *(slice(n) for n in self.shapes[name]))], copy=True)
            for name, p in whole.items()
        }


def drawn(member: Member, features: int) -> Params:
    """A member's initial parameters on the host."""
    return init(member.net, features, seed=member.seed, backend="numpy", dtype="float64")


def given(member: Member, features: int, backend: Backend) -> Params:
    """On the host, the parameters that a member is to begin with. Raises SettingError, ShapeError."""
    params: Any = member.params
    missing = [name for name in (*member.net.names, *member.net.running) if name not in params]
    if missing:
        raise SettingError(f"fit: params lacks {missing[0]!r}; make them with nnx.init")
    for name, shape in shapes_of(member.net, features).items():
        if tuple(params[name].shape) != shape:
            raise ShapeError(f"fit: params[{name!r}] has shape {tuple(params[name].shape)}, the network needs {shape}")
    return {name: backend.to_numpy(backend.floats(p)) for name, p in params.items()}


def copies(backend: Backend, arrays: Params) -> Params:
    """Own copies of arrays: a step may write on those of the carry."""
    return {name: backend.xp.asarray(a, copy=True) for name, a in arrays.items()}


def keep_better(backend: Backend, lane: Lane, better: set[int]) -> None:
    """Keep the weights of now of the members that have become better."""
    flags, now = [k in better for k in lane.members], lane.carry.vectors | lane.carry.running
    if all(flags):
        lane.kept = copies(backend, now)
    elif any(flags):
        xp = backend.xp
        chosen = backend.asarray(flags, xp.bool)
        for name, p in now.items():
            lane.kept[name] = xp.where(xp.reshape(chosen, (-1,) + (1,) * (p.ndim - 1)), p, lane.kept[name])


def validate(
    plan: Plan, loss: Loss, predict: Callable[..., Array], lane: Lane, rows: Sequence[Rows]
) -> dict[str, list[float]]:
    """Loss and metrics of each of a lane's members on its rows held out."""
    held = [rows[k].held for k in lane.members]
    if held[0] is None:
        return {}
    backend, xp, data = plan.backend, plan.backend.xp, plan.held or plan.data
    numbers = held[0] if all(h is held[0] for h in held) else host_namespace().stack(held)
    params = lane.carry.vectors | lane.carry.running
    size = max(CHUNK // len(held), 64)
    parts = [
        predict(params, data.x, backend.integers(numbers[..., start : start + size]))
        for start in range(0, numbers.shape[-1], size)
    ]
    z = parts[0] if len(parts) == 1 else xp.concat(parts, axis=-2)
    target, weight = (gather(a, backend.integers(numbers)) for a in (data.target, data.weight))
    figures = {"validation_loss": loss.evaluate(z, target, weight)[0]}
    y = loss.predict(z)
    for name, metric in plan.metrics.items():
        if metric in METRICS.values():
            figures[f"validation_{name}"] = metric(y, target)
        else:  # one of the user's, which knows of no population
            own = numbers.ndim == 2
            figures[f"validation_{name}"] = xp.stack(
                [backend.floats(metric(y[i, ...], target[i, ...] if own else target)) for i in range(len(held))]
            )
    whole = backend.to_numpy(xp.stack([xp.astype(v, z.dtype) for v in figures.values()]))
    return dict(zip(figures, whole.tolist(), strict=True))
