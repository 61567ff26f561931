"""Processes that train together: ranks, which a launcher such as mpiexec or srun has started.

This file alone knows MPI, which only moves bytes, as does NCCL between GPUs.
"""

import os
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from itertools import accumulate, pairwise
from threading import Thread
from time import monotonic, sleep
from traceback import print_exception
from typing import Any, NoReturn, TypeVar
from zlib import crc32

from .. import system
from ..backends import is_host
from ..contract import Array
from ..errors import BackendError, printable, require
from .interrupt import Interrupt

TIMEOUT = 600.0  # seconds that a rank waits for the others, unless NNX_RANKS_TIMEOUT says otherwise
ALIKE = 0.8  # seconds in which a fault that all ranks find is found by each of them
TURN = 0.3  # seconds between two ranks that have a fault to tell: the first ends the others
CARRIED = 0.2  # seconds in which a launcher carries a line, which it may drop when a rank ends
T = TypeVar("T")


class Ranks:
    """Processes of one training, numbered from 0; this one has the number `number` of `count`: `nnx.ranks` finds them.

    Every rank calls the same functions in the same order, each with the same settings.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, default None
        A communicator of mpi4py; None for one process alone.
    timeout : float, default 600.0
        Seconds to wait for the others.
    """

    def __init__(self, comm: Any = None, timeout: float = TIMEOUT) -> None:
        """comm: a communicator of mpi4py; None for one process alone. timeout: seconds to wait for the others."""
        self.comm, self.timeout = comm, timeout
        self.number, self.count = (0, 1) if comm is None else (int(comm.rank), int(comm.size))
        self.faults = None if comm is None else comm.Dup()  # on which nothing is sent but the end
        self.since: float | None = None  # when this rank began to wait
        self.interrupt: Interrupt | None = None  # of the training
        self.agreed = (False, False)  # the same of any rank
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

    def first(self, function: Callable[[], T], *, long: bool = False) -> T:
        """The value of a function that only the first rank calls. Raises on every rank what it raises there.

        long: the others rest meanwhile, and their time is not limited.
        """
        found: Any = None
        if self.is_first:
            try:
                found = function(), None
            except Exception as error:
                found = None, error
        if long and self.comm is not None:
            request = self.comm.Ibarrier()
            while not request.Test():
                sleep(0.01)
        value, fault = self.broadcast(found)
        if fault is not None:
            raise fault
        return value  # type: ignore[no-any-return]

    @contextmanager
    def within(self, context: AbstractContextManager[T]) -> Iterator[T]:
        """A block in a context that the first rank alone enters; all ranks have its value."""
        with ExitStack() as stack:
            yield self.first(lambda: stack.enter_context(context))

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

    def alike(self, text: str) -> bool:
        """True if all ranks end with the same fault, which one may tell for all.

        False where another one does, or goes on: then this rank has had time to, before it ends the others.
        """
        if self.faults is None:
            return True
        own, every = array("q", [crc32(text.encode())]), array("q", bytes(8 * self.count))
        request, end = self.faults.Iallgather(own, every), monotonic() + ALIKE
        while not (come := request.Test()) and monotonic() < end:
            sleep(0.01)
        if come and len(set(every)) == 1:
            return True
        sleep(TURN * min(self.number, 2))
        return False

    def fail(self, text: str, code: int = 1) -> NoReturn:
        """End all ranks after a line that names this one."""
        self.say(text)
        self.abort(code)

    def say(self, text: str) -> None:
        """A line that names this rank."""
        line = printable(f"nnx: rank {self.number} of {self.count}: {text}")
        print(line, file=sys.stderr, flush=True)
        sleep(CARRIED)

    def abort(self, code: int) -> NoReturn:
        """End all ranks at once, with this exit code."""
        sys.stdout.flush()
        parting(code)
        if self.comm is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # all is said: MPI tells of it too, in other words
            self.comm.Abort(code)
        os._exit(code)

    def _watch(self) -> None:
        limit = self.timeout + TURN * min(self.number, 4)  # one tells of it
        while True:
            sleep(min(0.1, self.timeout / 4))
            since = self.since
            if since is not None and monotonic() - since > limit:
                self.say(f"nothing from the others for {self.timeout:g} s: is one gone, or the network between them?")
                parting(1)
                os._exit(1)  # MPI may be what hangs; the launcher ends the others

    @cached_property
    def devices(self) -> Any:
        """The GPUs of the ranks, between which NCCL moves arrays; None where two ranks share one."""
        from ..backends.cuda import nccl

        own = system.machine(), nccl.own_device()
        if len(set(self.gather(own))) < self.count:
            return None
        return nccl.Group(self.count, self.first(nccl.identity), self.number)


# how they are found


_world: list[Ranks] = []
leaving: list[Callable[[int], None]] = []  # what is told the exit code of a process that ends


def ranks(comm: Any = None, *, timeout: float | None = None) -> Ranks:
    """Processes that train one network together: those that mpiexec, srun or another launcher of MPI has started.

    Give it to `nnx.fit(..., ranks=nnx.ranks(), micro_batches=8)`, the estimators or a search, in a program that a
    launcher starts several times: `mpiexec -n 4 python program.py`. In a program that was started alone it is one rank,
    and MPI is not imported. An exception that nobody catches on one rank ends all.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, default None
        A communicator of mpi4py; None: all processes that the launcher started.
    timeout : float, default None
        Seconds that a rank waits for the others before it ends with a line that says so; None: those of the environment
        variable NNX_RANKS_TIMEOUT, else 600.

    Returns
    -------
    Ranks
        The processes: `number` of this one, from 0, their `count`, and `is_first`, True for the one that writes and
        prints.

    Raises
    ------
    BackendError
        Where a launcher has started several processes and mpi4py is missing, or knows of one only.
    SettingError
        If comm is no communicator, or the timeout is not above 0.

    Examples
    --------
    >>> ranks = nnx.ranks()  # one process alone
    >>> ranks.number, ranks.count, ranks.is_first
    (0, 1, True)
    """
    fine = comm is None or all(hasattr(comm, name) for name in ("allgather", "Dup", "Irecv"))
    require(fine, "ranks: comm must be a communicator of mpi4py, such as MPI.COMM_WORLD", comm)
    if comm is not None:
        return Ranks(comm, limit(timeout))
    if not _world:
        _world.append(Ranks(world(), limit(timeout)))
        if _world[0].count > 1:
            sys.excepthook = ended_by(_world[0])
    return _world[0]


def is_rank() -> bool:
    """True if this process has found that it is one of several."""
    return bool(_world) and _world[0].count > 1


def parting(code: int) -> None:
    """Tell whoever asked for it the exit code with which this process is about to end."""
    for tell in leaving:
        tell(code)


def limit(timeout: float | None) -> float:
    """Seconds to wait for the others. Raises: SettingError."""
    given: Any = os.environ.get("NNX_RANKS_TIMEOUT") or TIMEOUT if timeout is None else timeout
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    require(seconds > 0, "ranks: timeout, or NNX_RANKS_TIMEOUT, must be seconds above 0", given)
    return seconds


def world() -> Any:
    """The communicator of all processes, None where there is one."""
    count, _, launcher = system.launched()
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
    """What is done about an exception that nobody has caught: it is shown, by one where all have it, and all end."""

    def hook(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        text = f"{kind.__name__}: {' '.join(str(error).split())[:200]}"
        alike = own.alike(text)
        if own.is_first or not alike:
            print_exception(kind, error, traceback)
        code = 130 if kind is KeyboardInterrupt else 1
        if not alike:
            own.fail(text, code)
        parting(code)

    return hook
