"""The settings of a playground: what may be chosen, within which limits, and how they are read from a message."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import SettingError, require, shown, unknown
from ..layers import ACTIVATIONS, BatchNorm, LayerNorm, RMSNorm
from ..losses import LOSSES
from ..optimizers import OPTIMIZERS
from ..schedules import Cosine, ExponentialDecay, FlatCosine, OneCycle, PeriodicCosine, StepDecay
from ..settings import NOT_NEGATIVE, SHARE, Range, integer, one_of, real
from .data import CLASSES, FEATURES, VALUES

NORMS: dict[str, Any] = {"none": None, "batch": BatchNorm, "layer": LayerNorm, "rms": RMSNorm}
SCHEDULES: dict[str, Any] = {
    "none": None,
    "cosine": Cosine,
    "flat_cosine": FlatCosine,
    "one_cycle": OneCycle,
    "periodic_cosine": PeriodicCosine,
    "exponential": ExponentialDecay,
    "step": StepDecay,
}
OWN = "own"
LAYERS, UNITS, ROWS, KINDS = 6, 32, 2000, 6  # at most: hidden layers, units of one, points, classes
LARGE = 1e9  # of a coordinate or a target

_SEED = Range("must be from 0 to 4294967295", lambda v: 0 <= v <= 2**32 - 1)
_ROWS = Range(f"must be from 10 to {ROWS}", lambda v: 10 <= v <= ROWS)
_NOISE = Range("must be from 0 to 1", lambda v: 0 <= v <= 1)
_TEST = Range("must be from 0 to 0.9", lambda v: 0 <= v <= 0.9)
_UNITS = Range(f"must be from 1 to {UNITS}", lambda v: 1 <= v <= UNITS)
_RATE = Range("must be from 0 to 100", lambda v: 0 <= v <= 100)
_EPOCHS = Range("must be from 1 to 100000", lambda v: 1 <= v <= 100000)
_BATCH = Range(f"must be from 1 to {ROWS}", lambda v: 1 <= v <= ROWS)
_SIZE = Range(f"must be from -{LARGE:g} to {LARGE:g}", lambda v: -LARGE <= v <= LARGE)

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Settings:
    """All that decides what a playground computes."""

    data: str = "circle"
    rows: int = 200
    noise: float = 0.1
    test: float = 0.3
    points: tuple[Point, ...] = ()  # of data "own": both coordinates, and the class or the value
    values: bool = False  # of data "own": whether the targets are values, not classes
    frame: tuple[float, float, float, float] = (-3.0, 3.0, -3.0, 3.0)  # of data "own": the part of the plane shown
    inputs: tuple[str, ...] = ("x1", "x2")
    hidden: tuple[int, ...] = (8, 8)
    activation: str = "tanh"
    norm: str = "none"
    dropout: float = 0.0
    loss: str = "softmax_cross_entropy"
    optimizer: str = "adam"
    rate: float = 0.01
    schedule: str = "none"
    epochs: int = 100  # that the schedule is made for
    weight_decay: float = 0.0
    batch_size: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("data", self.data, (*CLASSES, *VALUES, OWN))
        for name, within in {"rows": _ROWS, "epochs": _EPOCHS, "batch_size": _BATCH, "seed": _SEED}.items():
            number = getattr(self, name)
            whole = int(number) if isinstance(number, float) and number.is_integer() else number
            self._keep(name, integer(name, whole, within))
        ranges = {"noise": _NOISE, "test": _TEST, "dropout": SHARE, "rate": _RATE, "weight_decay": NOT_NEGATIVE}
        for name, within in ranges.items():
            self._keep(name, float(real(name, getattr(self, name), within)))
        tables = {"activation": ACTIVATIONS, "norm": NORMS, "loss": LOSSES}
        for name, table in (tables | {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}).items():
            one_of(name, getattr(self, name), table)
        require(isinstance(self.values, bool), "values must be true or false", self.values)
        self._keep("hidden", tuple(integer("hidden", n, _UNITS) for n in _listed("hidden", self.hidden, 1, LAYERS)))
        inputs = _listed("inputs", self.inputs, 1, len(FEATURES))
        self._keep("inputs", tuple(dict.fromkeys(one_of("input", name, FEATURES) for name in inputs)))
        points = _listed("points", self.points, 0, ROWS)
        self._keep("points", tuple(_point(i, point, self.values) for i, point in enumerate(points)))
        frame = [float(real("frame", v, _SIZE)) for v in _listed("frame", self.frame, 4, 4)]
        require(frame[0] < frame[1] and frame[2] < frame[3], "frame must be left < right, bottom < top", self.frame)
        self._keep("frame", tuple(frame))
        if self.data == OWN:
            require(len(self.points) >= 2, "own data: give at least 2 points, by a click in the plane or a table")

    def _keep(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def regression(self) -> bool:
        """True if the targets are values."""
        return self.data in VALUES or (self.data == OWN and self.values)

    def changed(self, given: Any) -> "Settings":
        """These settings with those of a message in their place. Raises SettingError."""
        require(isinstance(given, Mapping), "settings must be an object", given)
        names = [f.name for f in fields(self)]
        for name in given:
            if name not in names:
                raise SettingError(unknown("setting", name, names))
        return replace(self, **given)


def _listed(name: str, value: Any, least: int, most: int) -> list[Any]:
    require(isinstance(value, (list, tuple)), f"{name} must be a list", value)
    require(least <= len(value) <= most, f"{name} must have {least} to {most} elements, got {len(value)}")
    return list(value)


def _point(i: int, point: Any, values: bool) -> Point:
    fine = isinstance(point, (list, tuple)) and len(point) == 3
    require(fine, f"point {i} must be two coordinates and a target, got {shown(point)}")
    a, b, target = (float(real(f"point {i}", v, _SIZE)) for v in point)
    fine = values or target in range(KINDS)
    require(fine, f"point {i}: a class must be a number from 0 to {KINDS - 1}, got {target:g}")
    return a, b, target
