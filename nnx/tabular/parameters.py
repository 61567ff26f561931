"""The parameters of an estimator as the settings of the command."""

from collections.abc import Mapping
from operator import index
from time import monotonic
from typing import Any

from sklearn.utils import check_random_state

from ..errors import require, shown
from ..training.agreed import several
from .settings import LONGEST, Config, convert, put, seconds

SETTINGS = {  # of the command, by the names of parameters
    "preset": "training.preset",
    "metric": "training.metric",
    "members": "training.members",
    "hidden": "network.hidden",
    "activation": "network.activation",
    "dropout": "network.dropout",
    "rate": "optimizer.rate",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "patience": "training.patience",
    "validation": "data.validation",
    "class_weight": "training.class_weight",
    "calibrate": "training.calibrate",
    "kinds": "data.kinds",
    "drop": "data.drop",
    "monotone": "data.monotone",
    "backend": "place.backend",
    "dtype": "place.dtype",
}
FIXED = {  # settings of the command that are no estimator's
    "data.path": "give X",
    "data.target": "give y",
    "data.task": "TabularClassifier classifies, TabularRegressor does not",
    "data.test": "keep rows apart yourself, and give them to score",
    "training.seed": "give random_state",
    "training.max_time": "give time_limit",
}


def config_of(estimator: Any, name: str, kinds: Mapping[str, str]) -> Config:
    """The settings of the command. name: of the target; kinds: of columns. Raises: SettingError."""
    own = type(estimator).__name__
    values: dict[str, Any] = {"data": {"kinds": dict(kinds), "missing_target": "error"}}
    for parameter, setting in SETTINGS.items():
        value = getattr(estimator, parameter)
        if isinstance(value, Mapping) and parameter == "class_weight":
            continue  # the weights of the rows hold them
        if value is not None and not (isinstance(value, tuple) and not value):
            put(values, setting, _plain(value), f"{parameter}:")
    fine = estimator.settings is None or isinstance(estimator.settings, Mapping)
    require(fine, f"settings must be a dict such as {{'optimizer.clip': 1.0}}, got {shown(estimator.settings)}")
    for setting, value in (estimator.settings or {}).items():
        require(setting not in FIXED, f"settings: {setting} is not for {own}: {FIXED.get(setting)}")
        put(values, setting, value, "settings:")
    seed = _seed(estimator.random_state)
    if (ranks := several(estimator.ranks)) is not None:
        seed = ranks.broadcast(seed)  # which may be a random one
    values["data"] |= {"target": name, "task": estimator.task, "test": 0.0}
    put(values, "training.seed", seed, "random_state:")
    return convert(values)


def _plain(value: Any) -> Any:
    """A value as a configuration holds it: arrays are lists there."""
    return dict(value) if isinstance(value, Mapping) else value.tolist() if hasattr(value, "tolist") else value


def _seed(given: Any) -> int:
    """The seed that a random_state is, or gives. Raises: SettingError."""
    whole = hasattr(given, "__index__") and not isinstance(given, bool)
    try:
        seed = index(given) if whole else int(check_random_state(given).randint(2**31 - 1))
    except (TypeError, ValueError):
        seed = -1
    fine = 0 <= seed < 2**64
    require(fine, f"random_state must be a whole number below 2**64, a RandomState or None, got {shown(given)}")
    return seed


def end_of(estimator: Any) -> float | None:
    """The time, as `monotonic` tells it, at which a training that begins now has to end. Raises: SettingError."""
    limit = estimator.time_limit
    if isinstance(limit, str):
        return monotonic() + seconds(limit, "time_limit")
    fine = limit is None or (isinstance(limit, (int, float)) and 0 < limit <= LONGEST)
    require(fine, f"time_limit must be seconds above 0, or a duration such as '10m', got {shown(limit)}")
    return None if limit is None else monotonic() + limit
