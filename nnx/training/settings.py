"""The settings of a training, checked once: what one network, a population and a checkpoint have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from inspect import signature
from typing import Any

from ..contract import Array, Factors, Layer, Loss, Optimizer
from ..errors import DataError, SettingError, require, shown, unknown
from ..losses import LOSSES
from ..metrics import METRICS
from ..optimizers import OPTIMIZERS, decays
from ..settings import NOT_NEGATIVE, flag, integer, is_number, one_of, part, plain, real
from .averages import EMA, SWA, Average, has_batch_norm, without_statistics
from .check import check_members, shape_of
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
        functions(callbacks)
        for name in ("epochs", "batch_size", "micro_batches"):
            given[name] = integer(f"fit: {name}", given[name])
        given["shuffle"] = flag("fit: shuffle", given["shuffle"])
        compile, average, found = plain(given["compile"]), given["average"], metrics_of(metrics)
        fine = isinstance(compile, bool) or (isinstance(compile, str) and compile == "auto")
        require(fine, f"fit: compile must be True, False or 'auto', got {shown(compile)}")
        if found and not validated:
            raise SettingError("fit: metrics are computed on validation data; give validation=0.1, or (x, y)")
        check_monitor(given["early_stopping"], validated, found)
        fine = average is None or isinstance(average, (EMA, SWA))
        require(fine, f"fit: average must be nnx.EMA(0.999) or nnx.SWA(0.75), got {shown(average)}")
        frozen = (frozen,) if isinstance(frozen, str) else frozen
        fine = isinstance(frozen, (tuple, list)) and all(isinstance(pattern, str) for pattern in frozen)
        require(fine, f"fit: frozen must be patterns of names such as '0.*', got {shown(frozen)}")
        for name, factors in (("rate_factors", rate_factors), ("decay_factors", decay_factors)):
            fine = factors is None or isinstance(factors, Mapping)
            require(fine, f"fit: {name} must be a dict of patterns such as {{'0.*': 0.1}}, got {shown(factors)}")
            given[name] = {
                str(pattern): float(real(f"fit: {name}[{shown(pattern, 40)}]", value, NOT_NEGATIVE))
                for pattern, value in (factors or {}).items()
            }
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
        if self.decay_factors and optimizer.decays is False:
            none = f"{type(optimizer).__name__} has none"
            raise SettingError(f"fit: decay_factors need weight decay, such as nnx.AdamW's, and {none}")
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
    """Raise SettingError unless all of these are lists or tuples of functions or names."""
    for name, value in given.items():
        one = isinstance(value, str) or callable(value)
        hint = f"; give [{shown(value, 40)}]" if one else ""
        require(isinstance(value, (list, tuple)), f"fit: {name} must be a list, got {shown(value)}{hint}")


def functions(callbacks: Sequence[Any]) -> None:
    """Raise SettingError unless all of these can be called after an epoch."""
    for callback in callbacks:
        fine = callable(callback) and not isinstance(callback, type)
        require(fine, f"fit: callbacks must be functions of a report, got {_got(callback)}")


def _got(callback: Any) -> str:
    """What came in place of a callback, and where it belongs."""
    if isinstance(callback, EarlyStopping):
        return f"{shown(callback, 50)}; give it as early_stopping="
    if isinstance(callback, (EMA, SWA)):
        return f"{shown(callback)}; give it as average="
    if type(callback).__name__ == "Checkpoint":
        return f"{shown(callback, 50)}; give it as checkpoint="
    return shown(callback)


def parts(net: Any, loss: Any, optimizer: Any, place: str = "fit") -> tuple[Layer, Loss, Optimizer]:
    """The network, the loss and the optimizer, which may be names. Raises SettingError."""
    loss, optimizer = named("loss", loss, LOSSES), named("optimizer", optimizer, OPTIMIZERS)
    if hasattr(net, "net") and hasattr(net, "params"):
        raise SettingError(f"{place}: net must be a layer, got a result; give its net, and params=fit.params to go on")
    part(f"{place}: net", net, Layer, also="backprop")
    part(f"{place}: loss", loss, Loss, also="backprop", names=LOSSES)
    part(f"{place}: optimizer", optimizer, Optimizer, names=OPTIMIZERS)
    check_members(net, loss)
    return net, loss, optimizer


def check_monitor(rule: EarlyStopping | None, validated: bool, metrics: Mapping[str, Metric]) -> None:
    """Raise SettingError unless the rule watches something that there will be."""
    if rule is None:
        return
    fine = isinstance(rule, EarlyStopping)
    require(fine, f"fit: early_stopping must be nnx.EarlyStopping(patience=10), got {shown(rule)}")
    if rule.monitor.startswith("validation") and not validated:
        raise SettingError(f"fit: early stopping on {rule.monitor} needs validation=0.1, or (x, y)")
    known = ["loss", *(["validation_loss"] if validated else []), *(f"validation_{name}" for name in metrics)]
    if rule.monitor not in known:
        raise SettingError(unknown("monitor", rule.monitor, known))
    if not rule.knows_what_is_better:
        raise SettingError(f"EarlyStopping: say whether {rule.monitor} is better='smaller' or better='larger'")


def shows(verbose: Any) -> bool:
    """True if progress is to be shown; other libraries say so by numbers. Raises SettingError."""
    value = plain(verbose)
    return value > 0 if is_number(value) and value in (0, 1, 2) else flag("fit: verbose", verbose)


def not_swapped(x: Any, y: Any) -> None:
    """Raise DataError where x looks like a target, and y like rows."""
    given = [shape_of(a) for a in (x, y)]
    if len(given[0]) == 1 and len(given[1]) == 2 and given[0][0] == given[1][0]:
        raise DataError(f"x has shape {given[0]} and y {given[1]}: are they swapped?")


def named(kind: str, value: Any, table: Mapping[str, Any]) -> Any:
    """The value, or what the table has under this name, with its usual settings."""
    if not isinstance(value, str):
        return value
    if value not in table:
        raise SettingError(unknown(kind, value, list(table)))
    return table[value]()


def metric(metric: str | Metric) -> tuple[str, Metric]:
    """The name of a metric, and its function."""
    if callable(metric) and not isinstance(metric, type):
        return getattr(metric, "__name__", type(metric).__name__), metric
    name: str = one_of("metric", metric, METRICS)
    return name, METRICS[name]
