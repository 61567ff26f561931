"""The epochs of several sessions computed as one batched run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..backends import Backend, namespace
from ..contract import Array
from ..random import seed_words
from ..training.flat import Named
from ..training.interrupt import Interrupt
from ..training.memory import bytes_of_step
from ..training.population.joining import joined
from ..training.population.lanes import Lane, Lanes
from ..training.population.member import Cut, shapes_of, stacked
from ..training.step import Carry, InParts, Step, make_step
from .arrays import to_host
from .network import Objective
from .session import Session
from .solver import Solver


@contextmanager
def caught(errors: list[Exception | None], number: int) -> Iterator[None]:
    """Keep an error of the job with this number."""
    try:
        yield
    except Exception as error:
        errors[number] = error


class Run:
    """Sessions whose epochs are computed together; `numbers` are those of their jobs."""

    def __init__(self, numbers: Sequence[int], sessions: Mapping[int, Session], errors: list[Exception | None]) -> None:
        self.numbers, self.errors = list(numbers), errors
        self.sessions = [sessions[k] for k in numbers]
        self.backend: Backend = self.sessions[0].est._backend()
        self.features, self.batch = int(self.sessions[0].data.X.shape[1]), self.sessions[0].data.batch
        self.going = list(range(len(numbers)))
        with self.backend.scope():
            self.data, self.offsets = joined_data(self.sessions)
            self.orders = self.first_orders()
            self.begin()

    @property
    def live(self) -> list[int]:
        """The numbers of the jobs that still train."""
        return [self.numbers[k] for k in self.going]

    def begin(self) -> None:
        """The weights of all on axis 0, and the optimizer for them."""
        backend, first = self.backend, self.sessions[0]
        net, rule = self.objective(self.going).net, self.rule(self.going)
        parts = [{n: to_host(p) for n, p in (s.layout.views(s.vectors) | s.running).items()} for s in self.sessions]
        whole = {
            n: backend.asarray(p, first.vectors[next(iter(first.vectors))].dtype)
            for n, p in stacked(parts, shapes_of(net, self.features)).items()
        }
        for s in self.sessions:
            s.layout.last = ({}, {})  # it is kept for the next fit, but not this one's weights
        self.names = tuple(name for name in whole if name not in first.running)
        vectors = {name: whole[name] for name in self.names}
        state = rule.init(vectors, population=(len(parts),))
        state["rate"] = backend.floats([float(s.est._optimizer.state["rate"]) for s in self.sessions])
        seeds = seed_words(tuple(s.seed for s in self.sessions), backend)
        rest = {name: whole[name] for name in first.running}
        zero = backend.floats([0.0] * len(parts))
        self.start = Carry(vectors, rest, state, seeds, zero, backend.xp.zeros_like(zero))
        bytes_each = bytes_of_step(net, self.features, self.batch, str(vectors[self.names[0]].dtype))
        self.lanes = Lanes(backend, self.step, "auto", first.how.epochs, bytes_each)

    def objective(self, members: Sequence[int]) -> Objective:
        """What these members descend together."""
        ours = [self.sessions[k].objective for k in members]
        alphas = tuple(o.plan.alpha for o in ours)
        alpha: Any = alphas[0] if len(set(alphas)) == 1 else alphas
        plan = ours[0].plan._replace(loss=joined([o.plan.loss for o in ours]), alpha=alpha)
        return Objective(joined([o.net for o in ours]), plan)

    def rule(self, members: Sequence[int]) -> Any:
        """The optimizer of these members."""
        return joined([self.sessions[k].est._optimizer.rule for k in members])

    def step(self, members: list[int], own: int) -> Step | InParts:
        """The step of a lane."""
        return make_step(
            self.objective(members),
            self.rule(members),
            Named({}, self.names),
            members=own,
            micro_batches=self.sessions[0].est.micro_batches,
        )

    def first_orders(self) -> list[Any]:
        """For each session an object that stands for its orders: those that will always have the same share it."""
        known: dict[Any, Any] = {}
        found = []
        for s, offset in zip(self.sessions, self.offsets, strict=True):
            kind, *words = s.est._random_state.get_state()
            state = (kind, words[0].tobytes(), *words[1:]) if s.est.shuffle else ""
            key = (state, offset, s.data.numbered(s.order).tobytes())
            found.append(known.setdefault(key, object()))
        return found

    @contextmanager
    def threads(self) -> Iterator[None]:
        """While it lasts, epochs can be computed."""
        with self.backend.scope(), self.lanes.threads():
            self.lanes.lay(self.start, {}, self.going, self.orders)
            del self.start
            yield

    def epoch(self, interrupt: Interrupt) -> None:
        """One epoch of all that still train, and what each makes of it."""
        if not self.going:
            return
        backend = self.backend
        if len(self.going) <= sum(len(lane.members) for lane in self.lanes.lanes) // 2:
            self.lanes.keep(self.going, self.orders)
        orders: list[Any] = [None] * len(self.sessions)
        for k in self.going:
            orders[k] = self.sessions[k].begin_epoch() + self.offsets[k]
        for lane in self.lanes.lanes:  # those that have stopped go on with the rows of another, and nobody looks
            other = next((k for k in lane.members if orders[k] is not None), self.going[0])
            for k in lane.members:
                orders[k] = orders[other] if orders[k] is None else orders[k]
        self.set_rates()

        def run(lane: Lane) -> list[float]:
            lane.epoch(backend, self.data, orders, self.batch, interrupt)
            return backend.to_numpy(lane.carry.total).tolist()  # type: ignore[no-any-return]

        ended = []
        for lane, totals in zip(self.lanes.lanes, self.lanes.each(run), strict=True):
            for place, (k, total) in enumerate(zip(lane.members, totals, strict=True)):
                if k in self.going:
                    session, cut = self.sessions[k], self.cut(k, place)
                    session.give_back = partial(given_back, session, lane, cut)
                    try:
                        if interrupt.seen or session.end_epoch(total):
                            ended.append(k)
                    except Exception as error:
                        self.errors[self.numbers[k]] = error
                        self.going.remove(k)
        self.stop([self.numbers[k] for k in ended])

    def set_rates(self) -> None:
        """The rates that sessions have changed since the last epoch."""
        for lane in self.lanes.lanes:
            if any(isinstance(r := self.sessions[k].est.learning_rate, str) and r != "constant" for k in lane.members):
                rates = [float(self.sessions[k].est._optimizer.state["rate"]) for k in lane.members]
                state = dict(lane.carry.state) | {"rate": self.backend.floats(rates)}
                lane.carry = lane.carry._replace(state=state)

    def cut(self, k: int, place: int) -> Cut:
        """Session k's part of the arrays of a lane where it has this place."""
        return Cut(self.backend, place, shapes_of(self.sessions[k].objective.net, self.features))

    def give_back(self, number: int) -> None:
        """Give a job's estimator its weights of now."""
        self.sessions[self.numbers.index(number)].give_back()

    def stop(self, numbers: Collection[int]) -> None:
        """End the trainings of these jobs."""
        for lane in self.lanes.lanes:
            for place, k in enumerate(lane.members):
                if self.numbers[k] in numbers and k in self.going:
                    self.going.remove(k)
                    with caught(self.errors, self.numbers[k]):
                        self.finish(self.sessions[k], lane, self.cut(k, place))

    def finish(self, session: Session, lane: Lane, cut: Cut) -> None:
        """The estimator's weights and optimizer, as after its own fit."""
        session.finish()
        state = {}
        for slot, value in lane.carry.state.items():
            state[slot] = session.layout.pack(cut.params(value)) if isinstance(value, dict) else cut.one(value)
        session.est._optimizer = Solver(session.est._optimizer.rule, state)
        session.est._check_trained()


