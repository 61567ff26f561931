"""Members of one kind while they train: the engine of a population, whose arrays have them on axis 0."""

from collections.abc import Callable, Sequence
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

from ...backends import Backend
from ...backends.numpy import namespace as host_namespace
from ...contract import Array, Key, Layer, Loss, Optimizer, Params, as_features
from ...errors import SettingError
from ...random import permutation, seed_words
from ...schedules import over
from ..agreed import inner
from ..averages import Statistics, averaged
from ..data import DeviceData
from ..engine import CHUNK, carry_of, copies, measured, step_of, trained_names, tried
from ..flat import Named
from ..interrupt import Interrupt
from ..memory import bytes_of_step
from ..parallel import Ranks
from ..parts import bytes_of, loop_of
from ..settings import Settings
from ..step import Carry, InParts, Step, gather, make_prediction
from .joining import joined, known_by
from .lanes import Lane, Lanes, concatenated
from .member import Cut, Member, Rows, drawn, given, moved, shapes_of, stacked


class Sources(NamedTuple):
    """The rows of members of one loss: to train on, and of their own to validate on."""

    train: DeviceData
    held: DeviceData | None


Result = tuple[Params, dict[str, Any], str]  # weights, the optimizer's state, and how the steps were run
Beginning = tuple[Carry, Params, list[int], Params]  # the carry, kept weights, whose they are, sums of weights


