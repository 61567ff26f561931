"""One network while it trains: no axis in front, flat vectors where they pay, data in memory, in files or streamed."""

from collections.abc import Iterator, Mapping
from math import isfinite
from time import perf_counter
from typing import Any, TypeVar

from ..backends import Backend, is_sparse
from ..contract import Array, Key, Layer, Loss, Optimizer, Params, State, as_features
from ..errors import DataError, SettingError, TrainingError, require, shown
from ..network import check_takes_sparse, init
from ..random import permutation, seed_words
from ..settings import BETWEEN, is_number, plain, real
from .averages import Statistics, averaged
from .check import check_parts, naming
from .data import Batch, Data, StreamData, make_data, numbered, singly, split
from .engine import (
    CHUNK,
    Program,
    Watched,
    carry_of,
    checked,
    copies,
    measured,
    step_of,
    trained_names,
    tried,
)
from .flat import Flat, Named, choose_layout
from .identity import mark
from .interrupt import Interrupt
from .parallel import Ranks
from .parts import bytes_of, loop_of
from .settings import Settings
from .step import gather, make_prediction, parts_of

Held = tuple[Data, Any]  # data to validate on, and the numbers of its rows
Output = tuple[Array, Array, Array | None, Array | None]  # z, target, weight, and the numbers of the rows
T = TypeVar("T")