def given_back(session: Session, lane: Lane, cut: Cut) -> None:
    """Make the weights of now those of a session's estimator."""
    session.est._take(cut.params(lane.carry.vectors | lane.carry.running))


def joined_data(sessions: Sequence[Session]) -> tuple[tuple[Array, Array, Any], list[int]]:
    """X, target and weight of all sessions, each of them once, one after the other; and where each session's begins."""
    parts: list[tuple[Any, Any, Any]] = []
    starts: list[int] = []
    offsets, end = [], 0
    for s in sessions:
        mine = s.data.X, s.data.target, s.data.weight
        same = next((i for i, part in enumerate(parts) if part[0] is mine[0] and alike(part, mine)), None)
        if same is None:
            parts.append(mine)
            starts.append(end)
            end, same = end + int(s.data.X.shape[0]), len(parts) - 1
        offsets.append(starts[same])
    if len(parts) == 1:
        return parts[0], offsets
    xp = namespace(parts[0][0])
    x, target, weight = (
        None if part[0] is None else xp.concat(list(part), axis=0) for part in zip(*parts, strict=True)
    )
    return (x, target, weight), offsets


def alike(a: tuple[Any, Any, Any], b: tuple[Any, Any, Any]) -> bool:
    """Whether targets and weights are equal."""
    for first, second in zip(a[1:], b[1:], strict=True):
        if first is not second and (first is None or second is None or tuple(first.shape) != tuple(second.shape)):
            return False
        if first is not second and not bool(namespace(first).all(first == second)):
            return False
    return True