class Members:
    """The engine of members of one kind, numbered from 0."""

    beginning: Beginning | None = None  # of a run, until its first epoch

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        data: Sources,
        members: Sequence[Member],
        rows: Sequence[Rows],
        ranks: Ranks | None = None,
    ) -> None:
        """ranks: the processes that the members are dealt out to, where there are several."""
        self.ranks = ranks
        self.mine = set(range(len(members)) if ranks is None else ranks.share(len(members)))
        self.settings, self.backend, self.data = settings, backend, data
        self.members, self.rows = list(members), list(rows)
        steps = settings.epochs * -(-len(self.rows[0].train) // settings.batch_size)
        self.nets = [over(m.net, steps) for m in self.members]
        self.optimizers = [m.optimizer.over(steps) for m in self.members]
        self.known: dict[tuple[int, ...], tuple[Layer, Loss, Optimizer]] = {}
        self.predictions: dict[tuple[int, ...], Callable[[Params, Array, Array | None], Array]] = {}
        self.statistics = Statistics(backend)
        self.batch = min(settings.batch_size, len(self.rows[0].train))
        self.whole = True  # whether the last epoch was not cut short

    def begin(self) -> Beginning:
        """Initial parameters, a trial of the network on one row, the lanes."""
        settings, backend, everyone = self.settings, self.backend, list(range(len(self.members)))
        self.features = as_features(self.data.train.x.shape[1:])
        net, loss, optimizer = self.joined(everyone)
        start, seeds = self.start(net), tuple(m.seed for m in self.members)
        self.names = self.trial(net, loss, start, seed_words(seeds, backend))
        vectors = {name: start[name] for name in self.names}
        rest = {name: p for name, p in start.items() if name not in vectors}
        carry = carry_of(settings, backend, optimizer, vectors, rest, seeds)
        self.bytes_each = bytes_of_step(net, self.features, self.batch, backend.dtype)
        self.lanes = Lanes(backend, self.step, settings.compile, settings.epochs, self.bytes_each)
        self.beginning = carry, copies(backend, start), everyone, {}
        return self.beginning

    def joined(self, members: Sequence[int]) -> tuple[Layer, Loss, Optimizer]:
        """Network, loss and optimizer of a population of these members, joined once."""
        key = tuple(members)
        if key not in self.known:
            whole = [(self.nets[k], self.members[k].loss, self.optimizers[k]) for k in members]
            self.known[key] = tuple(joined(part) for part in zip(*whole, strict=True))
        return self.known[key]

    def prediction(self, members: list[int]) -> Callable[[Params, Array, Array | None], Array]:
        """The outputs of a population of these members, compiled once."""
        key = tuple(members)
        if key not in self.predictions:
            self.predictions[key] = self.backend.compile(make_prediction(self.joined(members)[0]))
        return self.predictions[key]

    def step(self, members: list[int], own: int) -> Step | InParts:
        """The step of a lane."""
        return step_of(self.settings, *self.joined(members), Named({}, self.names), self.names, own)

    def start(self, net: Layer) -> Params:
        """The parameters that the members begin with, on axis 0."""
        begun: dict[Any, Params] = {}
        parts = []
        for m in self.members:
            key = (known_by(m.net), m.seed) if m.params is None else id(m.params)
            if key not in begun:
                begun[key] = drawn(m, self.features) if m.params is None else given(m, self.features, self.backend)
            parts.append(begun[key])
        return {n: self.backend.floats(p) for n, p in stacked(parts, shapes_of(net, self.features)).items()}

    def trial(self, net: Layer, loss: Loss, start: Params, seeds: Array) -> tuple[str, ...]:
        """The names that are trained, from a step on one row; and whether the data suits the network."""
        data = self.data.train
        row = data.x, data.target, data.weight, self.backend.integers([0])
        z, value, grads = tried(self.backend, net, loss, start, seeds, row)
        if tuple(value.shape) != (len(self.members),):
            raise SettingError(f"fit: the loss of {len(self.members)} members has shape {tuple(value.shape)}")
        for part in self.data:
            if part is not None:
                part.check(int(z.shape[-1]))
        return trained_names(self.settings, start, grads)

    def orders(self, epoch: int) -> list[Any]:
        """For each member the numbers of its rows in their order; members that share both share the array."""
        known: dict[Any, Any] = {}
        found = []
        for member, rows in zip(self.members, self.rows, strict=True):
            key = (member.seed if self.settings.shuffle else 0, id(rows.train))
            if key not in known:
                order = rows.train
                if self.settings.shuffle:
                    order = order[permutation(member.seed, "shuffle", len(order), epoch)]
                known[key] = order
            found.append(known[key])
        return found

    def epoch(self, number: int, live: list[int], interrupt: Interrupt) -> tuple[dict[int, dict[str, float]], set[int]]:
        """One pass over the data, and the figures of the members that still train."""
        orders, started = self.orders(number), perf_counter()
        if self.beginning is not None:
            self.lay(self.beginning, orders)
            self.beginning = None
        everyone, live = live, [k for k in live if k in self.mine]
        if live:
            self.lanes.spare(live, orders, -(-len(orders[0]) // self.batch))
        own = inner(interrupt)
        settings, backend = self.settings, self.backend
        data = self.data.train.x, self.data.train.target, self.data.train.weight

        def run(lane: Lane) -> dict[str, list[float]]:
            seen = lane.epoch(backend, data, orders, settings.batch_size, own)
            xp, carry, (_, _, optimizer) = backend.xp, lane.carry, self.joined(lane.members)
            arrays = (*carry.vectors.values(), *carry.running.values())
            nothing = [xp.sum(p * 0.0, axis=tuple(range(1, p.ndim))) for p in arrays]  # 0 where all is finite
            rate = optimizer.current_rate(carry.state)
            three = xp.stack([carry.total, xp.sum(xp.stack(nothing), axis=0), rate])
            totals, finite, rates = backend.to_numpy(three).tolist()  # the one wait for it
            loss = [total / seen for total in totals]
            self.average(number, lane)
            held = self.validate(lane)
            return {"loss": loss, **held, "rate": rates, "finite": finite, "seen": [float(seen)] * len(loss)}

        found: dict[int, dict[str, float]] = {}
        ruined = set()
        lanes = self.lanes.lanes if live else []
        for lane, figures in zip(lanes, self.lanes.each(run) if live else [], strict=True):
            for i, k in enumerate(lane.members):
                if k in live:
                    found[k] = {name: values[i] for name, values in figures.items()}
                    if not isfinite(found[k].pop("finite")):
                        ruined.add(k)
        seconds = max(perf_counter() - started, 1e-9) / max(len(live), 1)  # a member's share
        self.whole = not own.seen
        for k in live:
            found[k] |= {"samples_per_second": found[k].pop("seen") / seconds, "seconds": seconds}
        if self.ranks is not None:
            every = self.ranks.gather((found, ruined, self.whole))
            self.whole = all(whole for _, _, whole in every)
            found = {k: figures for those, _, _ in every for k, figures in those.items()}
            ruined = {k for _, those, _ in every for k in those}
            self.ranks.agree()
        return {k: found[k] for k in everyone}, ruined

    def lay(self, beginning: Beginning, orders: list[Any]) -> None:
        """Lay the lanes of the members that this rank trains."""
        carry, kept, members, mean = beginning
        mine = [k for k in members if k in self.mine]
        if mine and mine != members:
            places = [members.index(k) for k in mine]
            carry, kept, mean = self.lanes.taken((carry, kept, mean or {}), places)
        if mine:
            self.lanes.lay(carry, kept, mine, orders, mean)

    def now(self) -> Beginning:
        """All that the next epoch begins with, of the members of all ranks."""
        if self.beginning is not None:
            return self.beginning
        members = [k for lane in self.lanes.lanes for k in lane.members]
        if self.ranks is None:
            (carry, kept, mean), order = self.lanes.whole(members)
            return carry, kept, order, mean
        own = self.lanes.whole(members) if members else None
        every = self.ranks.gather(None if own is None else (moved(self.backend.to_numpy, own[0]), own[1]))
        found = [part for part in every if part is not None]
        tree = concatenated([tree for tree, _ in found], host_namespace().concatenate)
        carry, kept, mean = moved(self.backend.asarray, tree)
        return carry, kept, [k for _, order in found for k in order], mean

    def choices(self) -> dict[str, bool]:
        """For each kind of steps, on any rank, whether it is compiled."""
        own = self.lanes.choices
        every = [own] if self.ranks is None else self.ranks.gather(own)
        return {name: compiled for part in every for name, compiled in part.items()}

    def average(self, number: int, lane: Lane) -> None:
        """The parameters of a lane as they are validated and kept: those of now, or their average."""
        settings, carry, net = self.settings, lane.carry, self.joined(lane.members)[0]
        mean, lane.sum = averaged(settings.average, settings.epochs, number, carry.vectors, carry.average, lane.sum)
        lane.now = (mean or carry.vectors) | carry.running
        running = {name: carry.running[name] for name in net.running if not settings.is_frozen(name)}
        if mean and running:  # the statistics of the weights of now are not those of their average
            rows, size, x = lane.rows([r.train for r in self.rows]), settings.part, self.data.train.x
            parts = [self.backend.integers(rows[:, i : i + size]) for i in range(0, rows.shape[1], size)]
            batches = [(x, None, None, part if lane.own else part[0, :]) for part in parts]
            key = Key(carry.seed, carry.state["step"])
            lane.now |= self.statistics.mean(net, lane.now, running, key, batches)

    def validate(self, lane: Lane) -> dict[str, list[float]]:
        """Loss and metrics of each of a lane's members on its rows held out."""
        held = [self.rows[k].held for k in lane.members]
        if held[0] is None:
            return {}
        backend, xp, data = self.backend, self.backend.xp, self.data.held or self.data.train
        predict, (_, loss, _) = self.prediction(lane.members), self.joined(lane.members)
        numbers = held[0] if all(h is held[0] for h in held) else host_namespace().stack(held)
        size = max(CHUNK // len(held), 64)
        parts = (backend.integers(numbers[..., start : start + size]) for start in range(0, numbers.shape[-1], size))
        outputs = (
            (predict(lane.now, data.x, part), gather(data.target, part), gather(data.weight, part), part)
            for part in parts
        )
        found = measured(backend, loss, self.settings.metrics, outputs, members=len(held))
        whole = backend.to_numpy(xp.stack([xp.astype(v, lane.carry.total.dtype) for v in found.values()]))
        return dict(zip(found, whole.tolist(), strict=True))

    def keep(self, better: set[int]) -> None:
        """Keep the weights of now of these members: they are the best so far."""
        self.lanes.each(lambda lane: self.kept(lane, better))

    def kept(self, lane: Lane, better: set[int]) -> None:
        """Keep those of a lane's members."""
        flags, xp = [k in better for k in lane.members], self.backend.xp
        if all(flags):
            lane.kept = copies(self.backend, lane.now)
        elif any(flags):
            chosen = self.backend.asarray(flags, xp.bool)
            for name, p in lane.now.items():
                lane.kept[name] = xp.where(xp.reshape(chosen, (-1,) + (1,) * (p.ndim - 1)), p, lane.kept[name])

    def needs(self, rows: int) -> int:
        """The bytes that a step on so many rows makes for itself. Raises Refused if it cannot be followed."""
        data = self.data.train
        like = [None if a is None else (a.shape[1:], str(a.dtype)) for a in (data.x, data.target, data.weight)]
        if self.beginning is not None:
            carry, _, members, _ = self.beginning
            return bytes_of(loop_of(self.backend, self.step(members, 0), False, 1), carry, like, rows)
        lane = self.lanes.lanes[0]
        return bytes_of(lane.loop, lane.carry, like, rows)

    def results(self, members: Sequence[int]) -> dict[int, Result]:
        """`result` of each of these members, wherever they were trained."""
        if self.ranks is None or self.beginning is not None:
            return {k: self.result(k) for k in members}
        own = {k: moved(self.backend.to_numpy, self.result(k)) for k in members if k in self.mine}
        every = {k: found for part in self.ranks.gather(own) for k, found in part.items()}
        return {k: moved(self.backend.asarray, every[k]) for k in members}

    def result(self, k: int) -> Result:
        """A member's weights that were kept, its optimizer's state, and how its steps were run."""
        if self.beginning is not None:  # no epoch was begun
            (carry, kept, members, _), how = self.beginning, ""
        else:
            lane = next(lane for lane in self.lanes.lanes if k in lane.members)
            carry, kept, members, how = lane.carry, lane.kept, lane.members, lane.loop.how
        own = Cut(self.backend, members.index(k), shapes_of(self.members[k].net, self.features))
        state = {n: own.params(s) if isinstance(s, dict) else own.one(s) for n, s in carry.state.items()}
        return own.params(kept), state, how