class Alone:
    """The engine of one network. It begins with `look`, at the first row of the data, and `begin`."""

    program: Program
    layout: Flat | Named
    like: tuple[tuple[tuple[int, ...], str] | None, ...]  # shape and type of a row of x, target and weight
    sample: Batch  # the first row
    params: Params  # a copy of those of now, as they are validated and kept
    best: Params  # those that are kept
    execution = ""  # how the steps were run, before this process has run any
    whole = True  # whether the last epoch was not cut short

    def __init__(
        self,
        net: Layer,
        loss: Loss,
        optimizer: Optimizer,
        backend: Backend,
        settings: Settings,
        data: Data,
        rows: Any,  # host row numbers to train on; None for a stream
        seed: int,
        ranks: Ranks | None = None,
    ) -> None:
        """ranks: the processes that share each batch, where there are several."""
        self.ranks = ranks
        self.net, self.loss, self.optimizer, self.backend, self.settings = net, loss, optimizer, backend, settings
        self.data, self.rows, self.seed = data, rows, seed
        self.upcoming: Any = None  # the order of the next epoch
        self.sum: Params = {}  # of the weights of some epochs, whose mean is asked for
        self.statistics = Statistics(backend)

    def look(self, held: Held | None) -> None:
        """Look at the first row of the data."""
        self.held, self.sample = held, self.first(self.data, self.rows)
        self.sparse = is_sparse(self.sample[0])
        if self.sparse or (held is not None and is_sparse(self.first(*held)[0])):
            check_takes_sparse(self.net)
        if self.sparse:
            require(self.settings.compile is not True, "fit: steps on sparse x cannot be compiled: leave compile out")
        self.like = tuple(None if a is None else (tuple(a.shape[1:]), str(a.dtype)) for a in self.sample[:3])

    def begin(self, params: Mapping[str, Array] | None) -> None:
        """Initial parameters or those given, a trial of the network on one row, the compiled functions."""
        backend, held, settings = self.backend, self.held, self.settings
        self.row = tuple(map(int, self.sample[0].shape[1:]))
        features = as_features(self.row)
        if params is None:
            start = init(self.net, features, seed=self.seed, backend=backend)
        else:
            start = {name: backend.floats(p) for name, p in checked(params, self.net, features).items()}
        z, value, grads = tried(backend, self.net, self.loss, start, seed_words(self.seed, backend), self.sample)
        if value.ndim:
            raise SettingError("fit trains one network: params and settings with a population are for your own loop")
        names, outputs = trained_names(settings, start, grads), int(z.shape[-1])
        del self.sample  # it may hold a block of rows
        self.data.check(outputs)
        self.predict = backend.compile(make_prediction(self.net))
        if held is not None and held[0] is not self.data:
            with naming("validation"):
                held[0].check(outputs)
                x, target, weight, rows = self.first(*held)
                self.loss.evaluate(self.predict(start, x, rows), gather(target, rows), gather(weight, rows))
        packed = settings.factors(self.optimizer, names) is None  # else every parameter goes by its own name
        layout = choose_layout(backend, start, names, apart=self.optimizer.decays)
        self.layout = layout if packed else Named(start, names)
        rest = {name: p for name, p in start.items() if name not in names}
        carry = carry_of(settings, backend, self.optimizer, self.layout.pack(start), rest, self.seed)
        if self.optimizer.current_rate(carry.state).ndim:  # also finds a schedule that does not know its steps
            raise SettingError("fit trains one network: give the optimizer single numbers, or members=K")
        step = step_of(settings, self.net, self.loss, self.optimizer, self.layout, names)
        loop = loop_of(backend, step, settings.compile, settings.epochs, plain=self.sparse, ranks=self.ranks)
        self.program = Program(carry, loop, singly=self.ranks is not None)
        self.params = self.best = copies(backend, start)

    def first(self, data: Data, rows: Any) -> Batch:
        """One row of the data."""
        x, target, weight, number = next(singly(data.batches(None if rows is None else rows[:1], 1)))
        if number is None:  # the first batch of a stream
            self.settings.check_batches(self.net, int(x.shape[0]))
            x, target, weight = x[:1, ...], target[:1, ...], None if weight is None else weight[:1]
        return x, target, weight, number

    def epoch(self, number: int, live: list[int], interrupt: Interrupt) -> tuple[dict[int, dict[str, float]], set[int]]:
        """One pass over the data, and the figures of it."""
        started, backend, self.execution = perf_counter(), self.backend, ""
        if isinstance(self.data, StreamData):
            self.data.set_epoch(number)
        order = self.order(number) if self.upcoming is None else self.upcoming
        wanted = None if self.ranks is None else self.wanted
        batches = Watched(self.data.batches(order, self.settings.batch_size, wanted))
        seen = self.program.run(batches, backend.floats(0.0), interrupt)
        self.whole = batches.ended
        self.upcoming = self.order(number + 1) if number < self.settings.epochs else None  # while a device computes
        carry = self.program.carry
        loss = float(carry.total) / seen  # the one wait for it
        seconds = max(perf_counter() - started, 1e-9)
        rate = float(self.optimizer.current_rate(carry.state))
        self.params = self.now(number)
        figures = {"loss": loss, **self.validate()}
        figures |= {"rate": rate, "samples_per_second": seen / seconds, "seconds": seconds}
        found = {0: figures}, set() if self.is_finite() else {0}
        return found if self.ranks is None else self.same(number, found)

    def same(self, number: int, found: T) -> T:
        """What the first rank has found in an epoch. Raises TrainingError unless the ranks have the same weights."""
        assert self.ranks is not None
        marks = self.ranks.gather(mark(self.backend, *self.program.carry.vectors.values()))
        if other := next((r for r, text in enumerate(marks) if text != marks[0]), 0):
            raise TrainingError(
                f"after epoch {number} the weights of rank {other} are not those of rank 0: "
                "are the processors or the libraries of the machines different ones?"
            )
        self.ranks.agree()
        return self.ranks.broadcast(found)

    def order(self, epoch: int) -> Any:
        """The numbers of the rows to train on in their order in this epoch; None for a stream."""
        if self.rows is None or not self.settings.shuffle:
            return self.rows
        return self.rows[permutation(self.seed, "shuffle", len(self.rows), epoch)]

    def now(self, number: int) -> Params:
        """An own copy of the parameters as they are validated and kept: those of this epoch, or their average."""
        settings, carry = self.settings, self.program.carry
        if settings.average is None:
            return copies(self.backend, carry.params(self.layout))
        weights = self.layout.views(carry.vectors)
        moving = self.layout.views(carry.average) if carry.average else {}
        mean, self.sum = averaged(settings.average, settings.epochs, number, weights, moving, self.sum)
        params = copies(self.backend, (mean or weights) | carry.running)
        running = {name: carry.running[name] for name in self.net.running if not settings.is_frozen(name)}
        if mean and running:  # the statistics of the weights of now are not those of their average
            batches = singly(self.data.batches(self.rows, settings.part))
            key = Key(carry.seed, carry.state["step"])
            params |= self.statistics.mean(self.net, params, running, key, batches)
        return params

    def validate(self) -> dict[str, float]:
        """Loss and metrics on the data held out."""
        if self.held is None:
            return {}
        data, order = self.held
        params = self.params if self.settings.average else self.program.carry.params(self.layout)
        size = max(CHUNK // self.net.copies, 1)
        outputs = (
            self.outputs(params, data, order, size) if self.ranks is None else self.shared(params, data, order, size)
        )
        if self.ranks is not None and not self.ranks.is_first:
            return {}
        found = measured(self.backend, self.loss, self.settings.metrics, outputs)
        return {name: float(value) for name, value in found.items()}

    def outputs(self, params: Params, data: Data, order: Any, size: int) -> Iterator[Output]:
        """The outputs for rows held out, so many at once."""
        for x, target, weight, rows in singly(data.batches(order, size)):
            yield self.predict(params, x, rows), gather(target, rows), gather(weight, rows), rows

    def shared(self, params: Params, data: Data, order: Any, size: int) -> Iterator[Output]:
        """The same for the first rank, each part of them computed by another."""
        assert self.ranks is not None
        ranks, found, rest = self.ranks, {}, []
        batches = data.batches(order, size, lambda i, n: slice(n if i % ranks.count == ranks.number else 0))
        for i, (x, target, weight, rows) in enumerate(singly(batches)):
            if i % ranks.count == ranks.number:
                found[i] = self.backend.to_numpy(self.predict(params, x, rows))
            rest.append((gather(target, rows), gather(weight, rows), rows))
        every = {i: z for own in ranks.gather(found) for i, z in own.items()}
        return ((self.backend.asarray(every[i]), *one) for i, one in enumerate(rest))

    def wanted(self, number: int, n: int) -> slice:
        """Those rows of a batch of n that this rank computes on."""
        assert self.ranks is not None
        count, size = parts_of(n, self.settings.micro_batches)
        own = self.ranks.share(count)
        return slice(own.start * size, min(own.stop * size, n))

    def is_finite(self) -> bool:
        """True if the weights are numbers: one more number is read from the device."""
        xp, carry = self.backend.xp, self.program.carry
        arrays = (*carry.vectors.values(), *carry.running.values())
        return isfinite(float(sum(xp.sum(p * 0.0) for p in arrays)))  # 0 unless there is one that is not finite

    def keep(self, better: set[int]) -> None:
        """Keep the weights of now."""
        if better:
            self.best = self.params

    @property
    def state(self) -> State:
        """The optimizer's state by the names of the parameters."""
        state = self.program.carry.state
        return {name: self.layout.views(slot) if isinstance(slot, dict) else slot for name, slot in state.items()}

    def needs(self, rows: int) -> int:
        """The bytes that a step on so many rows makes for itself. Raises Refused if it cannot be followed."""
        return bytes_of(self.program.loop, self.program.carry, self.like, rows)

    @property
    def how(self) -> str:
        """The way the steps were run."""
        return self.execution or self.program.loop.how


def held_out(
    backend: Backend, data: Data, validation: Any, loss: Loss, seed: int
) -> tuple[Any, tuple[Data, Any] | None]:
    """The row numbers to train on, and the data and row numbers to validate on."""
    everything = None if data.rows is None else numbered(data.rows)
    if validation is None:
        return everything, None
    if is_number(plain(validation)):
        if data.rows is None:
            raise DataError("a fraction cannot be set aside from an iterable of batches: give validation=(x, y)")
        train, held = split(data.rows, real("fit: validation", validation, BETWEEN), seed)
        check_parts(data.weight, train, held)
        return train, (data, held)
    if not isinstance(validation, tuple) or len(validation) not in (2, 3):
        raise SettingError(f"fit: validation must be a fraction, (x, y) or (x, y, weight), got {shown(validation)}")
    x, y, weight = (*validation, None)[:3]
    try:
        other = make_data(backend, x, y, weight, loss)
    except DataError as error:
        raise DataError(f"validation: {error}") from None
    if other.rows is None:
        raise SettingError("fit: validation must hold arrays")
    return everything, (other, numbered(other.rows))
