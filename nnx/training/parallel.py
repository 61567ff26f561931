"""Processes that train together: ranks, which a launcher such as mpiexec or srun has started.

This file alone knows MPI, which only moves bytes, as does NCCL between GPUs.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, pairwise
from threading import Thread
from time import monotonic, sleep
from traceback import print_exception
from typing import Any, NoReturn, TypeVar

from .. import system
from ..backends import is_host
from ..contract import Array
from ..errors import BackendError, SettingError, printable, require
from .interrupt import Interrupt

MOMENT = 1.0  # seconds by which the first rank may be ahead with what all have to say
TIMEOUT = 600.0  # seconds that a rank waits for the others
LAUNCHERS = {  # the variable that a launcher tells each process their number by
    "PMI_SIZE": "mpiexec",
    "OMPI_COMM_WORLD_SIZE": "mpirun",
    "SLURM_STEP_NUM_TASKS": "srun",
    "PALS_SIZE": "mpiexec",
    "FLUX_JOB_SIZE": "flux",
    "MV2_COMM_WORLD_SIZE": "mpirun",
}
T = TypeVar("T")


class Ranks:
    """The processes of one training, numbered from 0; this one has the number `number` of `count`.

    Every rank calls the same functions in the same order, each with the same settings.
    """

    def __init__(self, comm: Any = None, timeout: float = TIMEOUT) -> None:
        """comm: a communicator of mpi4py; None for one process alone. timeout: seconds to wait for the others."""
        self.comm, self.timeout = comm, timeout
        self.number, self.count = (0, 1) if comm is None else (int(comm.rank), int(comm.size))
        self.since: float | None = None  # when this rank began to wait
        self.interrupt: Interrupt | None = None  # of the training
        self.agreed = (False, False)  # the same of any rank
        self.known: dict[Any, Any] = {}  # what is made once for arrays of the same shapes
        if self.count > 1:
            Thread(target=self._watch, daemon=True).start()

    def __repr__(self) -> str:
        return f"<rank {self.number} of {self.count}>"

    def __deepcopy__(self, memo: Any) -> "Ranks":
        return self

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return ranks, ()

    @property
    def flags(self) -> tuple[bool, bool]:
        """Whether a signal was seen on this rank, and whether it was for the time."""
        return (False, False) if self.interrupt is None else (self.interrupt.seen, self.interrupt.late)

    @property
    def is_first(self) -> bool:
        """True for the rank that writes, prints and decides."""
        return self.number == 0

    def share(self, count: int, number: int | None = None) -> range:
        """Those of so many things, numbered from 0, that are a rank's: this one's unless a number is given."""
        number = self.number if number is None else number
        return range(count * number // self.count, count * (number + 1) // self.count)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block in which this rank may wait for the others."""
        self.since = monotonic()
        try:
            yield
        finally:
            self.since = None

    def gather(self, value: T) -> list[T]:
        """What each rank has given, in their order."""
        if self.comm is None:
            return [value]
        with self.waiting():
            return self.comm.allgather(value)  # type: ignore[no-any-return]

    def broadcast(self, value: T) -> T:
        """What the first rank has given."""
        if self.comm is None:
            return value
        with self.waiting():
            return self.comm.bcast(value, root=0)  # type: ignore[no-any-return]

    def first(self, function: Callable[[], T]) -> T:
        """The value of a function that only the first rank calls. Raises on every rank what it raises there."""
        found: Any = None
        if self.is_first:
            try:
                found = function(), None
            except Exception as error:
                found = None, error
        value, fault = self.broadcast(found)
        if fault is not None:
            raise fault
        return value  # type: ignore[no-any-return]

    def agree(self) -> None:
        """Find out whether a signal, or the end of the time, was seen on any rank."""
        if self.comm is not None:
            every = self.gather(self.flags)
            self.agreed = any(seen for seen, _ in every), any(late for _, late in every)

    def to_all(self, own: Array, every: Array, counts: Sequence[int]) -> None:
        """Give all ranks `own`, and write what each has given into `every`, so many numbers of each."""
        if is_host(own):
            with self.waiting():
                self.comm.Allgatherv(own, [every, list(counts)])
        else:
            ends = list(accumulate(counts, initial=0))
            each = every.reshape(-1)
            received = [(r, each[start:stop]) for r, (start, stop) in enumerate(pairwise(ends))]
            self.exchange([(r, own) for r in range(self.count)], received)

    def exchange(self, sent: Sequence[tuple[int, Array]], received: Sequence[tuple[int, Array]]) -> None:
        """Send arrays to ranks, and write into others what ranks send; those between two ranks in their order."""
        if is_host(sent[0][1] if sent else received[0][1]):
            with self.waiting():
                requests = [self.comm.Irecv(array, r) for r, array in received]
                requests += [self.comm.Isend(array, r) for r, array in sent]
                for request in requests:
                    request.Wait()
        else:
            self.devices.exchange(sent, received)

    def fail(self, text: str, code: int = 1) -> NoReturn:
        """End all ranks after a line that names this one."""
        with_number = f"nnx: rank {self.number} of {self.count}: {text}"
        print(printable(with_number), file=sys.stderr, flush=True)
        self.abort(code)

    def abort(self, code: int) -> NoReturn:
        """End all ranks at once, with this exit code."""
        sys.stdout.flush()
        if self.comm is not None:
            self.comm.Abort(code)
        os._exit(code)

    def _watch(self) -> None:
        while True:
            sleep(min(1.0, self.timeout / 4))
            since = self.since
            if since is not None and monotonic() - since > self.timeout:
                text = f"nothing from the others for {self.timeout:g} s: is one gone, or the network between them?"
                print(f"nnx: rank {self.number} of {self.count}: {text}", file=sys.stderr, flush=True)
                os._exit(1)  # MPI may be what hangs; the launcher ends the others

    @cached_property
    def devices(self) -> Any:
        """The GPUs of the ranks, between which NCCL moves arrays; None where two ranks share one."""
        from ..backends.cuda import nccl

        own = system.machine(), nccl.own_device()
        if len(set(self.gather(own))) < self.count:
            return None
        return nccl.Group(self.count, self.first(nccl.identity), self.number)


