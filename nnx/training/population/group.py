"""Members of one kind while they train: one carry, the epochs, and what becomes of each member."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from time import perf_counter
from typing import Any

from ...contract import Array, Key, Layer, Loss, Optimizer, Params
from ...errors import SettingError
from ...random import permutation, seed_words
from ..flat import Named
from ..interrupt import Interrupt
from ..objective import MeanLoss
from ..result import Fit
from ..step import Carry, Step, gather, inputs, make_prediction, make_step
from .joining import joined
from .lanes import Lane, Lanes
from .member import Member, Rows, bytes_of_step, shapes_of, stacked
from .plan import Cut, Plan, copies, drawn, given, keep_better, validate
from .result import PopulationCallback, PopulationReport


class Group:
    """Members of one kind while they train. `numbers` are theirs in the population; here they count from 0."""

    def __init__(self, plan: Plan, numbers: Sequence[int], members: Sequence[Member], rows: Sequence[Rows]) -> None:
        self.plan, self.backend, self.numbers = plan, plan.backend, list(numbers)
        self.members, self.rows = [members[k] for k in numbers], [rows[k] for k in numbers]
        steps = plan.epochs * -(-len(self.rows[0].train) // plan.batch_size)
        self.optimizers = [m.optimizer.over(steps) for m in self.members]
        self.live = list(range(len(numbers)))
        self.histories: list[dict[str, list[float]]] = [{} for _ in numbers]
        self.best = [(0, float("nan"))] * len(numbers)  # the epoch whose weights will be kept, and its figure
        self.fits: dict[int, Fit] = {}  # of those that have stopped
        self.known: dict[tuple[int, ...], tuple[Layer, Loss, Optimizer]] = {}
        self.predictions: dict[tuple[int, ...], Callable[[Params, Array, Array | None], Array]] = {}

    def begin(self) -> None:
        """Initial parameters, a trial of the network on one row, the lanes."""
        plan, backend, everyone = self.plan, self.backend, list(range(len(self.members)))
        self.features = int(plan.data.x.shape[1])
        net, loss, optimizer = self.settings(everyone)
        start = self.start(net)
        seeds = seed_words(tuple(m.seed for m in self.members), backend)
        self.names = self.trial(net, loss, start, seeds)
        vectors = {name: start[name] for name in self.names}
        rest = {name: p for name, p in start.items() if name not in vectors}
        state = optimizer.init(vectors, population=(len(everyone),))
        carry = Carry(vectors, rest, state, seeds, backend.floats([0.0] * len(everyone)))
        self.bytes_each = bytes_of_step(net, self.features, plan.batch_size, backend.dtype)
        self.lanes = Lanes(backend, self.step, plan.compile, plan.epochs, self.bytes_each)
        self.beginning = carry, copies(backend, start)

    def prediction(self, members: list[int]) -> Callable[[Params, Array, Array | None], Array]:
        """The outputs of a population of these members, compiled once."""
        key = tuple(members)
        if key not in self.predictions:
            self.predictions[key] = self.backend.compile(make_prediction(self.settings(members)[0]))
        return self.predictions[key]

    def settings(self, members: Sequence[int]) -> tuple[Layer, Loss, Optimizer]:
        """Network, loss and optimizer of a population of these members, joined once."""
        key = tuple(members)
        if key not in self.known:
            whole = [(self.members[k].net, self.members[k].loss, self.optimizers[k]) for k in members]
            self.known[key] = tuple(joined(part) for part in zip(*whole, strict=True))
        return self.known[key]

    def step(self, members: list[int], own: int) -> Step:
        """The step of a lane."""
        net, loss, optimizer = self.settings(members)
        return make_step(MeanLoss(net, loss), optimizer, Named({}, self.names), members=own)

    def start(self, net: Layer) -> Params:
        """The parameters that the members begin with, on axis 0."""
        begun: dict[Any, Params] = {}
        parts = []
        for m in self.members:
            key = (m.net, m.seed) if m.params is None else id(m.params)
            if key not in begun:
                begun[key] = drawn(m, self.features) if m.params is None else given(m, self.features, self.backend)
            parts.append(begun[key])
        return {n: self.backend.floats(p) for n, p in stacked(parts, shapes_of(net, self.features)).items()}

    def trial(self, net: Layer, loss: Loss, start: Params, seeds: Array) -> tuple[str, ...]:
        """The names that get a gradient, from a step on one row; and whether the data suits the network."""
        data, backend = self.plan.data, self.backend
        row = backend.integers([0])
        x, target, weight = (gather(a, row) for a in (data.x, data.target, data.weight))
        key = Key(seeds, backend.asarray(0, backend.xp.int32))
        z, values = net.evaluate(start, inputs(x, None, backend.floats(0.0)), train=True, key=key)
        value, saved = loss.evaluate(z, target, weight)
        if tuple(value.shape) != (len(self.members),):
            raise SettingError(f"fit: the loss of {len(self.members)} members has shape {tuple(value.shape)}")
        _, grads = net.backprop(start, values, loss.backprop(saved), need_dx=False)
        if not grads:
            raise SettingError("fit: the network has no parameters to train")
        for part in (data, self.plan.held):
            if part is not None:
                part.check(int(z.shape[-1]))
        return tuple(name for name in start if name in grads)

    def orders(self, epoch: int) -> list[Any]:
        """For each member the numbers of its rows in their order; members that share both share the array."""
        known: dict[Any, Any] = {}
        found = []
        for member, rows in zip(self.members, self.rows, strict=True):
            key = (member.seed if self.plan.shuffle else 0, id(rows.train))
            if key not in known:
                order = rows.train
                if self.plan.shuffle:
                    order = order[permutation(member.seed, "shuffle", len(order), epoch)]
                known[key] = order
            found.append(known[key])
        return found

    def train(self, callbacks: Sequence[PopulationCallback], interrupt: Interrupt) -> None:
        """Epoch after epoch, until no member is left."""
        with self.lanes.threads():
            for number in range(1, self.plan.epochs + 1):
                orders = self.orders(number)
                if number == 1:
                    self.lanes.lay(*self.beginning, self.live, orders)
                    del self.beginning
                elif len(self.live) <= sum(len(lane.members) for lane in self.lanes.lanes) // 2:
                    self.lanes.keep(self.live, orders)
                self.judge(self.epoch(number, orders, interrupt), callbacks, interrupt)
                if not self.live:
                    break

    def epoch(self, number: int, orders: Sequence[Any], interrupt: Interrupt) -> PopulationReport:
        """One pass over the data, and the figures of the members that still train."""
        plan, backend, started = self.plan, self.backend, perf_counter()
        data = plan.data.x, plan.data.target, plan.data.weight
        seen = 0

        def run(lane: Lane) -> dict[str, list[float]]:
            nonlocal seen
            seen = lane.run(backend, data, orders, plan.batch_size, interrupt)
            xp, settings = backend.xp, self.settings(lane.members)
            arrays = (*lane.carry.vectors.values(), *lane.carry.running.values())
            nothing = [xp.sum(p * 0.0, axis=tuple(range(1, p.ndim))) for p in arrays]  # 0 where all is finite
            rate = settings[2].current_rate(lane.carry.state)
            three = xp.stack([lane.carry.total / seen, xp.sum(xp.stack(nothing), axis=0), rate])
            loss, finite, rates = backend.to_numpy(three).tolist()  # the one wait for it
            held = validate(plan, settings[1], self.prediction(lane.members), lane, self.rows)
            return {"loss": loss, **held, "rate": rates, "finite": finite}

        found: dict[int, dict[str, float]] = {}
        for lane, figures in zip(self.lanes.lanes, self.lanes.each(run), strict=True):
            for i, k in enumerate(lane.members):
                found[k] = {name: values[i] for name, values in figures.items()}
        seconds = max(perf_counter() - started, 1e-9) / len(self.live)  # a member's share
        speed = {"samples_per_second": seen / seconds, "seconds": seconds}
        names = [*found[self.live[0]], *speed]
        return PopulationReport(
            number,
            plan.epochs,
            tuple(self.live),
            {name: [(found[k] | speed)[name] for k in self.live] for name in names},
        )

    def judge(self, report: PopulationReport, callbacks: Sequence[PopulationCallback], interrupt: Interrupt) -> None:
        """What becomes of each member after an epoch."""
        rule, number, stop = self.plan.rule, report.epoch, {}
        better = set()
        finite = report.figures.pop("finite")
        for i, k in enumerate(report.members):
            figures = {name: values[i] for name, values in report.figures.items()}
            losses = [value for name, value in figures.items() if name.endswith("loss")]
            if not all(map(isfinite, (*losses, finite[i]))):
                stop[k] = "not finite"
                continue
            for name, value in {"epoch": number, **figures}.items():
                self.histories[k].setdefault(name, []).append(value)
            epoch, value = self.best[k]
            if rule is None or rule.improves(figures[rule.monitor], value if epoch else None):
                better.add(k)
                self.best[k] = number, figures[rule.monitor] if rule else 0.0
            elif number - epoch >= rule.patience:
                stop[k] = "early stopping"
        self.lanes.each(lambda lane: keep_better(self.backend, lane, better))
        shown = report.renumbered(self.numbers)
        for answer in [callback(shown) for callback in callbacks]:
            asked = asked_to_stop(answer, shown.members)
            stop = {k: "callback" for k in report.members if self.numbers[k] in asked} | stop
        if interrupt.seen:
            stop = dict.fromkeys(report.members, "interrupted") | stop
        if number == self.plan.epochs:
            stop = dict.fromkeys(report.members, "epochs") | stop
        self.finish(stop)

    def finish(self, stopped: Mapping[int, str]) -> None:
        """The fits of members that train no longer."""
        for lane in self.lanes.lanes:
            for i, k in enumerate(lane.members):
                if k in stopped:
                    member = self.members[k]
                    own = Cut(self.backend, i, shapes_of(member.net, self.features))
                    state = {
                        n: own.params(s) if isinstance(s, dict) else own.one(s) for n, s in lane.carry.state.items()
                    }
                    self.fits[k] = Fit(
                        member.net,
                        member.loss,
                        own.params(lane.kept),
                        state,
                        self.histories[k],
                        self.backend,
                        self.best[k][0],
                        stopped[k],
                        lane.loop.how,
                    )
        self.live = [k for k in self.live if k not in stopped]


def asked_to_stop(answer: Any, members: Sequence[int]) -> set[int]:
    """The members that a callback's answer means. Raises SettingError."""
    if hasattr(answer, "item") and getattr(answer, "ndim", 1) == 0:
        answer = answer.item()
    if answer is None or isinstance(answer, bool):
        return set(members) if answer else set()
    found = set(answer) if hasattr(answer, "__iter__") else {answer}
    if not hasattr(answer, "__iter__") or not all(hasattr(k, "__index__") for k in found):
        raise SettingError(f"fit: a callback returns None, True, or numbers of members, got {answer!r}")
    return found
