"""The settings of a training, checked once: what one network, a population and a checkpoint have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from inspect import signature
from math import inf
from typing import Any

from ..contract import Array, Factors, Layer, Loss, Optimizer
from ..errors import SettingError, require, unknown
from ..metrics import METRICS
from ..optimizers import decays
from .averages import EMA, SWA, Average, has_batch_norm, without_statistics
from .result import EarlyStopping

Metric = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Settings:
    """The settings of a training, whatever is trained. The names are those of `nnx.fit`."""

    epochs: int = 100
    batch_size: int = 128
    shuffle: bool = True
    compile: bool | str = "auto"
    early_stopping: EarlyStopping | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    micro_batches: int = 1
    average: Average | None = None
    frozen: tuple[str, ...] = ()
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    decay_factors: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        metrics: Sequence[str | Metric],
        callbacks: Sequence[Any],
        frozen: str | Sequence[str],
        rate_factors: Mapping[str, float] | None,
        decay_factors: Mapping[str, float] | None,
        validated: bool,
        **given: Any,
    ) -> "Settings":
        """The settings of a call. validated: whether rows are held out. Raises SettingError."""
        lists(metrics=metrics, callbacks=callbacks)
        for name in ("epochs", "batch_size", "micro_batches"):
            given[name] = count(name, given[name])
        compile, average, found = given["compile"], given["average"], metrics_of(metrics)
        require(compile in (True, False, "auto"), f"fit: compile must be True, False or 'auto', got {compile!r}")
        if found and not validated:
            raise SettingError("fit: metrics are computed on validation data; give validation=0.1, or (x, y)")
        check_monitor(given["early_stopping"], validated, found)
        fine = average is None or isinstance(average, (EMA, SWA))
        require(fine, f"fit: average must be nnx.EMA(0.999) or nnx.SWA(0.75), got {average!r}")
        frozen = (frozen,) if isinstance(frozen, str) else frozen
        fine = isinstance(frozen, (tuple, list)) and all(isinstance(pattern, str) for pattern in frozen)
        require(fine, f"fit: frozen must be patterns of names such as '0.*', got {frozen!r}")
        for name, factors in (("rate_factors", rate_factors), ("decay_factors", decay_factors)):
            fine = factors is None or isinstance(factors, Mapping)
            require(fine, f"fit: {name} must be a dict of patterns such as {{'0.*': 0.1}}, got {factors!r}")
            for pattern, value in (factors or {}).items():
                fine = hasattr(value, "__float__") and not isinstance(value, bool) and 0 <= float(value) < inf
                require(fine, f"fit: {name}[{pattern!r}] must be a number of at least 0, got {value!r}")
            given[name] = {str(pattern): float(value) for pattern, value in (factors or {}).items()}
        return cls(metrics=found, frozen=tuple(frozen), **given)

    @property
    def part(self) -> int:
        """The rows of a batch that are computed at once."""
        return -(-self.batch_size // self.micro_batches)

    @property
    def decay(self) -> float | None:
        """The decay of an average that each update moves."""
        return self.average.decay if isinstance(self.average, EMA) else None

    def check(self, net: Layer, loss: Loss) -> None:
        """Raise SettingError where the settings do not suit a network or a loss."""
        for name in ("frozen", "rate_factors", "decay_factors"):
            for pattern in getattr(self, name):
                matching(pattern, (*net.names, *net.running), f"fit: {name}")
        strange = without_statistics(net) if self.average is not None else None
        if strange is not None:
            kind = type(strange).__name__
            raise SettingError(f"fit: average computes anew the running statistics of nnx.BatchNorm; {kind} has others")
        if self.micro_batches > 1 and not takes_total(loss):
            raise SettingError(
                f"fit: micro_batches needs a loss whose evaluate takes total=, {type(loss).__name__} does not: "
                "what the mean over the whole batch divides by"
            )

    def check_batches(self, net: Layer, rows: int) -> None:
        """Raise SettingError if no batch of so many rows of data has two rows at once, which BatchNorm learns from."""
        if min(self.part, rows) < 2 and has_batch_norm(net):
            what = "one row of data" if rows < 2 else "batches of one row"
            raise SettingError(
                f"fit: BatchNorm learns nothing from {what}: it needs two rows at once; use nnx.LayerNorm"
            )

    def is_frozen(self, name: str) -> bool:
        """True if a parameter stays as it is."""
        return any(fnmatchcase(name, pattern) for pattern in self.frozen)

    def factors(self, optimizer: Optimizer, names: Iterable[str]) -> Factors | None:
        """The factors of rate and decay by name, of the last pattern that fits; None where there are none."""
        if not self.rate_factors and not self.decay_factors:
            return None
        inner: Any = optimizer
        while inner is not None:  # an optimizer within another too
            if "factors" not in signature(inner.update).parameters:
                raise SettingError(f"fit: {type(inner).__name__}.update takes no factors= of rate and decay")
            inner = getattr(inner, "optimizer", None)
        found = {}
        for name in names:
            of_rate, of_decay = 1.0, float(decays(name))
            for pattern, value in self.rate_factors.items():
                of_rate = float(value) if fnmatchcase(name, pattern) else of_rate
            for pattern, value in self.decay_factors.items():
                of_decay = float(value) if fnmatchcase(name, pattern) else of_decay
            found[name] = of_rate, of_decay
        return found


def takes_total(loss: Any) -> bool:
    """True if a loss, and one that it is made of, can be told what the mean of a whole batch divides by."""
    own = "total" in signature(loss.evaluate).parameters
    return own and (not hasattr(loss, "loss") or takes_total(loss.loss))


def matching(pattern: str, names: Sequence[str], place: str) -> list[str]:
    """The names that a pattern such as "0.*" or "*.b" fits. Raises SettingError if there are none."""
    found = [name for name in names if fnmatchcase(name, str(pattern))]
    if not found:
        some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        raise SettingError(f"{place}: {pattern!r} fits no parameter; there are {some}")
    return found


def metrics_of(metrics: Sequence[str | Metric]) -> dict[str, Metric]:
    """The metrics by name."""
    found = dict(metric(m) for m in metrics)
    require(len(found) == len(metrics), "fit: two metrics have the same name; give functions names of their own")
    return found


def lists(**given: Any) -> None:
    """Raise SettingError unless all of these are lists or tuples."""
    for name, value in given.items():
        require(isinstance(value, (list, tuple)), f"fit: {name} must be a list, got {value!r}")


def count(name: str, value: Any) -> int:
    """An integer of at least 1. Raises SettingError."""
    fine = hasattr(value, "__index__") and int(value) >= 1
    require(fine, f"fit: {name} must be an integer of at least 1, got {value!r}")
    return int(value)


def switch(name: str, value: Any) -> bool:
    """True or False. Raises SettingError."""
    require(value in (True, False), f"fit: {name} must be True or False, got {value!r}")
    return bool(value)


def kind(name: str, value: Any, method: str, wanted: str) -> None:
    """Raise SettingError unless the value has the method that shows what it is."""
    if isinstance(value, type) or not hasattr(value, method):
        raise SettingError(f"fit: {name} must be {wanted}, got {value!r}")


def check_monitor(rule: EarlyStopping | None, validated: bool, metrics: Mapping[str, Metric]) -> None:
    """Raise SettingError unless the rule watches something that there will be."""
    if rule is None:
        return
    require(isinstance(rule, EarlyStopping), f"fit: early_stopping must be nnx.EarlyStopping(...), got {rule!r}")
    if rule.monitor.startswith("validation") and not validated:
        raise SettingError(f"fit: early stopping on {rule.monitor} needs validation=0.1, or (x, y)")
    known = ["loss", *(["validation_loss"] if validated else []), *(f"validation_{name}" for name in metrics)]
    if rule.monitor not in known:
        raise SettingError(unknown("monitor", rule.monitor, known))
    if not rule.knows_what_is_better:
        raise SettingError(f"EarlyStopping: say whether {rule.monitor} is better='smaller' or better='larger'")


def named(kind: str, value: Any, table: Mapping[str, Any]) -> Any:
    """The value, or what the table has under this name, with its usual settings."""
    if not isinstance(value, str):
        return value
    if value not in table:
        raise SettingError(unknown(kind, value, list(table)))
    return table[value]()


def metric(metric: str | Metric) -> tuple[str, Metric]:
    """The name of a metric, and its function."""
    if callable(metric):
        return getattr(metric, "__name__", type(metric).__name__), metric
    if metric not in METRICS:
        raise SettingError(unknown("metric", metric, list(METRICS)))
    return metric, METRICS[metric]
