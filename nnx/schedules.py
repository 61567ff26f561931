"""Schedules: a factor on the rate, the weight decay or a dropout rate, by the number of updates made so far.

`steps` is the number of updates of the whole training; None leaves it to `nnx.fit`, which knows it.
"""

from copy import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from math import log, pi
from operator import is_
from typing import TypeVar

from .backends import namespace
from .contract import Array, Schedule
from .errors import SettingError
from .settings import AT_LEAST_1, BETWEEN, FACTOR, NOT_NEGATIVE, SHARE, UP_TO_1, WORD, settle

T = TypeVar("T")
S = TypeVar("S", bound="Cosine | FlatCosine | OneCycle | PeriodicCosine")


def over(settings: T, steps: int) -> T:
    """A layer, loss or optimizer whose schedules, and those in its parts, are of a training of so many updates."""
    if hasattr(settings, "over") and not hasattr(settings, "update"):
        return settings.over(steps)  # type: ignore[no-any-return]
    if isinstance(settings, tuple):
        parts = tuple(over(part, steps) for part in settings)
        return settings if all(map(is_, parts, settings)) else parts  # type: ignore[return-value]
    if not is_dataclass(settings) or isinstance(settings, type):
        return settings
    changed = {f.name: over(getattr(settings, f.name), steps) for f in fields(settings)}
    changed = {name: value for name, value in changed.items() if value is not getattr(settings, name)}
    own = copy(settings) if changed else settings
    for name, value in changed.items():
        object.__setattr__(own, name, value)
    return own


def _steps(schedule: "Cosine | FlatCosine | OneCycle | PeriodicCosine") -> int:
    if schedule.steps is None:
        raise SettingError(f"{type(schedule).__name__}: steps is not known; pass steps= (nnx.fit knows it for arrays)")
    return schedule.steps


def _over(schedule: S, steps: int) -> S:
    return replace(schedule, steps=steps) if schedule.steps is None else schedule


@dataclass(frozen=True)
class StepDecay(Schedule):
    """factor = decay^floor(step / every)."""

    every: int
    decay: float = 0.1

    def __post_init__(self) -> None:
        settle(self, every=AT_LEAST_1, decay=FACTOR)

    def evaluate(self, step: Array) -> Array:
        xp = namespace(step)
        return xp.exp(log(self.decay) * xp.floor((step + 0.5) / self.every))


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """factor = decay^(step / every)."""

    every: int
    decay: float = 0.1

    def __post_init__(self) -> None:
        settle(self, every=AT_LEAST_1, decay=FACTOR)

    def evaluate(self, step: Array) -> Array:
        return namespace(step).exp(log(self.decay) / self.every * step)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Linear warm-up (step + 1) / warmup, then factor = final + (1 - final) (1 + cos(pi t)) / 2 with t from 0 to 1.

    Source: Loshchilov & Hutter 2017, SGDR, eq. 5; warm-up as in Goyal et al. 2017, section 2.2.
    """

    steps: int | None = None
    warmup: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        settle(self, steps=AT_LEAST_1, warmup=NOT_NEGATIVE, final=UP_TO_1)

    def over(self, steps: int) -> "Cosine":
        return _over(self, steps)

    def evaluate(self, step: Array) -> Array:
        xp = namespace(step)
        t = (step - self.warmup) / max(_steps(self) - self.warmup, 1)
        t = xp.minimum(xp.maximum(t, 0.0), 1.0)
        factor = self.final + (1.0 - self.final) * 0.5 * (1.0 + xp.cos(pi * t))
        return xp.minimum((step + 1.0) / self.warmup, factor) if self.warmup else factor


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """factor = 1 up to t = flat, then (1 + cos(pi (t - flat) / (1 - flat))) / 2 down to 0, t = step / steps.

    Source: Holzmueller, Grinsztajn & Steinwart 2024, RealMLP, "flat_cos", of its dropout and weight decay.
    """

    steps: int | None = None
    flat: float = 0.5

    def __post_init__(self) -> None:
        settle(self, steps=AT_LEAST_1, flat=SHARE)

    def over(self, steps: int) -> "FlatCosine":
        return _over(self, steps)

    def evaluate(self, step: Array) -> Array:
        xp = namespace(step)
        t = (step / _steps(self) - self.flat) / (1.0 - self.flat)
        return 0.5 * (1.0 + xp.cos(pi * xp.minimum(xp.maximum(t, 0.0), 1.0)))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from `start` to 1 over the first part of the steps and down to `final`, each by half a cosine wave.

    Source: Smith & Topin 2018; with the cosine, the fractions and the ends of PyTorch's OneCycleLR.
    """

    steps: int | None = None
    rise: float = 0.3
    start: float = 1 / 25
    final: float = 1 / 25 / 1e4

    def __post_init__(self) -> None:
        settle(self, steps=AT_LEAST_1, rise=BETWEEN, start=UP_TO_1, final=UP_TO_1)

    def over(self, steps: int) -> "OneCycle":
        return _over(self, steps)

    def evaluate(self, step: Array) -> Array:
        xp, steps = namespace(step), _steps(self)
        top = max(self.rise * steps - 1.0, 1e-6)
        up = xp.minimum(step / top, 1.0)
        down = xp.minimum(xp.maximum((step - top) / max(steps - 1.0 - top, 1e-6), 0.0), 1.0)
        rising = 1.0 + (self.start - 1.0) * 0.5 * (1.0 + xp.cos(pi * up))
        falling = self.final + (1.0 - self.final) * 0.5 * (1.0 + xp.cos(pi * down))
        return xp.where(step < top, rising, falling)


@dataclass(frozen=True)
class PeriodicCosine(Schedule):
    """factor = (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2, t = step / steps: cycles that grow twice as long.

    Source: Holzmueller, Grinsztajn & Steinwart 2024, RealMLP, "coslog4" (four cycles; it begins and ends at 0).
    """

    steps: int | None = None
    cycles: int = 4

    def __post_init__(self) -> None:
        settle(self, steps=AT_LEAST_1, cycles=WORD)

    def over(self, steps: int) -> "PeriodicCosine":
        return _over(self, steps)

    def evaluate(self, step: Array) -> Array:
        xp = namespace(step)
        t = xp.minimum(step / _steps(self), 1.0)
        return 0.5 * (1.0 - xp.cos(2 * pi / log(2) * xp.log1p((2**self.cycles - 1) * t)))
