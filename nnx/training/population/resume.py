"""The runs of a population, one after another: the fits of members that have finished, and checkpoints of all."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from ...backends import Backend, numpy as host
from ...contract import Array, Params, as_features, as_row
from ...errors import ModelFileError
from ...files import Model
from ..checkpoint import Checkpoint, Contents, ResumeWarning, Writer
from ..identity import Facts, code, environment, flat, mark, other_bits, same_on, same_settings
from ..interrupt import Interrupt
from ..judge import Judge
from ..parallel import Ranks
from ..restore import integer, like, newest, opened, parsing, part as beginning_with, typed
from ..result import Fit
from ..resume import described
from ..settings import Settings
from .arrays import flattened, histories_from, histories_of, parts_of, unflattened
from .member import Cut, Member, Rows, shapes_of, stacked
from .members import Beginning, Members, Sources
from .result import PopulationFit


@dataclass
class Going:
    """A run after a whole epoch: copies of all that the next one begins with."""

    epoch: int
    run: int  # the number of its part
    beginning: Beginning
    choices: dict[str, bool]
    idle: int
    judge: dict[str, Any]
    histories: list[dict[str, list[float]]]  # of this epoch and those before; more may follow
    fits: dict[int, Fit]  # of members that had finished then


@dataclass
class Read:
    """A checkpoint of a population that was read, its arrays on the host."""

    about: dict[str, Any]
    arrays: dict[str, Any]
    path: Path
    model: Model  # of the first member of the run

    @property
    def epoch(self) -> int:
        """That of the run which is going on."""
        return int(self.about["epoch"])


class Runs:
    """The parts of a population that are one run each, and what has come of their members.

    Raises: SettingError, ModelFileError.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        members: Sequence[Member],
        rows: Sequence[Rows],
        data: Sources,
        checkpoint: Checkpoint | None,
        resume: str | os.PathLike[str] | None,
        ranks: Ranks | None = None,
    ) -> None:
        """ranks: that train together, of which the first writes."""
        self.ranks = ranks
        self.backend, self.settings, self.members, self.checkpoint = backend, settings, members, checkpoint
        self.parts: list[list[int]] = []
        self.fits: dict[int, Fit] = {}
        self.writer: Writer[Going] | None = None
        self.read: Read | None = None
        self.features = as_features(data.train.x.shape[1:])
        if checkpoint is None and resume is None and ranks is None:
            return
        facts, place = self.identity(rows, data), environment(backend, settings.compile)
        if ranks is not None:
            same_on(ranks, facts | place | code([(m.net, m.loss, m.optimizer) for m in members]))
        if resume is not None:
            self.read = read(resume)
            same_settings(self.read.about["settings"], facts)
            if text := other_bits(self.read.about["environment"], place):
                warnings.warn(text, ResumeWarning, stacklevel=5)
            with parsing(self.read.path):
                self.parts = parts_of(self.read.about, len(members))
                self.take_up(self.read)
        if checkpoint is not None and (ranks is None or ranks.is_first):
            self.writer = Writer(checkpoint, facts, place, self.contents)

    def identity(self, rows: Sequence[Rows], data: Sources) -> Facts:
        """The settings of a training, and what tells its members and its data from others."""
        about: dict[str, Any] = described(self.settings) | {"dtype": self.backend.dtype}
        about |= {"members": len(self.members), "rows": data.train.rows, "columns of x": self.features}
        about["validation"] = None if data.held is None else f"{data.held.rows} rows"
        found: Facts = {}
        for name, value in about.items():
            found |= flat(name, value)
        for k, (member, own) in enumerate(zip(self.members, rows, strict=True)):
            facts = flat("net", member.net) | flat("loss", member.loss) | flat("optimizer", member.optimizer)
            numbers = b"".join(r.tobytes() for r in own if r is not None)
            text = repr((sorted(facts.items()), member.seed, crc32(numbers)))
            found[f"member {k}"] = f"{type(member.net).__name__} {crc32(text.encode()):08x}"
        row = [data.train.x[:1, ...], data.train.target[:1, ...], data.train.weight]
        found["data (first row)"] = mark(self.backend, *(None if a is None else a[:1, ...] for a in row))
        return found

    @contextmanager
    def training(
        self, part: Sequence[int], engine: Members, judge: Judge, interrupt: Interrupt
    ) -> Iterator[Callable[[], None]]:
        """The training of a part, which goes on where the checkpoint says; the block is given what follows an epoch."""
        run = self.parts.index(list(part))
        resumed = self.read is not None and self.read.about["run"] == run and self.go_on(self.read, engine, judge)
        before = interrupt.seen  # a run that begins after Ctrl-C is not worth a checkpoint
        if not before:
            self.write(engine, judge, run, lambda writer, going: self.begin(writer, going, resumed=resumed))

        def after() -> None:
            done = [k for k in judge.stopped if part[k] not in self.fits]
            for k, (params, state, how) in engine.results(done).items():
                member, best, why = self.members[part[k]], judge.best[k], judge.stopped[k]
                self.fits[part[k]] = Fit(
                    member.net,
                    member.loss,
                    params,
                    state,
                    judge.histories[k],
                    self.backend,
                    best,
                    why,
                    how,
                    as_row(self.features),
                )
            if not before:
                whole, now = engine.whole and bool(judge.live), interrupt.seen
                self.write(engine, judge, run, lambda writer, going: writer.epoch(going, now=now), whole=whole)

        yield after
        if not interrupt.seen:  # all of its members have finished
            self.write(engine, judge, run, lambda writer, going: None if going is None else writer.write(going))

    def begin(self, writer: Writer[Going], going: Going | None, *, resumed: bool) -> None:
        """Write the checkpoint of a run that begins; the last file of a run before stays as the previous one."""
        if writer.own and going is not None:
            writer.write(going)
        else:
            writer.begin(None if resumed else going, None if self.read is None else self.read.path)

    def write(
        self,
        engine: Members,
        judge: Judge,
        run: int,
        action: Callable[[Writer[Going], Going | None], object],
        *,
        whole: bool = True,
    ) -> None:
        """Write a run as it is, where there is a checkpoint: the first rank does it for all."""
        if self.checkpoint is None:
            return
        going = self.going(run, engine, judge) if whole else None

        def written() -> None:
            if self.writer is not None:
                action(self.writer, going)

        written() if self.ranks is None else self.ranks.first(written)

    def going(self, run: int, engine: Members, judge: Judge) -> Going:
        """Copies of a run as it is."""
        fits = {k: fit for k, fit in self.fits.items() if fit.stopped != "interrupted"}
        return Going(
            judge.done, run, engine.now(), engine.choices(), engine.lanes.idle, judge.state(), judge.histories, fits
        )

    def contents(self, going: Going) -> Contents:
        """The content of a checkpoint: the run that is going on, and the members that have finished."""
        part = self.parts[going.run]
        carry, kept, order, mean = going.beginning
        arrays = {name: self.backend.to_numpy(a) for name, a in flattened(carry, kept, mean).items()}
        about: dict[str, Any] = {"parts": self.parts, "run": going.run, "epoch": going.epoch, "judge": going.judge}
        about |= {"order": order, "choices": going.choices, "idle": going.idle, "mean": bool(mean), "finished": {}}
        histories = [{name: values[: going.epoch] for name, values in own.items()} for own in going.histories]
        own, arrays["run.history"] = histories_of(histories)
        about["histories"] = own
        for number, numbers in enumerate(self.parts):
            done = [k for k in numbers if k in going.fits]
            if done:
                found, more = self.finished([going.fits[k] for k in done], f"part{number}")
                about["finished"][str(number)] = {"members": done} | found
                arrays |= more
        first = self.members[part[order[0]]]
        cut = Cut(self.backend, 0, shapes_of(first.net, self.features))
        return Contents(first.net, cut.params(kept), first.loss, arrays, about, as_row(self.features))

    def finished(self, fits: Sequence[Fit], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Members of one kind that have finished, as plain data and as arrays (members, ...)."""
        numpy, arrays = self.backend.to_numpy, {}
        about, arrays[f"{name}.history"] = histories_of([fit.history for fit in fits])
        about |= {"best_epoch": [f.best_epoch for f in fits], "stopped": [f.stopped for f in fits]}
        about |= {"execution": [f.execution for f in fits], "slots": []}
        trees: dict[str, list[Params]] = {"best": [f.params for f in fits]}
        for slot, value in fits[0].state.items():
            if isinstance(value, dict):
                trees[f"state.{slot}"] = [f.state[slot] for f in fits]
                about["slots"].append(slot)
            else:
                arrays[f"{name}.number.{slot}"] = host.namespace().stack([numpy(f.state[slot]) for f in fits])
        for tree, parts in trees.items():
            hosted = [{n: numpy(p) for n, p in params.items()} for params in parts]
            shapes = {
                n: tuple(max(sizes) for sizes in zip(*(h[n].shape for h in hosted), strict=True)) for n in hosted[0]
            }
            whole = stacked(hosted, shapes)
            arrays |= {f"{name}.{tree}.{n}": p.astype(hosted[0][n].dtype) for n, p in whole.items()}
        return about, arrays

    def take_up(self, read: Read) -> None:
        """The fits of the members that had finished."""
        for number, about in read.about["finished"].items():
            arrays = beginning_with(read.arrays, f"part{number}")
            histories = histories_from(about, arrays["history"])
            for i, k in enumerate(about["members"]):
                member = self.members[k]
                own = Cut(self.backend, i, shapes_of(member.net, self.features))
                best = own.params(self.placed(beginning_with(arrays, "best"), [*member.net.names, *member.net.running]))
                state: dict[str, Any] = {}
                for slot, values in beginning_with(arrays, "number").items():
                    state[slot] = own.one(self.backend.asarray(values))
                for slot in about["slots"]:
                    moved = beginning_with(arrays, f"state.{slot}")
                    state[slot] = own.params(self.placed(moved, [n for n in member.net.names if n in moved]))
                figures = about["best_epoch"][i], about["stopped"][i], about["execution"][i]
                self.fits[k] = Fit(
                    member.net, member.loss, best, state, histories[i], self.backend, *figures, as_row(self.features)
                )

    def placed(self, arrays: Mapping[str, Any], names: Sequence[str]) -> Params:
        """Arrays of the host on the backend, in the order of these names."""
        return {name: self.backend.asarray(arrays[name]) for name in names}

    def go_on(self, read: Read, engine: Members, judge: Judge) -> bool:
        """Take up the run where it was; whether there was one."""
        about, arrays = read.about, beginning_with(read.arrays, "run")
        if engine.beginning is None or not about["epoch"]:
            return False
        carry, kept, _, _ = engine.beginning
        with parsing(read.path):
            own = flattened(carry, kept, carry.vectors if about["mean"] else {})
            members, state = len(judge.best), about["judge"]
            order = [integer(k, "order", members - 1) for k in about["order"]]
            if not order or len(set(order)) != len(order):
                raise ValueError("its order names a member twice, or none")
            found = {name: self.one(read.arrays[name], own[name], name, members, len(order)) for name in own}
            best = [integer(n, "best epoch", read.epoch) for n in state["best"]]
            stopped = {integer(int(k), "stopped", members - 1): str(why) for k, why in state["stopped"].items()}
            histories = histories_from(about["histories"], arrays["history"])
            if state["epoch"] != read.epoch or len(best) != members or len(histories) != members:
                raise ValueError(f"it is not of {members} members after epoch {read.epoch}")
            choices, idle = typed(about["choices"], "choices", dict, bool), integer(about["idle"], "idle", 2**63)
        judge.done, judge.best, judge.stopped, judge.histories = read.epoch, best, stopped, histories
        engine.lanes.choices, engine.lanes.idle = choices, idle
        engine.beginning = unflattened(carry, kept, found, order, mean=bool(about["mean"]))
        return True

    def one(self, found: Any, wanted: Array, name: str, members: int, left: int) -> Array:
        """An array of the members that are left, in the place of one of all members. Raises: ValueError."""
        shape = tuple(wanted.shape)
        shape = (left, *shape[1:]) if shape[:1] == (members,) else shape
        return self.backend.asarray(like(found, name, shape, wanted.dtype), wanted.dtype)

    def result(self) -> PopulationFit:
        """The result of all members."""
        runs = [(part, self.fits[part[0]].execution) for part in self.parts]
        return PopulationFit([self.fits[k] for k in range(len(self.members))], self.backend, runs)


def read(path: str | os.PathLike[str]) -> Read:
    """The checkpoint of a population, or with a warning the one before it. Raises: ModelFileError."""
    return newest(Path(path), _read)


def _read(path: Path) -> Read:
    model, about = opened(path, population=True)
    if not {"parts", "run", "epoch", "judge", "order", "finished", "settings", "environment"} <= about.keys():
        raise ModelFileError(f"{path}: not a whole checkpoint of a population")
    return Read(about, model.arrays, path, model)
