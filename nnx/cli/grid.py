"""The grid of a search: which settings vary, over which values, and the candidates that come of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, isfinite, log, prod
from typing import Any

import msgspec
from msgspec.structs import replace

from ..backends import numpy as host
from ..errors import SettingError, require, unknown
from ..random import words
from ..tabular.recipe import check
from ..tabular.settings import SECTIONS, Config, convert
from .config import value_of
from .options import HOMES, NO_SETTINGS

VARYING = ("network", "optimizer", "training")  # sections of settings that may differ between candidates
OF_A_RUN = (  # settings of a run, not of a network
    *("training.max_time", "training.checkpoint_every", "training.micro_batches"),
    *("training.members", "training.calibrate"),
)
MOST = 10_000  # candidates
CLASSES = {f.name: type(f.default) for f in msgspec.structs.fields(Config)}  # of the sections
FORM = "expected a,b,c or FROM:TO:log:COUNT or FROM:TO:lin:COUNT"


@dataclass(frozen=True)
class Parameter:
    """A setting that varies: its values, and where they are a range, its ends and scale."""

    name: str
    setting: str  # section.name
    values: tuple[Any, ...]
    ends: tuple[float, float] | None = None
    logarithmic: bool = False

    def drawn(self, u: float) -> Any:
        """The value for a number in [0, 1)."""
        if self.ends is None:
            return self.values[int(u * len(self.values))]
        return _at(self.setting, self.ends, self.logarithmic, u)


def parameters(texts: Iterable[str], *, drawn: bool) -> list[Parameter]:
    """The parameters of the options --grid NAME=VALUES. drawn: values are drawn, so that a range needs no count.

    Raises: SettingError.
    """
    found: dict[str, Parameter] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        require(bool(equals), f"--grid {text[:40]}: expected NAME=VALUES such as rate=0.001,0.01")
        setting = _setting(name)
        require(setting not in found, f"--grid {name}: given twice; give all its values at once")
        found[setting] = _parameter(name, setting, values.strip(), drawn)
    require(bool(found), "nothing to search: give --grid NAME=VALUES, such as --grid rate=1e-4:1e-1:log:8")
    return list(found.values())


def names() -> dict[str, str]:
    """Each setting by the name of its option, or its own where it has no option."""
    options = {option[2:].replace("-", "_"): setting for option, setting in HOMES.items()}
    every = {name: f"{section}.{name}" for section, own in SECTIONS.items() for name in own}
    return {n: s for n, s in every.items() if s not in options.values()} | options


def may_vary(setting: str) -> bool:
    """True for a setting in which candidates of one search may differ."""
    return setting.partition(".")[0] in VARYING and setting not in OF_A_RUN


def _setting(name: str) -> str:
    """The setting of this name, also with its section before a dot."""
    known = names()
    section, dot, own = name.partition(".")
    setting = name if dot and own in SECTIONS.get(section, ()) else known.get(name, "")
    if setting and may_vary(setting):
        return setting
    if setting or name in NO_SETTINGS:
        raise SettingError(f"--grid {name}: cannot vary in a search; settings of network, optimizer and training can")
    raise SettingError(f"--grid: {unknown('setting', name[:40], [n for n, s in known.items() if may_vary(s)])}")


def _parameter(name: str, setting: str, text: str, drawn: bool) -> Parameter:
    where = f"--grid {name}={text[:60]}"
    if ":" not in text:
        values = [_read(setting, part.strip(), where) for part in text.split(",") if part.strip()]
        require(bool(values), f"{where}: no values; {FORM}")
        return Parameter(name, setting, tuple(dict.fromkeys(values)))
    first, last, scale, count, *more = [*text.split(":"), "", "", ""][: max(4, text.count(":") + 1)]
    require("," not in text and not more and scale in ("log", "lin"), f"{where}: {FORM}")
    require(_type(setting) in (int, float, tuple), f"{where}: {name} has no range; give a list a,b,c")
    try:
        ends = float(first), float(last)
        steps = int(count) if count or not drawn else 2
    except ValueError:
        hint = "; or draw with --random N" if not count else ""
        raise SettingError(f"{where}: {FORM}, of numbers{hint}") from None
    require(all(map(isfinite, ends)) and ends[0] < ends[1], f"{where}: FROM must be below TO")
    require(scale == "lin" or ends[0] > 0, f"{where}: FROM must be above 0 where the scale is log")
    require(2 <= steps <= MOST, f"{where}: COUNT must be from 2 to {MOST:,}, got {steps}")
    logarithmic = scale == "log"
    values = [_at(setting, ends, logarithmic, i / (steps - 1)) for i in range(steps)]
    for value in (values[0], values[-1]):
        _checked(setting, value, where)
    return Parameter(name, setting, tuple(dict.fromkeys(values)), ends, logarithmic)


def _type(setting: str) -> type:
    """The type of a setting: str, bool, int, float, or tuple for widths."""
    section, name = setting.split(".")
    kind = {f.name: f.type for f in msgspec.structs.fields(CLASSES[section])}[name]
    plain = next((k for k in getattr(kind, "__args__", ()) if k is not type(None) and k is not Ellipsis), kind)
    if "tuple" in str(kind):
        return tuple
    return plain if isinstance(plain, type) else str


def _read(setting: str, text: str, where: str) -> Any:
    """One value of a list."""
    kind = _type(setting)
    if kind is str:
        return text
    if kind is not tuple:
        return _checked(setting, value_of(text), where)
    if text == "none":
        return ()
    try:
        return tuple(int(width) for width in text.split("x"))
    except ValueError:
        raise SettingError(f"{where}: expected widths such as 64 or 128x64, or none, got {text[:30]!r}") from None


def _checked(setting: str, value: Any, where: str) -> Any:
    """The value as the setting holds it. Raises: SettingError if it is of the wrong type."""
    section, name = setting.split(".")
    return getattr(getattr(convert({section: {name: value}}, where), section), name)


def _at(setting: str, ends: tuple[float, float], logarithmic: bool, u: float) -> Any:
    """The value at a share of the range; between the ends a number has four digits, to be read and typed again."""
    low, high = ends
    value = exp((1 - u) * log(low) + u * log(high)) if logarithmic else (1 - u) * low + u * high
    value = ends[int(u)] if u in (0, 1) else float(f"{value:.4g}")
    kind = _type(setting)
    return value if kind is float else (round(value),) if kind is tuple else round(value)


def candidates(grid: Sequence[Parameter], count: int | None, seed: int) -> list[dict[str, Any]]:
    """The values of each candidate by setting: all combinations, or so many different ones drawn from the seed."""
    settings = [p.setting for p in grid]
    size = prod(len(p.values) for p in grid)
    if count is None or (count >= size and all(p.ends is None for p in grid)):
        require(size <= MOST, f"the grid has {size:,} candidates, {MOST:,} are the most; draw some with --random N")
        return [dict(zip(settings, values, strict=True)) for values in product(*(p.values for p in grid))]
    tries = 20 * count + 100
    chances = [host.uniform(words(seed, f"search {p.setting}", tries)).tolist() for p in grid]
    found: dict[tuple[Any, ...], None] = {}
    for row in zip(*chances, strict=True):
        found[tuple(p.drawn(u) for p, u in zip(grid, row, strict=True))] = None
        if len(found) == count:
            break
    return [dict(zip(settings, values, strict=True)) for values in found]


def applied(config: Config, values: dict[str, Any]) -> Config:
    """The settings with those of a candidate. Raises: SettingError if they do not suit each other.

    The parts of the table do not change with the seed: test rows stay test rows.
    """
    whole = config
    if "training.seed" in values:
        whole = replace(whole, data=replace(whole.data, seed=config.data_seed))
    for setting, value in values.items():
        section, name = setting.split(".")
        whole = replace(whole, **{section: replace(getattr(whole, section), **{name: value})})
    try:
        check(whole)
    except SettingError as error:
        called = {setting: name for name, setting in names().items()}
        said = " ".join(f"{called[setting]}={shown(value)}" for setting, value in values.items())
        raise SettingError(f"--grid {said[:60]}: {error}") from None
    return whole


def shown(value: Any) -> str:
    """A value as it is given to --grid."""
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
