"""The base of TabularClassifier and TabularRegressor: scikit-learn's contract around a training on a table."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..backends import Backend, backend, backend_of, first_working, preferred
from ..errors import DataError, TrainingError, require
from ..evaluation import Evaluation
from ..files import Model, save
from ..names import Spelled
from ..tables import Target, check_target
from ..training import Fit
from ..training.agreed import several
from ..training.progress import progress
from ..training.settings import shows
from .frames import groups_of, is_array, is_elsewhere, is_path, source_of, target_name, weights_of, with_target
from .given import Given
from .model import trained
from .parameters import config_of, end_of
from .prepare import Prepared, fold, prepare, targets
from .recipe import check, settled
from .settings import Config
from .training import saved, time_limit, train
from .use import Explanation, explanation
from .wording import in_python, python_errors


class Tabular(Spelled, BaseEstimator, ABC):  # type: ignore[misc]
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
        monotone: Mapping[str, int] | None = None,
        settings: Mapping[str, Any] | None = None,
        backend: str | None = None,
        dtype: str = "float32",
        random_state: Any = 0,
        verbose: bool = False,
        ranks: Any = None,
    ) -> None:
        self.preset, self.metric, self.time_limit, self.members = preset, metric, time_limit, members
        self.hidden, self.activation, self.dropout, self.rate = hidden, activation, dropout, rate
        self.epochs, self.batch_size, self.patience, self.validation = epochs, batch_size, patience, validation
        self.class_weight, self.calibrate, self.kinds, self.drop = class_weight, calibrate, kinds, drop
        self.monotone = monotone
        self.settings, self.backend, self.dtype = settings, backend, dtype
        self.random_state, self.verbose, self.ranks = random_state, verbose, ranks

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None, groups: Any = None
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : table of shape (rows, columns)
            A data frame of pandas, polars or pyarrow; an array of any library, or a sparse matrix of SciPy, which is
            made dense; a dictionary of columns; a list of rows or records; or the name of a file as `nnx train` takes
            it. Text that spells numbers, dates, truths or gaps is read as such.
        y : array of shape (rows,) or str
            The target of each row, or the name of the column of X that is to be predicted.
        sample_weight : array of shape (rows,), optional
            What each row counts for, from 0 on. Rows of weight 0 are left out.
        X_val : table of shape (rows, columns), optional
            Rows that all networks validate on, in place of rows that each of them holds out.
        y_val : array of shape (rows,) or str, optional
            Their targets. Left out where y is the name of a column, which X_val has too.
        groups : array of shape (rows,), optional
            The group of each row. Rows of one group are not trained on and validated on by one network.

        Returns
        -------
        TabularClassifier or TabularRegressor
            The estimator itself.

        Raises
        ------
        DataError
            If the table or the target cannot be learned from: missing targets, no column, lengths that differ.
        SettingError
            If a parameter is out of its range, or unknown.
        TrainingError
            If the loss is not finite before one epoch has ended.
        BackendError
            If the library or device asked for cannot compute here.
        """
        end = end_of(self)
        given, name, fixed = self._given(X, y, sample_weight, X_val, y_val, groups)
        config = config_of(self, name, fixed)
        chosen = self._backend(config, X)
        with python_errors():
            check(config)
            ranks = several(self.ranks)
            prepared = prepare(config, lambda text: None, given=given, ranks=ranks)
            config = settled(config, prepared, 1 if ranks is None else ranks.count)
        prepared.encoder.named_ = not is_array(X)
        fold(prepared, config)
        self._keep(config, prepared, self._trained(config, prepared, chosen, end))
        self._name(given)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for name in ("allow_nan", "sparse", "string", "categorical"):
            setattr(tags.input_tags, name, True)
        return tags

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole, from the columns of a table to its predictions, as one model file: see `nnx.load`.

        Parameters
        ----------
        path : str or path
            The file to write, in the format of safetensors: "price.safetensors".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ModelFileError
            If the file cannot be written.
        """
        check_is_fitted(self)
        m = self.model_
        beside: dict[str, Any] = {"arrays": m.arrays, "about": m.about, "encoder": m.encoder, "target": m.target}
        save(path, m.net, m.params, loss=m.loss, **beside)

    def to_onnx(self, path: str | os.PathLike[str] | None = None, *, opset: int = 17) -> Any:
        """Give the whole as an ONNX model whose inputs are the columns of the table: see `nnx.to_onnx`.

        Parameters
        ----------
        path : str or path, optional
            The file to write: "price.onnx". None writes none.
        opset : int, default 17
            The version of ONNX's operators, from 13 to 21.

        Returns
        -------
        onnx.ModelProto
            The model: columns of the table in, the mean of all networks out.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        BackendError
            If onnx is not installed.
        """
        from ..onnx import to_onnx

        check_is_fitted(self)
        return to_onnx(self.model_, path, opset=opset)

    def explain(self, X: Any, output: Any = None) -> Explanation:
        """Tell what each column adds to the prediction for each row of X, by integrated gradients.

        Of a row, base + the sum of its values = output, to about a thousandth.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them.
        output : object, optional
            The class whose logit is explained. None is the last of `classes_`; a regression has none, and its value is
            explained.

        Returns
        -------
        Explanation
            Its `columns` are names, `values` (rows, columns) what each adds, `base` (rows,) the output for the mean of
            the rows trained on, `output` (rows,) that of the rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        DataError
            If X has not the columns that were trained on, or there is no such class.
        """
        x = self._encoded(X)
        return explanation(self.model_, x, self._number(output))

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page: scores on rows held out, curves, pictures, notes.

        Parameters
        ----------
        path : str or path
            The file to write: "report.html".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        NNXError
            If matplotlib is not installed.
        DataError
            If the file cannot be written.
        """
        from ..plots.report import report

        check_is_fitted(self)
        target, count = self._model_target, self.model_.net.copies
        facts = {
            "predicted": f"{target.name} ({target.task})",
            "model": f"{count} network{'s' * (count > 1)}, {len(self.history_['epoch'])} epochs, {self.stopped_}",
            "backend": str(self.model_.backend),
        }
        report(
            path,
            title=target.name,
            facts=facts,
            history=self.history_,
            evaluation=self.evaluation_,
            config_text="",
            notes=self.notes_,
            held="held out",
            best_epoch=self.best_epoch_,
        )

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
            if isinstance(y, str) and (y_val is None or isinstance(y_val, str)):
                check_target(other, name)
            else:
                require(y_val is not None and not isinstance(y_val, str), "fit: X_val needs y_val, its targets")
                other = with_target(other, self._target(y_val)[0], name)
        return Given(source, weights_of(weight), groups_of(groups), other, own, self.class_weight), name, fixed

    @abstractmethod
    def _target(self, y: Any) -> tuple[Any, Any]:
        """The target (rows,) on the host, as a column holds it, and the classes in it. Raises: DataError."""

    def _backend(self, config: Config, X: Any) -> Backend:
        """That of the parameter, else of the array X where it is on no host, else the preferred one."""
        place = config.place
        if not place.backend and is_elsewhere(X):
            return backend_of(X, place.dtype)
        used, why = first_working(place.backend or preferred(), place.dtype)
        return replace(backend(used, place.dtype), why=why)

    def _trained(self, config: Config, prepared: Prepared, chosen: Backend, end: float | None) -> list[Fit]:
        ranks = several(self.ranks)
        shown = shows(self.verbose) and (ranks is None or ranks.is_first)
        with (
            time_limit(end) as over,
            progress(config.training.epochs or 1, shown, head=chosen.why) as show,
        ):
            try:
                fits = train(config, prepared, chosen, callbacks=[show, lambda report: over()], ranks=ranks)
                ended = ("interrupted", "callback") if over() else ()
                return [replace(fit, stopped="time") if fit.stopped in ended else fit for fit in fits]
            except TrainingError as error:
                if fits := saved(error):
                    return fits
                raise

    def _keep(self, config: Config, prepared: Prepared, fits: list[Fit]) -> None:
        """The attributes of a fitted estimator."""
        result, encoder = trained(config, prepared, fits), prepared.encoder
        fit, held = result.fit, result.held
        about = {"reading": prepared.source.reading.to_data(), "asked": {}} | result.about
        parts = result.arrays, about, fit.backend, encoder, result.target, (encoder.width,)
        self.model_ = Model(fit.net, fit.params, fit.loss, *parts)
        self.config_, self.notes_ = config, [in_python(note) for note in prepared.notes]
        self.history_, self.best_epoch_, self.stopped_ = fit.history, fit.best_epoch, fit.stopped
        self.n_features_in_ = encoder.n_features_in_
        if encoder.named_:
            self.feature_names_in_ = encoder.feature_names_in_
        elif hasattr(self, "feature_names_in_"):  # of an earlier fit
            del self.feature_names_in_
        self.evaluation_: Evaluation | None = None if held is None else self._evaluation(held.y, held.output)

    def _evaluation(self, y: Any, output: Any) -> Evaluation:
        """The evaluation of rows that were held out, each predicted by a network that was not trained on it."""
        target = self._model_target
        if target.classes:
            return Evaluation.of("classification", y, output, classes=target.classes, threshold=target.threshold)
        return Evaluation.of("regression", target.decode(y[:, None]), target.decode(output))

    def _column(self, X: Any, y: Any) -> Any:
        """The target for `score`: y, or the column of X of this name, as `predict` gives it. Raises: DataError."""
        if not isinstance(y, str):
            return y
        check_is_fitted(self)
        source = source_of(X)
        target = replace(self._model_target, name=check_target(source, y))
        with python_errors():
            return self._values(targets(source, target))

    @abstractmethod
    def _values(self, encoded: Any) -> Any:
        """The target (rows,), as `predict` gives it, of class numbers or standardised values."""

    def _number(self, output: Any) -> int:
        """The number of the output for a class. Raises: DataError."""
        require(output is None, "explain: a regression has one output: leave output= out")
        return 0

    def _name(self, given: Given) -> None:
        """Set classes_, where there are classes."""

    @property
    def _model_target(self) -> Target:
        target = self.model_.target
        assert target is not None
        return target

    def _answer(self, X: Any, *, proba: bool = False) -> Any:
        """What the model makes of a table: probabilities, or values in the target's own units."""
        x = self._encoded(X)
        return self.model_.answer(x, proba=proba)

    def _encoded(self, X: Any) -> Any:
        """The rows of a table as the networks see them, (rows, features) on the host."""
        check_is_fitted(self)
        source, encoder = source_of(X), self.model_.encoder
        assert encoder is not None
        if is_array(X) or not (encoder.named_ or is_path(X)):
            if len(source.columns) != self.n_features_in_:
                own, count = type(self).__name__, len(source.columns)
                expected = self.n_features_in_
                raise DataError(f"X has {count} features, but {own} is expecting {expected} features as input")
            source.table = source.table.rename_columns([str(name) for name in encoder.feature_names_in_])
        with python_errors():
            return encoder.encode(source)
