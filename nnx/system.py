"""What not every operating system has, asked for here alone: locks, process numbers, synced folders, signals.

Where there is no such thing each of these says so by what it returns or raises: nothing that trains needs one.
"""

import errno
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

fcntl: Any = None
msvcrt: Any = None
with suppress(ImportError):  # not on Windows, nor in a browser
    import fcntl
with suppress(ImportError):
    import msvcrt

WAIT_FREE = getattr(os, "O_NONBLOCK", 0)  # open a pipe without waiting for who writes it
OWN_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # not what a link names, nor a child's
BINARY = getattr(os, "O_BINARY", 0)
REMOVES_OPEN_FILES = os.name != "nt"
IGNORED = signal.SIG_IGN
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # of a file system
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)  # of folders, on file systems that know no such thing
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
LAUNCHERS = {  # the variable that a launcher tells each process their number by; that of its own number
    "PMI_SIZE": ("mpiexec", "PMI_RANK"),
    "OMPI_COMM_WORLD_SIZE": ("mpirun", "OMPI_COMM_WORLD_RANK"),
    "SLURM_STEP_NUM_TASKS": ("srun", "SLURM_PROCID"),
    "PALS_SIZE": ("mpiexec", "PALS_RANKID"),
    "FLUX_JOB_SIZE": ("flux", "FLUX_TASK_RANK"),
    "MV2_COMM_WORLD_SIZE": ("mpirun", "MV2_COMM_WORLD_RANK"),
}
_FAR = 1 << 30  # the byte that is locked on Windows, where nobody can read a locked one


HIGH = 900  # a file number above those that a process has open, and below the usual limit of 1,024


def closed_first(file: int) -> int:
    """The file under a number that Linux closes before the others of a process that is killed: it goes from the last.

    The file itself where there is no such number; else the old number is closed.
    """
    with suppress(OSError):
        if fcntl is not None:
            high: int = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, HIGH)
            os.close(file)
            return high
    return file


def lock(file: int, *, shared: bool = False) -> bool:
    """Lock an open file for this process, until it closes it or ends in whatever way. False: another process has it.

    shared: others may have it too, if they share it; where there are no such locks, as on Windows, one has it alone.
    By records of POSIX, which NFS knows too: a process that is forked has no part in them.
    Raises: OSError with a number in NO_LOCKS where there are no locks.
    """
    try:
        if fcntl is not None:
            fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        elif msvcrt is not None:
            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            raise OSError(errno.ENOTSUP, "this system has no locks")
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def cache_folder() -> Path:
    """The folder of all caches: $NNX_CACHE, or nnx in $XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("NNX_CACHE") or Path(base) / "nnx")


def launched() -> tuple[int, int, str]:
    """How many processes a launcher of MPI says that it has started, the number of this one, and the launcher.

    One, number 0, where there is none.
    """
    for size, (launcher, rank) in LAUNCHERS.items():
        count, number = os.environ.get(size, ""), os.environ.get(rank, "")
        if count.isdecimal() and int(count) > 1:
            return int(count), int(number) if number.isdecimal() else 0, launcher
    return 1, 0, ""


def machine() -> str:
    """A word for this machine: the process numbers of another one sharing the folder mean nothing here."""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{crc32(name.encode()):08x}"


def is_alive(process: int) -> bool:
    """True if a process other than this one has this number; True where that cannot be known."""
    if process == os.getpid() or not has_processes():  # on Windows os.kill would end it
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def send(process: int, number: int | None = None) -> None:
    """Send a process a signal, where it is still there; None: that which ends it at once."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL if number is None else number)


def has_processes() -> bool:
    """True where processes are POSIX's: with numbers that can be asked for, groups, and signals that end them."""
    return hasattr(os, "fork") and hasattr(os, "kill") and sys.platform != "emscripten"


def open_folder(folder: str | os.PathLike[str]) -> int:
    """A folder, to be synced; -1 where there is no such thing, as on Windows."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if hasattr(os, "O_DIRECTORY") else -1


def sync_folder(folder: int) -> None:
    """Wait until what was done to a folder is on the disk."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def processor() -> list[str]:
    """What the system says of its first processor, "name : value" in each line; nothing where it does not tell."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        return file.read(8192).partition("\n\n")[0].splitlines()
    return []


def runs_flat_code() -> bool:
    """True where machine code of x86-64 may be put into memory and run: the calls of Linux for it are used here."""
    return sys.platform == "linux" and os.uname().machine == "x86_64"


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory(kind: str) -> int:
    """Bytes of memory: "PHYS" for all, "AVPHYS" for what is free; 0 where the system does not tell."""
    known = hasattr(os, "sysconf") and f"SC_{kind}_PAGES" in os.sysconf_names
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf(f"SC_{kind}_PAGES") if known else 0


def is_ignored(number: int) -> bool:
    """True if this process ignores a signal, as in the background or under nohup, or other code than Python has it."""
    return signal.getsignal(number) in (IGNORED, None)
