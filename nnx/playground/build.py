"""What the settings of a playground mean: the network, loss, optimizer and data, as objects of nnx."""

from dataclasses import dataclass
from typing import Any

from ..backends.numpy import namespace as host_namespace
from ..contract import Layer, Loss, Optimizer, Schedule
from ..errors import SettingError
from ..layers import ACTIVATIONS, Chain, Dense, Dropout
from ..losses import LOSSES
from ..optimizers import OPTIMIZERS, WeightDecay
from .data import SIDE, features, parted, points
from .settings import NORMS, OWN, SCHEDULES, Settings

np = host_namespace()


@dataclass(frozen=True)
class Table:
    """The rows of a playground, as host arrays. The letters: n = rows, f = inputs."""

    raw: Any  # (n, 2) points as they are shown
    x: Any  # (n, f) float32, what the network sees
    shown: Any  # (n,) class, or value as the network sees it
    target: Any  # (n,) integers, or (n, k) float32, as the loss takes it
    train: Any  # numbers of rows
    test: Any
    classes: int  # 0 for values
    outputs: int


@dataclass(frozen=True)
class Plan:
    """What is trained, and how."""

    net: Chain
    loss: Loss
    optimizer: Optimizer


def make_table(settings: Settings) -> Table:
    """The data that the settings mean. Raises SettingError."""
    raw, shown = _points(settings)
    loss, columns = LOSSES[settings.loss](), 1
    classes = 0 if settings.regression else max(int(np.max(shown)) + 1, 2)
    if loss.labels and not classes:
        raise SettingError(f"loss {settings.loss!r} is for classes, and the targets are values: choose squared_error")
    if loss.labels:
        target, columns = shown.astype("int64"), classes
    elif classes > 2:
        target, columns = (shown[:, None] == np.arange(classes)).astype("float32"), classes
    else:
        target = shown[:, None].astype("float32")
    low, high = loss.domain
    if np.min(target) < low or np.max(target) > high:
        range_of = f"of at least {low:g}" if high > 1 else f"from {low:g} to {high:g}"
        raise SettingError(f"loss {settings.loss!r} needs targets {range_of}: choose squared_error, or other data")
    outputs = columns if loss.labels else loss.outputs(columns)
    train, test = parted(len(raw), settings.test, settings.seed)
    if settings.norm == "batch" and min(settings.batch_size, len(train)) < 2:
        raise SettingError("norm 'batch' needs a batch_size of at least 2")
    x = features(scaled(settings, raw), settings.inputs).astype("float32")
    return Table(raw, x, shown, target, train, test, classes, outputs)


def _points(settings: Settings) -> tuple[Any, Any]:
    if settings.data != OWN:
        return points(settings.data, settings.rows, noise=settings.noise, seed=settings.seed)
    own = np.asarray(settings.points, dtype="float64")
    target = own[:, 2] / largest(settings) if settings.regression else own[:, 2].astype("int64")
    return own[:, :2], target


def largest(settings: Settings) -> float:
    """What the values of own data are divided by: the size of the largest."""
    return max(abs(point[2]) for point in settings.points) or 1.0


def is_scaled(settings: Settings) -> bool:
    """True if the plane shown is not that of the built-in data, and is brought to it."""
    return settings.data == OWN and settings.frame != (-SIDE, SIDE, -SIDE, SIDE)


def centre_and_scale(settings: Settings) -> tuple[tuple[float, float], tuple[float, float]]:
    """The middle of the frame, and what an axis is divided by, so that the frame becomes [-3, 3] on both."""
    left, right, bottom, top = settings.frame
    scale = (right - left) / (2 * SIDE), (top - bottom) / (2 * SIDE)
    return ((left + right) / 2, (bottom + top) / 2), scale


def scaled(settings: Settings, raw: Any) -> Any:
    """Points (n, 2) as the inputs are made of them."""
    if not is_scaled(settings):
        return raw
    centre, scale = centre_and_scale(settings)
    return (raw - np.asarray(centre)) / np.asarray(scale)


def frame(settings: Settings) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the plane that is shown."""
    return settings.frame if settings.data == OWN else (-SIDE, SIDE, -SIDE, SIDE)


def make_plan(settings: Settings, table: Table) -> Plan:
    """The network, loss and optimizer."""
    steps = settings.epochs * -(-len(table.train) // settings.batch_size)
    loss = LOSSES[settings.loss]()
    return Plan(make_net(settings, table.outputs), loss, make_optimizer(settings, steps))


def make_net(settings: Settings, outputs: int) -> Chain:
    """Dense, norm, activation and Dropout for each hidden width, then Dense."""
    layers: list[Layer] = []
    for width in settings.hidden:
        layers.append(Dense(width))
        if settings.norm != "none":
            layers.append(NORMS[settings.norm]())
        layers.append(ACTIVATIONS[settings.activation]())
        if settings.dropout:
            layers.append(Dropout(settings.dropout))
    return Chain(*layers, Dense(outputs))


def make_schedule(name: str, steps: int) -> Schedule | None:
    """The schedule of a training of so many steps."""
    kind: Any = SCHEDULES[name]
    if name in ("step", "exponential"):
        return kind(every=max(steps // 3, 1))  # type: ignore[no-any-return]
    return kind and kind(steps=steps)  # type: ignore[no-any-return]


def make_optimizer(settings: Settings, steps: int, name: str | None = None, rate: float | None = None) -> Optimizer:
    """The optimizer, or another one of this name and rate with all else the same."""
    kind: Any = OPTIMIZERS[name or settings.optimizer]
    given: dict[str, Any] = {"rate": settings.rate if rate is None else rate}
    given["schedule"] = make_schedule(settings.schedule, steps)
    if "weight_decay" in kind.__dataclass_fields__:
        return kind(**given, weight_decay=settings.weight_decay)  # type: ignore[no-any-return]
    optimizer: Optimizer = kind(**given)
    return WeightDecay(optimizer, settings.weight_decay) if settings.weight_decay else optimizer


def groups(net: Chain) -> list[tuple[int, int]]:
    """For each layer of units the number of its Dense in the chain, and that of the layer whose output is drawn."""
    starts = [i for i, layer in enumerate(net.layers) if isinstance(layer, Dense)]
    ends = [*starts[1:], len(net.layers)]
    return [(start, end - 1) for start, end in zip(starts, ends, strict=True)]
