"""Callbacks after each epoch: functions, scikit-learn's callbacks, the progress bar."""

from contextlib import ExitStack
from time import perf_counter
from typing import Any

from ..backends.numpy import namespace as host_namespace
from ..training.progress import progress
from ..training.result import Report
from .ranks import prints, ranks_of

np = host_namespace()


class Callbacks:
    """Those of one training; a context that ends with it."""

    def __init__(self, est: Any, context: Any, X: Any, y: Any, sample_weight: Any, epochs: int) -> None:
        self.est, self.epochs = est, epochs
        called = est.callbacks
        self.functions = list(called) if isinstance(called, (list, tuple)) else [called] if called else []
        self.context = context if getattr(est, "_skl_callbacks", None) else None
        self.epoch: Any = None
        self.ranks = ranks_of(est)
        self.shown = est.verbose == "bar" and prints(est)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        labels = None if self.context is None else est._labels(y)
        self.data = {"estimator": est, "X": X, "y": labels, "metadata": metadata}

    @property
    def active(self) -> bool:
        """True if the estimator must have the current weights."""
        return bool(self.functions) or self.context is not None

    def __enter__(self) -> "Callbacks":
        self.stack = ExitStack()
        self.bar = self.stack.enter_context(progress(self.epochs, self.shown))
        self.first = self.est.n_iter_
        if self.context is not None:
            self.context.call_on_fit_task_begin(**self.data, reconstruction_attributes=self._weights)
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.close()
        if self.context is None or error[0] is not None:
            return
        if self.epoch is not None:  # begun, and never done
            self.epoch.call_on_fit_task_end(estimator=self.est)
        self.context.call_on_fit_task_end(**self.data, reconstruction_attributes=self._weights)

    def begin(self) -> None:
        """An epoch begins."""
        self.started = perf_counter()
        if self.context is not None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.data, reconstruction_attributes=self._weights)

    def end(self, rows: int) -> bool:
        """An epoch of so many rows has ended; whether somebody wants no more."""
        est = self.est
        if self.shown:
            figures = {"loss": est.loss_, "rate": est._optimizer.learning_rate}
            figures["samples_per_second"] = rows / max(perf_counter() - self.started, 1e-9)
            if est.validation_loss_curve_:
                figures["validation_loss"] = est.validation_loss_curve_[-1]
            if est.validation_scores_:
                figures["validation_score"] = est.validation_scores_[-1]
            self.bar(Report(est.n_iter_ - self.first, self.epochs, figures, {}))
        stop = self._asked() if self.ranks is None or not self.functions else self.ranks.first(self._asked)
        if self.context is not None:
            stop = self.epoch.call_on_fit_task_end(**self.data, reconstruction_attributes=self._weights) or stop
            self.epoch = None
        return stop

    def _asked(self) -> bool:
        """Whether one of the functions wants no more."""
        answers = [function(self.est) for function in self.functions]
        return any(isinstance(answer, (bool, np.bool)) and bool(answer) for answer in answers)

    def _weights(self) -> dict[str, Any]:
        """The attributes that an estimator predicts from, with the current weights."""
        return {name: getattr(self.est, name) for name in ("coefs_", "intercepts_", "layer_params_")}
