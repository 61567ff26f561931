"""One fit while it runs: its beginning, its epochs, its result."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from time import perf_counter
from typing import Any

from ..backends import Backend, Plain
from ..contract import Array, Key, Layer, Loss, Optimizer, Params, State
from ..errors import DataError, SettingError, ShapeError, TrainingError
from ..network import init
from ..random import permutation, seed_words
from .checkpoint import Progress, Writer, state_like
from .data import Batch, Data, StreamData, singly
from .flat import Flat, Named, choose_layout
from .interrupt import Interrupt
from .objective import MeanLoss
from .result import Callback, EarlyStopping, Fit, Report
from .step import Carry, gather, inputs, make_prediction, make_step

Metric = Callable[[Array, Array], Array]
Held = tuple[Data, Any]  # data to validate on, and the numbers of its rows
CHUNK = 8192  # rows evaluated at once in validation, counting those of members
PATIENCE = 0.05  # seconds of steps between two looks at whether Ctrl-C was pressed


class Run:
    """One fit while it runs."""

    carry: Carry
    layout: Flat | Named
    steps: Plain
    like: tuple[tuple[tuple[int, ...], str] | None, ...]  # shape and type of a row of x, target and weight
    sample: Batch  # the first row
    best: tuple[int, Params]  # the epoch whose weights will be kept, and they
    writer: Writer | None = None  # of checkpoints
    done = 0  # epochs before those of this process
    stopped = ""  # why no more are to be run
    whole = True  # whether the last epoch was not cut short
    execution = ""  # how the steps were run, before this process has run any

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
        epochs: int,
        compile: bool | str,
    ) -> None:
        self.net, self.loss, self.optimizer, self.backend = net, loss, optimizer, backend
        self.data, self.rows, self.seed, self.batch_size, self.shuffle = data, rows, seed, batch_size, shuffle
        self.epochs, self.compile = epochs, compile
        self.stride = 1  # steps at once
        self.history: dict[str, list[float]] = {}
        self.upcoming: Any = None  # the order of the next epoch

    def look(self, held: Held | None) -> None:
        """Look at the first row of the data."""
        self.held, self.sample = held, self.first(self.data, self.rows)
        self.like = tuple(None if a is None else (tuple(a.shape[1:]), str(a.dtype)) for a in self.sample[:3])

    def begin(self, params: Mapping[str, Array] | None, progress: Progress | None = None) -> None:
        """Initial parameters, or those of a checkpoint, a trial of the network on one row, the compiled functions."""
        backend, held, (x, target, weight, rows) = self.backend, self.held, self.sample
        del self.sample  # it may hold a block of rows
        params = params if progress is None else progress.params
        start = self.start(params, int(x.shape[-1]))
        names, outputs = self.trial(start, x, target, weight, rows)
        self.data.check(outputs)
        self.predict = backend.compile(make_prediction(self.net))
        if held is not None and held[0] is not self.data:
            with naming("validation"):
                held[0].check(outputs)
                x, target, weight, rows = self.first(*held)
                self.loss.evaluate(self.predict(start, x, rows), gather(target, rows), gather(weight, rows))
        self.layout = choose_layout(backend, start, names, apart=self.optimizer.decays)
        vectors, seed = self.layout.pack(start), seed_words(self.seed, backend)
        state = self.optimizer.init(vectors)
        if self.optimizer.current_rate(state).ndim:  # also finds a schedule that does not know its steps
            raise SettingError("fit trains one network: give the optimizer single numbers, or members=K")
        rest = {name: p for name, p in start.items() if name not in names}
        self.carry = Carry(vectors, rest, state, seed, backend.floats(0.0))
        step = make_step(MeanLoss(self.net, self.loss), self.optimizer, self.layout)
        self.steps = backend.loop(step, self.compile, self.epochs)
        self.best = (0, self.snapshot())
        if progress is not None:
            self.go_on(progress)

    def go_on(self, progress: Progress) -> None:
        """Take up the training where it was after this epoch."""
        backend, (epoch, best) = self.backend, progress.best
        state = state_like(self.state(), progress.state, backend)
        state = {name: self.layout.pack(slot) if isinstance(slot, dict) else slot for name, slot in state.items()}
        self.carry = self.carry._replace(state=state)
        self.best = epoch, {name: backend.floats(p) for name, p in best.items()}
        self.done, self.stopped, self.history = progress.epoch, progress.stopped, progress.history
        self.steps.choices.update(progress.choices)
        self.execution = progress.execution

    def progress(self, params: Params, stopped: str) -> Progress:
        """Copies of all that the next epoch begins with."""
        state: State = {}
        for slot, value in self.state().items():
            state[slot] = self.copies(value) if isinstance(value, dict) else self.copies({"": value})[""]
        epoch, choices = len(self.history.get("epoch", ())), dict(self.steps.choices)
        return Progress(epoch, params, state, self.best, self.history, choices, stopped, self.how)

    def state(self) -> State:
        """The optimizer's state by the names of the parameters."""
        state = self.carry.state
        return {name: self.layout.views(slot) if isinstance(slot, dict) else slot for name, slot in state.items()}

    @property
    def how(self) -> str:
        """How the steps were run."""
        return self.execution or self.steps.how

    def first(self, data: Data, rows: Any) -> Batch:
        """One row of the data."""
        x, target, weight, number = next(singly(data.batches(None if rows is None else rows[:1], 1)))
        if number is None:  # the first batch of a stream
            x, target, weight = x[:1, :], target[:1, ...], None if weight is None else weight[:1]
        return x, target, weight, number

    def start(self, params: Mapping[str, Array] | None, features: int) -> Params:
        """Own copies of the parameters given, or initial ones."""
        if params is None:
            return init(self.net, features, seed=self.seed, backend=self.backend)
        missing = [name for name in (*self.net.names, *self.net.running) if name not in params]
        if missing:
            raise SettingError(f"fit: params lacks {missing[0]!r}; make them with nnx.init")
        return {name: self.backend.floats(p) for name, p in params.items()}

    def trial(
        self, start: Params, x: Array, target: Array, weight: Array | None, rows: Array | None
    ) -> tuple[tuple[str, ...], int]:
        """The names that get a gradient, and the number of outputs, from a step on one row."""

        def once(params: Params, seed: Array, x: Array, target: Array, weight: Array | None, rows: Array | None) -> Any:
            key = Key(seed, self.backend.asarray(0, self.backend.xp.int32))
            z, values = self.net.evaluate(params, inputs(x, rows, self.backend.floats(0.0)), train=True, key=key)
            value, saved = self.loss.evaluate(z, gather(target, rows), gather(weight, rows))
            return z, value, self.net.backprop(params, values, self.loss.backprop(saved), need_dx=False)[1]

        z, value, grads = self.backend.compile(once)(
            start, seed_words(self.seed, self.backend), x, target, weight, rows
        )
        if value.ndim:
            raise SettingError("fit trains one network: params and settings with a population are for your own loop")
        for name, g in grads.items():
            if name not in start or tuple(g.shape) != tuple(start[name].shape):
                expected = tuple(start[name].shape) if name in start else "no such parameter"
                raise ShapeError(f"backprop gave a gradient {name!r} of shape {tuple(g.shape)}, expected {expected}")
        if not grads:
            raise SettingError("fit: the network has no parameters to train")
        return tuple(name for name in start if name in grads), int(z.shape[-1])

    def snapshot(self) -> Params:
        """An own copy of all parameters."""
        return self.copies(self.carry.params(self.layout))

    def copies(self, arrays: Params) -> Params:
        """Own copies of arrays: a step may write on those of the carry."""
        return {name: self.backend.xp.asarray(a, copy=True) for name, a in arrays.items()}

    def train(
        self,
        rule: EarlyStopping | None,
        metrics: Mapping[str, Metric],
        callbacks: Sequence[Callback],
        interrupt: Interrupt,
    ) -> Fit:
        """Epoch after epoch, until they are over or something stops them."""
        if self.stopped in ("epochs", "early stopping"):
            return self.result(self.stopped)
        best_value = self.history[rule.monitor][self.best[0] - 1] if rule is not None and self.best[0] else None
        for epoch in range(self.done + 1, self.epochs + 1):
            figures = self.epoch(epoch, interrupt)
            figures = {"loss": figures["loss"], **self.validate(metrics)} | figures  # losses and metrics first
            params = self.snapshot()
            if not self.is_finite(figures):
                raise TrainingError(
                    f"the loss is not finite in epoch {epoch}; lower the rate, or clip gradients (nnx.ClipNorm). "
                    + (f"The weights of epoch {self.best[0]} are kept" if self.best[0] else "No epoch was finished"),
                    self.result("not finite"),
                )
            for name, value in {"epoch": epoch, **figures}.items():
                self.history.setdefault(name, []).append(value)
            stop = ""
            if rule is None:
                self.best = (epoch, params)
            elif rule.improves(figures[rule.monitor], best_value):
                self.best, best_value = (epoch, params), figures[rule.monitor]
            elif epoch - self.best[0] >= rule.patience:
                stop = "early stopping"
            report = Report(epoch, self.epochs, figures, params)
            if any([callback(report) is True for callback in callbacks]):
                stop = stop or "callback"
            if interrupt.seen:
                stop = "interrupted"
            if self.writer is not None:
                self.writer.epoch(self.progress(params, stop) if self.whole else None, now=stop == "interrupted")
            if stop:
                return self.result(stop)
        return self.result("epochs")

    def epoch(self, number: int, interrupt: Interrupt) -> dict[str, float]:
        """One pass over the data, and the figures of it."""
        started, seen, self.whole, self.execution = perf_counter(), 0, False, ""
        if isinstance(self.data, StreamData):
            self.data.set_epoch(number)
        order = self.order(number) if self.upcoming is None else self.upcoming
        self.carry = self.carry._replace(total=self.backend.floats(0.0))
        for x, target, weight, rows in self.data.batches(order, self.batch_size):
            count, start = 1 if rows is None else int(rows.shape[0]), 0
            while start < count and not (interrupt.seen and seen):
                stop, began = min(start + self.stride, count), perf_counter()
                self.carry = self.steps(self.carry, x, target, weight, rows, start, stop)
                seen += (stop - start) * int(x.shape[0] if rows is None else rows.shape[1])
                start = stop
                if perf_counter() - began < PATIENCE:
                    self.stride *= 2
            if interrupt.seen:
                break
        else:
            self.whole = True
        self.upcoming = self.order(number + 1) if number < self.epochs else None  # while a device still computes
        loss = float(self.carry.total) / seen  # the one wait for it
        seconds = max(perf_counter() - started, 1e-9)
        rate = float(self.optimizer.current_rate(self.carry.state))
        return {"loss": loss, "rate": rate, "samples_per_second": seen / seconds, "seconds": seconds}

    def order(self, epoch: int) -> Any:
        """The numbers of the rows to train on in their order in this epoch; None for a stream."""
        if self.rows is None or not self.shuffle:
            return self.rows
        return self.rows[permutation(self.seed, "shuffle", len(self.rows), epoch)]

    def validate(self, metrics: Mapping[str, Metric]) -> dict[str, float]:
        """Loss and metrics on the data held out."""
        if self.held is None:
            return {}
        xp = self.backend.xp
        data, order = self.held
        params = self.carry.params(self.layout)
        parts: list[tuple[Array, ...]] = []
        for x, target, weight, rows in singly(data.batches(order, max(CHUNK // self.net.copies, 1))):
            z = self.predict(params, x, rows)
            parts.append((z, gather(target, rows), *([] if weight is None else [gather(weight, rows)])))
        z, target, *weights = (xp.concat(list(part), axis=0) for part in zip(*parts, strict=True))
        value, _ = self.loss.evaluate(z, target, *weights)
        y = self.loss.predict(z)
        figures = {"validation_loss": float(value)}
        return figures | {f"validation_{name}": float(metric(y, target)) for name, metric in metrics.items()}

    def is_finite(self, figures: Mapping[str, float]) -> bool:
        """Whether losses and weights are numbers: one more number is read from the device."""
        losses = [value for name, value in figures.items() if name.endswith("loss")]
        xp, arrays = self.backend.xp, (*self.carry.vectors.values(), *self.carry.running.values())
        nothing = xp.stack([xp.sum(p * 0.0) for p in arrays])  # 0 unless there is one that is not finite
        return all(map(isfinite, losses)) and isfinite(float(xp.sum(nothing)))

    def result(self, stopped: str) -> Fit:
        """The fit with the weights to keep, and the optimizer's state by the names of the parameters."""
        epoch, params = self.best
        return Fit(self.net, self.loss, params, self.state(), self.history, self.backend, epoch, stopped, self.how)


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Begin the text of an error about data or shapes with what it is about, unless it does already."""
    try:
        yield
    except (DataError, ShapeError) as error:
        text = str(error)
        raise type(error)(text if text.startswith(what) else f"{what}: {text}") from None
