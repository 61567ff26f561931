"""What a training was given: settings by name, and whether they go together."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import SettingError, require, unknown
from ..metrics import METRICS
from .result import EarlyStopping
from .run import Metric


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
