"""Ranks: the same bits on any number of processes, and what goes wrong on one of them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nnx
from nnx.system import LAUNCHERS, launched
from nnx.training import parallel
from nnx.training.parallel import Ranks
from nnx.training.sums import added, nodes

PROGRAM = Path(__file__).with_name("ranks_program.py")
BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = BESIDE if BESIDE.exists() else Path(shutil.which("mpiexec") or BESIDE)
QUIET = {"MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}  # of ranks that are more than the cores
started = pytest.mark.skipif(not MPIEXEC.exists(), reason="mpich is not installed")


def environment(**more):
    paths = os.pathsep.join([str(PROGRAM.parents[1]), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths} | QUIET | more


def run(count, *words, code=0, **more):
    """The lines that the program prints on so many ranks, by their first word; its errors where the code is not 0."""
    start = [str(MPIEXEC), "-n", str(count)] if count > 1 else []
    done = subprocess.run(
        [*start, sys.executable, str(PROGRAM), *words], capture_output=True, text=True, timeout=150,
        env=environment(**more), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if code is None:
        assert done.returncode != 0
        return done.stderr
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout.splitlines()


NUMPY = [f"{name}=numpy" for name in ("normed", "weighted", "averaged", "plain", "compiled", "frozen", "eleven")]
NUMPY += ["class weights=numpy", "positions=numpy", "wider floats=numpy", "wide=numpy", "streamed", "population"]


@started
@pytest.mark.parametrize("count", [3, 4])
def test_any_number_of_ranks_gives_the_bits_of_one(count):
    assert run(count, *NUMPY) == alone(*NUMPY)


@started
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_any_number_of_ranks_gives_the_bits_of_one_on_other_libraries(library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    assert run(2, f"weighted={library}") == alone(f"weighted={library}")


@started
def test_estimators_searches_and_tables_are_what_they_are_on_one_rank():
    words = ["estimators", "search", "tables"]
    assert run(3, *words) == alone(*words)


_alone = {}


def alone(*words):
    if words not in _alone:
        _alone[words] = run(1, *words)
    return _alone[words]


@started
def test_each_rank_reads_only_its_own_rows_of_a_file(tmp_path):
    assert run(3, f"own_rows={tmp_path}") == run(1, f"own_rows={tmp_path}")


@started
def test_a_run_whose_rank_was_killed_goes_on_on_fewer_to_the_same_bits(tmp_path):
    wanted = run(1, f"checkpointed={tmp_path / 'whole'}=")[-1].split()[-1]
    began = time.monotonic()
    run(4, f"checkpointed={tmp_path / 'killed'}=yes", code=None)
    assert time.monotonic() - began < 60
    lines = run(2, f"checkpointed={tmp_path / 'killed'}=")
    assert lines[-1].split()[-1] == wanted and lines[0] not in ("1", "6")  # neither from the beginning, nor finished


FAULTS = {
    "settings": "SettingError: optimizer.rate is 0.02 on rank 2, and 0.01 on rank 0: all ranks must train the same",
    "data": "SettingError: data (first row) is",
    "rows": "SettingError: rows is 182 on rank 2, and 184 on rank 0: all ranks must train the same",
    "code": "SettingError: optimizer is Own on rank 2, and AdamW on rank 0",
    "raises": "ValueError: a callback's fault",
    "one raises": "nnx: rank 2 of 3: DataError: x has 10 values that are not finite, the first in row 229",
    "few": "SettingError: fit: micro_batches is 1, and 3 ranks share those of each batch: give micro_batches=8",
}


@started
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_ends_all_ranks_and_is_told_once(kind):
    errors = run(3, f"faulty={kind}", code=None)
    assert FAULTS[kind] in errors and ("nnx: rank " in errors) == (kind == "one raises"), errors
    assert errors.count("Traceback") == 1, errors


@started
def test_a_rank_that_waits_too_long_says_so_and_ends_all():
    began = time.monotonic()
    errors = run(2, "faulty=stalls", code=None, TIMEOUT="3")
    assert "nnx: rank 0 of 2: nothing from the others for 3 s" in errors and time.monotonic() - began < 40


@started
@pytest.mark.parametrize("number", [signal.SIGINT])
def test_a_signal_stops_all_ranks_after_the_same_step(number):
    with subprocess.Popen(
        [MPIEXEC, "-n", "3", sys.executable, str(PROGRAM), "interrupted"], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment(), start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        lines = process.stdout.read().splitlines()
        assert lines[-1] == "interrupted (['interrupted'], 1, 1)"


@started
@pytest.mark.gpu
def test_two_ranks_share_a_gpu_and_move_their_sums_over_the_host():
    pytest.importorskip("cupy", reason="cupy is not installed")
    assert run(2, "weighted=cupy", "wide=cupy") == alone("weighted=cupy", "wide=cupy")


@started
@pytest.mark.parametrize("own", ["1", ""])
def test_arrays_on_gpus_are_moved_by_nccl_or_over_the_host(own):
    """Of the stand-ins for CuPy and NCCL, where each rank has a GPU of its own, and where all share one."""
    words = ["plain=cupy", "wide plain=cupy"]
    paths = os.pathsep.join([str(PROGRAM.with_name("stand_in")), str(PROGRAM.parents[1])])
    assert run(3, *words, PYTHONPATH=paths, STAND_IN_GPUS=own) == run(1, *words, PYTHONPATH=paths)


@pytest.mark.gpu
def test_nccl_moves_what_a_process_gives_itself():
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    from nnx.backends.cuda import nccl

    for kind in ("float32", "float64"):
        sent, received = cupy.arange(1000, dtype=kind), cupy.zeros(1000, dtype=kind)
        nccl.Group(1, nccl.identity(), 0).exchange([(0, sent[10:])], [(0, received[10:])])
        assert float(abs(received[10:] - sent[10:]).max()) == 0.0 and not received[:10].any()


class Sum(str):
    """A sum as it was added up."""

    def __add__(self, other):
        return Sum(f"({self}+{other})")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 12, 31])
def test_the_tree_of_the_ranks_is_that_of_one(count):
    whole = added(lambda i: {"": Sum(i)}, 0, count)[""]
    for ranks in range(1, 10):
        world = Ranks.__new__(Ranks)
        world.count = ranks
        shares = [world.share(count, number) for number in range(ranks)]
        assert [i for share in shares for i in share] == list(range(count))
        leaves = {}
        for share in shares:
            leaves |= {node: added(lambda i: {"": Sum(i)}, *node)[""] for node in nodes(share, 0, count)}

        assert summed(leaves, 0, count) == whole


def summed(leaves, start, stop):
    """The sum of a node from those of its leaves."""
    if (start, stop) in leaves:
        return leaves[start, stop]
    half = 1
    while 2 * half < stop - start:  # the largest power of two of the parts that leaves some
        half *= 2
    return summed(leaves, start, start + half) + summed(leaves, start + half, stop)


def test_a_process_that_was_started_alone_does_not_import_mpi():
    text = "import sys, nnx; ranks = nnx.ranks(); print(ranks.count, 'mpi4py' in sys.modules)"
    clean = {name: value for name, value in environment().items() if name not in LAUNCHERS}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=clean, timeout=60)
    assert done.stdout == "1 False\n", done.stderr


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_without_mpi_is_an_error(name, monkeypatch):
    for other in LAUNCHERS:
        monkeypatch.delenv(other, raising=False)
    assert launched() == (1, 0, "")
    monkeypatch.setenv(name, "4")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(nnx.BackendError, match=r"started 4 processes, and MPI is missing .*nnx-array\[mpi\]"):
        parallel.world()


@pytest.mark.parametrize("given", [4, "mpi", object])
def test_what_is_not_ranks_is_refused(given):
    with pytest.raises(nnx.SettingError, match=r"ranks must be nnx\.ranks\(\), in a program that mpiexec has started"):
        nnx.fit(nnx.Dense(1), [[1.0]], [1.0], loss="squared_error", ranks=given)


def test_ranks_are_kept_by_copies_and_clones():
    from copy import deepcopy

    from sklearn.base import clone

    ranks = nnx.ranks()
    assert deepcopy(ranks) is ranks and clone(nnx.MLPClassifier(ranks=ranks)).ranks is ranks