class Agreed(Interrupt):
    """What the ranks have agreed to have seen of Ctrl-C and the end of the time: all of them end after one batch."""

    def __init__(self, ranks: Ranks, inner: Interrupt) -> None:
        self.ranks, self.inner = ranks, inner
        ranks.interrupt = inner
        ranks.agree()

    @property
    def seen(self) -> bool:  # type: ignore[override]
        return self.ranks.agreed[0]

    @property
    def late(self) -> bool:  # type: ignore[override]
        return self.ranks.agreed[1]


def together(
    ranks: Ranks | None, ask: Callable[..., T], interrupt: Interrupt, after: Callable[[], None]
) -> tuple[Callable[..., T], Interrupt, Callable[[], None]]:
    """What a judge asks: of several ranks, the first has callbacks and writes, and a signal is heard by all."""
    if ranks is None:
        return ask, interrupt, after
    agreed, first = Agreed(ranks, interrupt), ranks.first
    return lambda *given: first(lambda: ask(*given)), agreed, lambda: first(after)


# how they are found


def inner(interrupt: Interrupt) -> Interrupt:
    """What this rank alone has seen."""
    return interrupt.inner if isinstance(interrupt, Agreed) else interrupt


def several(given: Any) -> Ranks | None:
    """The ranks given where there are several, else None. Raises SettingError."""
    fine = given is None or isinstance(given, Ranks)
    require(fine, "ranks must be nnx.ranks(), in a program that mpiexec has started", given)
    return given if given is not None and given.count > 1 else None


_world: list[Ranks] = []


def ranks(comm: Any = None, *, timeout: float = TIMEOUT) -> Ranks:
    """The processes that train together: those that mpiexec, srun or another launcher of MPI has started.

    Give it to `nnx.fit(..., ranks=nnx.ranks(), micro_batches=8)`, the estimators or a search, in a program that a
    launcher starts several times: `mpiexec -n 4 python program.py`. In a program that was started alone it is one rank,
    and MPI is not imported. An exception that nobody catches on one rank ends all.

    comm: a communicator of mpi4py [default: all processes that the launcher started].
    timeout: seconds that a rank waits for the others before it ends with a line that says so.
    Raises: BackendError where a launcher has started several processes and mpi4py is missing, or knows of one only.
    """
    if comm is not None:
        return Ranks(comm, timeout)
    if not _world:
        _world.append(Ranks(world(), timeout))
        if _world[0].count > 1:
            sys.excepthook = ended_by(_world[0])
    return _world[0]


def check_shared(ranks: Ranks | None, micro_batches: int) -> None:
    """Raise SettingError where a rank would have nothing to do."""
    if ranks is not None and micro_batches < ranks.count:
        raise SettingError(
            f"fit: micro_batches is {micro_batches}, and {ranks.count} ranks share those of each batch: give "
            "micro_batches=8, or more"
        )


def launched() -> tuple[int, str]:
    """How many processes a launcher says that it has started, and the launcher; 1 where there is none."""
    for name, launcher in LAUNCHERS.items():
        number = os.environ.get(name, "")
        if number.isdecimal() and int(number) > 1:
            return int(number), launcher
    return 1, ""


def world() -> Any:
    """The communicator of all processes, None where there is one."""
    count, launcher = launched()
    if count < 2:
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise BackendError(
            f"{launcher} started {count} processes, and MPI is missing ({error}): pip install 'nnx-array[mpi]'"
        ) from None
    if MPI.COMM_WORLD.size != count:
        raise BackendError(
            f"{launcher} started {count} processes, and mpi4py knows of {MPI.COMM_WORLD.size}: it is made for another "
            "MPI than the launcher's (with srun, --mpi=pmi2 may be missing)"
        )
    return MPI.COMM_WORLD


def ended_by(own: Ranks) -> Callable[..., None]:
    """What is done about an exception that nobody has caught: it is shown, and all ranks end.

    What all ranks find wrong is said by the first of them alone: the others wait for it a moment.
    """

    def hook(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        sleep(0.0 if own.is_first else MOMENT)
        print_exception(kind, error, traceback)
        own.fail(f"{kind.__name__}: {' '.join(str(error).split())[:200]}", 130 if kind is KeyboardInterrupt else 1)

    return hook
