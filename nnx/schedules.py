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
    """A factor that falls in steps: factor = decay^floor(step / every).

    Parameters
    ----------
    every : int
        Updates between one fall and the next, at least 1.
    decay : float, default 0.1
        What the factor is multiplied by at each fall, above 0 and at most 1.

    Raises
    ------
    SettingError
        If every or decay is out of range.

    Notes
    -----
    Shapes: step and factor ().

    Examples
    --------
    >>> nnx.StepDecay(every=100, decay=0.5).evaluate(np.array([0.0, 99.0, 100.0, 200.0])).round(3).tolist()
    [1.0, 1.0, 0.5, 0.25]
    """

    every: int
    decay: float = 0.1

    def __post_init__(self) -> None:
        settle(self, every=AT_LEAST_1, decay=FACTOR)

    def evaluate(self, step: Array) -> Array:
        xp = namespace(step)
        return xp.exp(log(self.decay) * xp.floor((step + 0.5) / self.every))


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """A factor that falls by the same share at each update: factor = decay^(step / every).

    Parameters
    ----------
    every : int
        Updates after which the factor has been multiplied by decay, at least 1.
    decay : float, default 0.1
        What the factor is multiplied by in so many updates, above 0 and at most 1.

    Raises
    ------
    SettingError
        If every or decay is out of range.

    Notes
    -----
    Shapes: step and factor ().

    Examples
    --------
    >>> nnx.ExponentialDecay(every=100, decay=0.5).evaluate(np.array([0.0, 50.0, 100.0, 200.0])).round(3).tolist()
    [1.0, 0.707, 0.5, 0.25]
    """

    every: int
    decay: float = 0.1

    def __post_init__(self) -> None:
        settle(self, every=AT_LEAST_1, decay=FACTOR)

    def evaluate(self, step: Array) -> Array:
        return namespace(step).exp(log(self.decay) / self.every * step)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Linear warm-up, then down to `final` by half a cosine wave.

    The factor is `(step + 1) / warmup` at first, then `final + (1 - final) (1 + cos(pi t)) / 2` with t from 0 to 1;
    after the last step it stays as it is.

    Parameters
    ----------
    steps : int, optional
        Updates of the whole training, at least 1. None, the default, leaves it to `nnx.fit`, which knows it for arrays.
    warmup : int, default 0
        Updates of the warm-up, at least 0.
    final : float, default 0.0
        The factor at the end, from 0 to 1.

    Raises
    ------
    SettingError
        If a setting is out of range, or `evaluate` is called where steps is not known.

    Notes
    -----
    Shapes: step and factor ().

    Source: Loshchilov & Hutter 2017, SGDR, eq. 5; warm-up as in Goyal et al. 2017, section 2.2.

    Examples
    --------
    >>> schedule = nnx.Cosine(steps=100, warmup=10)
    >>> schedule.evaluate(np.array([0.0, 5.0, 10.0, 55.0, 100.0])).round(3).tolist()
    [0.1, 0.6, 1.0, 0.5, 0.0]
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
    """A factor that stays 1 at first and then falls to 0 by half a cosine wave.

    It is 1 up to `t = flat`, then `(1 + cos(pi (t - flat) / (1 - flat))) / 2` down to 0, `t = step / steps`.

    Parameters
    ----------
    steps : int, optional
        Updates of the whole training, at least 1. None, the default, leaves it to `nnx.fit`, which knows it for arrays.
    flat : float, default 0.5
        Share of the steps in which the factor is 1: at least 0 and below 1.

    Raises
    ------
    SettingError
        If a setting is out of range, or `evaluate` is called where steps is not known.

    Notes
    -----
    Shapes: step and factor ().

    Source: Holzmueller, Grinsztajn & Steinwart 2024, RealMLP, "flat_cos", of its dropout and weight decay.

    Examples
    --------
    >>> nnx.FlatCosine(steps=100).evaluate(np.array([0.0, 50.0, 75.0, 100.0])).round(3).tolist()
    [1.0, 1.0, 0.5, 0.0]
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
    """One cycle: up from `start` to 1 over the first part of the steps and down to `final`.

    Each of both ways is half a cosine wave.

    Parameters
    ----------
    steps : int, optional
        Updates of the whole training, at least 1. None, the default, leaves it to `nnx.fit`, which knows it for arrays.
    rise : float, default 0.3
        Share of the steps in which the factor rises, between 0 and 1.
    start : float, default 0.04
        The factor at first, from 0 to 1.
    final : float, default 4e-06
        The factor at the end, from 0 to 1.

    Raises
    ------
    SettingError
        If a setting is out of range, or `evaluate` is called where steps is not known.

    Notes
    -----
    Shapes: step and factor ().

    Source: Smith & Topin 2018; with the cosine, the fractions and the ends of PyTorch's OneCycleLR.

    Examples
    --------
    >>> nnx.OneCycle(steps=100).evaluate(np.array([0.0, 10.0, 29.0, 55.0, 99.0])).round(3).tolist()
    [0.04, 0.295, 1.0, 0.697, 0.0]
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
    """Several cosine waves from 0 to 1 and back, each twice as long as the one before.

    `factor = (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2`, `t = step / steps`.

    Parameters
    ----------
    steps : int, optional
        Updates of the whole training, at least 1. None, the default, leaves it to `nnx.fit`, which knows it for arrays.
    cycles : int, default 4
        Number of waves, from 1 to 30.

    Raises
    ------
    SettingError
        If a setting is out of range, or `evaluate` is called where steps is not known.

    Notes
    -----
    Shapes: step and factor ().

    It begins and ends at 0.

    Source: Holzmueller, Grinsztajn & Steinwart 2024, RealMLP, "coslog4", which has four cycles.

    Examples
    --------
    >>> nnx.PeriodicCosine(steps=15, cycles=4).evaluate(np.array([0.0, 1.0, 3.0, 7.0, 15.0])).round(3).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
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
