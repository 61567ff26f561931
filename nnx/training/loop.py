"""`fit`: the loop over epochs around the one step."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from time import perf_counter
from typing import Any

from .. import backends
from ..backends import Backend
from ..contract import Array, Layer, Loss, Optimizer, Params
from ..errors import DataError, SettingError, TrainingError, require, unknown
from ..losses import LOSSES
from ..metrics import METRICS
from ..network import check_seed, init
from ..optimizers import OPTIMIZERS
from ..random import permutation, seed_words
from .check import check_labels, choose_backend
from .data import Data, make_data, numbered, split
from .flat import Flat, Named, choose_layout
from .interrupt import Interrupt
from .progress import progress
from .result import Callback, EarlyStopping, Fit, Report
from .step import Carry, Step, gather, make_prediction, make_step

Metric = Callable[[Array, Array], Array]
Held = tuple[Data, Any]  # data to validate on, and the numbers of its rows
CHUNK = 8192  # rows evaluated at once in validation


def fit(
    net: Layer,
    x: Any,
    y: Any = None,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    epochs: int = 100,
    batch_size: int = 128,
    validation: float | tuple[Any, ...] | None = None,
    early_stopping: EarlyStopping | None = None,
    metrics: Sequence[str | Metric] = (),
    callbacks: Sequence[Callback] = (),
    sample_weight: Any = None,
    params: Mapping[str, Array] | None = None,
    seed: int = 0,
    shuffle: bool = True,
    backend: str | Backend | None = None,
    dtype: str | None = None,
    verbose: bool = False,
) -> Fit:
    """Train a network on rows of data.

    x, y: arrays of one library, which then computes (unless `backend` says otherwise and they are copied there), or
        lists. A `numpy.memmap` stays in its file and is read batch by batch. Or x alone: a list of batches (x, y) or
        (x, y, weight), or a function returning an iterator over them, called once an epoch.
    loss, optimizer, metrics: objects, or names such as "softmax_cross_entropy", "adam", "accuracy".
    validation: a fraction of the rows to set aside, or a tuple (x, y) or (x, y, weight).
    sample_weight: one weight >= 0 for each row. params: where to begin; left unchanged.
    Shapes: x (rows, features); y (rows,) or (rows, outputs), integers for labels.

    Raises: DataError, SettingError, ShapeError, BackendError before anything is trained; TrainingError when the loss
    stops being finite, with the result up to the last good epoch in its attribute `fit`.
    Ctrl-C ends the training after the current batch and returns the result so far.
    """
    require(isinstance(epochs, int) and epochs >= 1, f"fit: epochs must be at least 1, got {epochs}")
    require(isinstance(batch_size, int) and batch_size >= 1, f"fit: batch_size must be at least 1, got {batch_size}")
    the_loss: Loss = _named("loss", loss, LOSSES)
    the_optimizer: Optimizer = _named("optimizer", optimizer, OPTIMIZERS)
    the_metrics = dict(_metric(metric) for metric in metrics)
    if isinstance(check_seed(seed), tuple):
        raise SettingError("fit: seed must be one integer")
    if the_metrics and validation is None:
        raise SettingError("fit: metrics are computed on validation data; give validation=0.1, or (x, y)")
    given = None if backend is None else backends.backend(backend, dtype or "float32")
    chosen = choose_backend(x, y, sample_weight, given, dtype or "float32")
    with chosen.scope():
        data = make_data(chosen, x, y, sample_weight, the_loss)
        rows, held = _validation(chosen, data, validation, the_loss, seed)
        if rows is not None:
            the_optimizer = the_optimizer.over(epochs * -(-len(rows) // batch_size))
        run = _Run(net, the_loss, the_optimizer, chosen, data, rows, seed, batch_size, shuffle)
        run.begin(params, held)
        with progress(epochs, verbose) as show, Interrupt() as interrupt:
            return run.train(epochs, early_stopping, the_metrics, [*callbacks, show], interrupt)


def _named(kind: str, value: Any, table: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    if value not in table:
        raise SettingError(unknown(kind, value, list(table)))
    return table[value]()


def _metric(metric: str | Metric) -> tuple[str, Metric]:
    if callable(metric):
        return getattr(metric, "__name__", type(metric).__name__), metric
    if metric not in METRICS:
        raise SettingError(unknown("metric", metric, list(METRICS)))
    return metric, METRICS[metric]


def _validation(backend: Backend, data: Data, validation: Any, loss: Loss, seed: int) -> tuple[Any, Held | None]:
    """The row numbers to train on, and the data and row numbers to validate on."""
    everything = None if data.rows is None else numbered(data.rows)
    if validation is None:
        return everything, None
    if isinstance(validation, (int, float)):
        if data.rows is None:
            raise DataError("a fraction cannot be set aside from an iterable of batches: give validation=(x, y)")
        train, held = split(data.rows, float(validation), seed)
        return train, (data, held)
    if not isinstance(validation, tuple) or len(validation) not in (2, 3):
        raise SettingError("fit: validation must be a fraction, (x, y) or (x, y, weight)")
    x, y, weight = (*validation, None)[:3]
    try:
        other = make_data(backend, x, y, weight, loss)
    except DataError as error:
        raise DataError(f"validation: {error}") from None
    if other.rows is None:
        raise SettingError("fit: validation must hold arrays")
    return everything, (other, numbered(other.rows))


class _Run:
    """One fit while it runs."""

    carry: Carry
    layout: Flat | Named
    step: Step
    best: tuple[int, Params]  # the epoch whose weights will be kept, and they

    def __init__(
        self,
        net: Layer,
        loss: Loss,
        optimizer: Optimizer,
        backend: Backend,
        data: Data,
        rows: Any,  # host row numbers to train on; None for a stream
        seed: int,
        batch_size: int,
        shuffle: bool,
    ) -> None:
        self.net, self.loss, self.optimizer, self.backend = net, loss, optimizer, backend
        self.data, self.rows, self.seed, self.batch_size, self.shuffle = data, rows, seed, batch_size, shuffle
        self.history: dict[str, list[float]] = {}

    def begin(self, params: Mapping[str, Array] | None, held: Held | None) -> None:
        """Initial parameters, a trial of the network on one row, and the compiled functions."""
        backend, self.held = self.backend, held
        x, target, _, rows = next(iter(self.data.batches(None if self.rows is None else self.rows[:1], 1)))
        if params is None:
            start = init(self.net, int(x.shape[-1]), seed=self.seed, backend=backend)
        else:
            start = {name: backend.floats(p) for name, p in params.items()}
        missing = [name for name in (*self.net.names, *self.net.running) if name not in start]
        if missing:
            raise SettingError(f"fit: params lacks {missing[0]!r}; make them with nnx.init")
        predict = make_prediction(self.net)
        z = predict(start, x if rows is None else x[:1, :], None)
        self.loss.evaluate(z, target[: z.shape[-2], ...])  # raises ShapeError where they do not fit
        for data in [self.data] + ([held[0]] if held else []):
            check_labels(getattr(data, "target", None), self.loss, z.shape[-1])
        self.layout = choose_layout(backend, start, self.net.names, apart=self.optimizer.decays)
        vectors = self.layout.pack(start)
        self.carry = Carry(
            vectors,
            {name: start[name] for name in self.net.running},
            self.optimizer.init(vectors),
            seed_words(self.seed, backend),
            backend.floats(0.0),
        )
        self.step = backend.compile(make_step(self.net, self.loss, self.optimizer, self.layout), donate=(0,))
        self.predict = backend.compile(predict)
        self.best = (0, self.snapshot())

    def snapshot(self) -> Params:
        """An own copy of all parameters."""
        params = self.carry.params(self.layout)
        return {name: self.backend.xp.asarray(p, copy=True) for name, p in params.items()}

    def train(
        self,
        epochs: int,
        rule: EarlyStopping | None,
        metrics: Mapping[str, Metric],
        callbacks: Sequence[Callback],
        interrupt: Interrupt,
    ) -> Fit:
        """Epoch after epoch, until they are over or something stops them."""
        best_value: float | None = None
        for epoch in range(1, epochs + 1):
            figures = self.epoch(epoch, interrupt)
            figures = {"loss": figures["loss"], **self.validate(metrics)} | figures  # losses and metrics first
            params = self.snapshot()
            if not self.is_finite(figures, params):
                raise TrainingError(
                    f"the loss is not finite in epoch {epoch}; lower the rate, or clip gradients (nnx.ClipNorm). "
                    f"The weights of epoch {self.best[0]} are kept",
                    self.result("not finite"),
                )
            for name, value in {"epoch": float(epoch), **figures}.items():
                self.history.setdefault(name, []).append(value)
            stop = ""
            if rule is None:
                self.best = (epoch, params)
            elif rule.monitor not in figures:
                raise SettingError(unknown("monitor", rule.monitor, list(figures)))
            elif rule.better(figures[rule.monitor], best_value):
                self.best, best_value = (epoch, params), figures[rule.monitor]
            elif epoch - self.best[0] >= rule.patience:
                stop = "early stopping"
            report = Report(epoch, epochs, figures, lambda: self.carry.params(self.layout))
            if True in [callback(report) for callback in callbacks]:
                stop = stop or "callback"
            if interrupt.seen:
                stop = "interrupted"
            if stop:
                return self.result(stop)
        return self.result("epochs")

    def epoch(self, number: int, interrupt: Interrupt) -> dict[str, float]:
        """One pass over the data, and the figures of it."""
        started, seen = perf_counter(), 0
        order = self.rows
        if order is not None and self.shuffle:
            order = order[permutation(self.seed, "shuffle", len(order), number)]
        self.carry = self.carry._replace(total=self.backend.floats(0.0))
        for x, target, weight, rows in self.data.batches(order, self.batch_size):
            self.carry = self.step(self.carry, x, target, weight, rows)
            seen += int((x if rows is None else rows).shape[0])
            if interrupt.seen:
                break
        loss = float(self.carry.total) / seen  # the one wait for the device
        seconds = max(perf_counter() - started, 1e-9)
        rate = float(self.optimizer.current_rate(self.carry.state))
        return {"loss": loss, "rate": rate, "samples_per_second": seen / seconds, "seconds": seconds}

    def validate(self, metrics: Mapping[str, Metric]) -> dict[str, float]:
        """Loss and metrics on the data held out."""
        if self.held is None:
            return {}
        xp = self.backend.xp
        data, order = self.held
        params = self.carry.params(self.layout)
        parts: list[tuple[Array, ...]] = []
        for x, target, weight, rows in data.batches(order, CHUNK):
            z = self.predict(params, x, rows)
            parts.append((z, gather(target, rows), *([] if weight is None else [gather(weight, rows)])))
        z, target, *weights = (xp.concat(list(part), axis=0) for part in zip(*parts, strict=True))
        value, _ = self.loss.evaluate(z, target, *weights)
        figures = {"validation_loss": float(value)}
        return figures | {f"validation_{name}": float(metric(z, target)) for name, metric in metrics.items()}

    def is_finite(self, figures: Mapping[str, float], params: Params) -> bool:
        """Whether all figures and weights are numbers: one more number is read from the device."""
        xp = self.backend.xp
        weights = float(sum(xp.sum(p * 0.0) for p in params.values()))
        return all(isfinite(v) for v in (*figures.values(), weights))

    def result(self, stopped: str) -> Fit:
        """The fit with the weights to keep."""
        epoch, params = self.best
        return Fit(self.net, self.loss, params, self.carry.state, self.history, self.backend, epoch, stopped)
