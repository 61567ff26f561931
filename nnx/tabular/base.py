"""The base of TabularClassifier and TabularRegressor: scikit-learn's contract around a training on a table."""

import os
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..backends import Backend, backend, backend_of, first_working, numpy as host, preferred
from ..errors import DataError, TrainingError, require, shown
from ..evaluation import Evaluation
from ..files import Model, save
from ..names import Spelled
from ..tables import Target
from ..training import Fit
from ..training.progress import progress
from .frames import groups_of, is_array, is_elsewhere, source_of, target_name, weights_of, with_target
from .given import Given
from .model import held_out, joined
from .prepare import Prepared, fold, prepare
from .recipe import check, settled
from .settings import LONGEST, Config, convert, put, seconds
from .training import saved, time_limit, train

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


class Tabular(Spelled, BaseEstimator):  # type: ignore[misc]
    """The parameters and methods that both estimators have; see TabularClassifier."""

    task: ClassVar[str]

    def __init__(
        self,
        preset: str = "default",
        *,
        metric: str = "auto",
        time_limit: float | str | None = None,
        members: int | None = None,
        hidden: Any = None,
        activation: str = "relu",
        dropout: float | None = None,
        rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        validation: float | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        calibrate: bool = True,
        kinds: Mapping[str, str] | None = None,
        drop: Any = (),
        settings: Mapping[str, Any] | None = None,
        backend: str | None = None,
        dtype: str = "float32",
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.preset, self.metric, self.time_limit, self.members = preset, metric, time_limit, members
        self.hidden, self.activation, self.dropout, self.rate = hidden, activation, dropout, rate
        self.epochs, self.batch_size, self.patience, self.validation = epochs, batch_size, patience, validation
        self.class_weight, self.calibrate, self.kinds, self.drop = class_weight, calibrate, kinds, drop
        self.settings, self.backend, self.dtype = settings, backend, dtype
        self.random_state, self.verbose = random_state, verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None, groups: Any = None
    ) -> Any:
        """Train on a table.

        X: a table (rows, columns) of pandas, polars, pyarrow; an array of any library, or a sparse matrix of SciPy; a
            dictionary of columns; or the name of a file.
        y: (rows,), or the name of the column of X that is to be predicted.
        sample_weight: (rows,). groups: (rows,); rows of one group are not trained on and validated on by one network.
        X_val, y_val: rows that all networks validate on, in place of rows that each of them holds out.
        Raises: DataError, SettingError, TrainingError.
        """
        started = monotonic()
        self._limit()
        given, name, fixed = self._given(X, y, sample_weight, X_val, y_val, groups)
        config = self._config(name, fixed)
        check(config)
        chosen = self._backend(config, X)
        prepared = prepare(config, lambda text: None, given=given)
        prepared.encoder.named_ = not is_array(X)
        config = settled(config, prepared)
        fold(prepared, config)
        self._keep(config, prepared, self._trained(config, prepared, chosen, started))
        self._name(given)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for name in ("allow_nan", "sparse", "string", "categorical"):
            setattr(tags.input_tags, name, True)
        return tags

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole, from the columns of a table to its predictions, as one model file: see nnx.load."""
        check_is_fitted(self)
        m = self.model_
        save(path, m.net, m.params, loss=m.loss, about=m.about, encoder=m.encoder, target=m.target)

    def to_onnx(self, path: str | os.PathLike[str] | None = None, *, opset: int = 17) -> Any:
        """The whole as an onnx.ModelProto, whose inputs are the columns of the table: see nnx.to_onnx."""
        from ..onnx import to_onnx

        check_is_fitted(self)
        return to_onnx(self.model_, path, opset=opset)

    def _given(
        self, X: Any, y: Any, weight: Any, X_val: Any, y_val: Any, groups: Any
    ) -> tuple[Given, str, dict[str, str]]:
        """The table with its target as a column, the name of that, and the kinds of the columns of an array."""
        source = source_of(X)
        fixed = dict.fromkeys(source.numeric, "number") if is_array(X) else {}  # none of an array's is an id
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        own: Any = None
        if isinstance(y, str):
            name = y
        else:
            name = target_name(y, source.columns)
            column, own = self._target(y)
            source = with_target(source, column, name)
        require(X_val is not None or y_val is None, "fit: y_val is given without X_val; give both, or neither")
        other = None
        if X_val is not None:
            other = source_of(X_val)
            if not isinstance(y, str) or not (y_val is None or isinstance(y_val, str)):
                require(y_val is not None and not isinstance(y_val, str), "fit: X_val needs y_val, its targets")
                other = with_target(other, self._target(y_val)[0], name)
        weights, groups = weights_of(weight), groups_of(groups)
        others = None if other is None else (other, None)
        return Given(source, weights, groups, others, own, self.class_weight), name, fixed

    def _target(self, y: Any) -> tuple[Any, Any]:
        """The target (rows,) on the host, as a column holds it, and the classes in it. Raises: DataError."""
        raise NotImplementedError

    def _config(self, name: str, kinds: Mapping[str, str]) -> Config:
        """The settings of the command that the parameters are."""
        values: dict[str, Any] = {"data": {"kinds": dict(kinds), "missing_target": "error"}}
        for parameter, setting in SETTINGS.items():
            value = getattr(self, parameter)
            if isinstance(value, Mapping) and parameter == "class_weight":
                continue  # the weights of the rows hold them
            if value is not None and value != ():
                put(values, setting, dict(value) if isinstance(value, Mapping) else value, f"{parameter}:")
        for setting, value in (self.settings or {}).items():
            require(setting not in FIXED, f"settings: {setting} is not for {type(self).__name__}: {FIXED.get(setting)}")
            put(values, setting, value, "settings:")
        seed = self.random_state
        if type(seed) is not int:
            seed = int(check_random_state(seed).randint(2**31 - 1))
        values["data"] |= {"target": name, "task": self.task, "test": 0.0}
        put(values, "training.seed", seed, "random_state:")
        return convert(values)

    def _limit(self) -> float | None:
        """The seconds of time_limit. Raises: SettingError."""
        limit = self.time_limit
        if isinstance(limit, str):
            return seconds(limit, "time_limit")
        fine = limit is None or (isinstance(limit, (int, float)) and 0 < limit <= LONGEST)
        require(fine, f"time_limit must be seconds above 0, or a duration such as '10m', got {shown(limit)}")
        return limit

    def _backend(self, config: Config, X: Any) -> Backend:
        """That of the parameter, else of the array X where it is on no host, else the preferred one."""
        place = config.place
        if not place.backend and is_elsewhere(X):
            return backend_of(X, place.dtype)
        used, why = first_working(place.backend or preferred(), place.dtype)
        return replace(backend(used, place.dtype), why=why)

    def _trained(self, config: Config, prepared: Prepared, chosen: Backend, started: float) -> list[Fit]:
        limit = self._limit()
        end = None if limit is None else started + limit

        def late(report: Any) -> bool:
            return over()

        with (
            time_limit(end) as over,
            progress(config.training.epochs or 1, bool(self.verbose), head=chosen.why) as show,
        ):
            try:
                return train(config, prepared, chosen, callbacks=[show, late])
            except TrainingError as error:
                if fits := saved(error):
                    return fits
                raise

    def _keep(self, config: Config, prepared: Prepared, fits: list[Fit]) -> None:
        """The attributes of a fitted estimator."""
        result, encoder, xp = joined(fits), prepared.encoder, host.namespace()
        self.config_, self.notes_ = config, prepared.notes
        about = {"reading": prepared.source.reading.to_data(), "asked": {}, "best_epoch": result.best_epoch}
        parts = result.backend, encoder, prepared.target, (encoder.width,)
        self.model_ = Model(result.net, result.params, result.loss, {}, about, *parts)
        self.history_, self.best_epoch_, self.stopped_ = result.history, result.best_epoch, result.stopped
        self.n_features_in_ = encoder.n_features_in_
        if encoder.named_:
            self.feature_names_in_ = xp.asarray(encoder.feature_names_in_, dtype=object)
        held = held_out(prepared, fits)
        self.evaluation_: Evaluation | None = None if held is None else self._evaluation(*held[1:])

    def _evaluation(self, y: Any, output: Any) -> Evaluation:
        """The evaluation of rows that were held out, each predicted by a network that was not trained on it."""
        target = self._model_target
        if target.classes:
            return Evaluation.of("classification", y, output, classes=target.classes)
        return Evaluation.of("regression", target.decode(y[:, None]), target.decode(output))

    def _name(self, given: Given) -> None:
        """Set classes_, where there are classes."""

    @property
    def _model_target(self) -> Target:
        target = self.model_.target
        assert target is not None
        return target

    def _output(self, X: Any) -> Any:
        """The output of the model for a table: probabilities, or values in the target's own units."""
        check_is_fitted(self)
        source, encoder = source_of(X), self.model_.encoder
        assert encoder is not None
        if is_array(X) or not encoder.named_:
            if len(source.columns) != self.n_features_in_:
                own, count = type(self).__name__, len(source.columns)
                raise DataError(
                    f"X has {count} features, but {own} is expecting {self.n_features_in_} features as input"
                )
            source.table = source.table.rename_columns([str(name) for name in encoder.feature_names_in_])
        return self.model_.answer(encoder.encode(source), proba=self.task == "classification")
