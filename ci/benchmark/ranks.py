"""Training on ranks: ci/bench ranks [--only steps,exchange,profile] [--libraries numpy,torch,jax] [--rounds N]
[--out FILE].

Each run is a program of its own, started alone or by mpiexec, and the cases take turns. It says, for each epoch, how
much of the cores other programs used meanwhile; what is reported is the median of the quieter half of the epochs.
NNX_BENCH_PATIENCE=60 in the environment: each run waits up to 60 s for others to leave the cores alone.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIZES = 784, 512, 512, 10
FLOATS = 1_000, 10_000, 100_000, 1_000_000, 10_000_000
BATCHES = {2048: 8, 128: 60}  # and how many are an epoch
PATIENCE = float(os.environ.get("NNX_BENCH_PATIENCE", 0))  # seconds that a run waits for other programs to end
WAYS = {  # ranks (0: a program started alone), BLAS threads of each
    "1 process, 2 threads": (0, 2),
    "1 rank": (0, 1),
    "2 ranks": (2, 1),
}


# what each rank runs


class Clocks(NamedTuple):
    """Seconds: of the clock, worked by the cores, and worked for these ranks."""

    now: float
    all: float
    own: float

    def since(self, before):
        """The share of the cores that other programs used."""
        return (self.all - before.all - (self.own - before.own)) / (self.now - before.now) / os.cpu_count()


def clocks(ranks):
    """Those of now; every rank works as much as this one, for MPI works while it waits."""
    all_of = map(int, Path("/proc/stat").read_text().split()[1:4])  # user, nice, system
    times = os.times()
    return Clocks(time.monotonic(), sum(all_of) / os.sysconf("SC_CLK_TCK"), ranks * (times.user + times.system))


def train(batch, steps, micro_batches, library="numpy", epochs=9, callbacks=()):
    """Microseconds a step of nnx.fit in each epoch, by its own history, and the share of the cores that others used.

    The first epoch, which compiles, is left out.
    """
    import nnx

    ranks, rng, seen = nnx.ranks(), np.random.default_rng(0), []
    x, y = rng.random((batch * steps, SIZES[0]), dtype=np.float32), rng.integers(0, SIZES[-1], batch * steps)
    settings = dict(loss="softmax_cross_entropy", optimizer=nnx.Adam(1e-3), epochs=epochs, batch_size=batch)
    settings |= dict(micro_batches=micro_batches, backend=library, ranks=ranks)
    settings["callbacks"] = [lambda report: seen.append(clocks(ranks.count)), *callbacks]
    fit = nnx.fit(nnx.mlp(SIZES[1:-1], SIZES[-1]), x, y, **settings)
    each = [1e6 * seconds / steps for seconds in fit.history["seconds"][1:]]
    shares = [after.since(before) for before, after in pairwise(seen)]
    return {"microseconds": each, "others": shares, "how": fit.execution, "loss": fit.history["loss"][-1]}


def profile(batch, steps, micro_batches, library="numpy", epochs=9):
    """Microseconds of a step on rank 0 in each function, without those of the others that it calls."""
    from nnx.training.parallel import Ranks
    from nnx.training.parts import Parts
    from nnx.training.sums import Sums

    spent, inside = {}, []

    def timed(owner, name, label):
        function = getattr(owner, name)

        def wrapper(*args, **kwargs):
            began = time.perf_counter()
            inside.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                taken = time.perf_counter() - began
                spent[label] = spent.get(label, 0.0) + taken - inside.pop()
                if inside:
                    inside[-1] += taken

        setattr(owner, name, wrapper)

    timed(Parts, "batch", "the rest of the step")
    timed(Sums, "__call__", "the rest of the sum")
    timed(Sums, "_pack", "packing")
    timed(Ranks, "exchange", "sending, receiving, waiting for the others")
    timed(Sums, "_node", "adding")
    timed(Sums, "_unpacked", "views of the sum")
    timed(Parts, "taken", "writing the sum back")
    make = Parts.__init__

    def made(self, *args, **kwargs):
        make(self, *args, **kwargs)
        timed(type(self.part), "__call__", "parts and update")

    Parts.__init__ = made
    found = train(batch, steps, micro_batches, library, epochs, [lambda report: report.epoch == 1 and spent.clear()])
    return found | {"parts": {label: 1e6 * seconds / steps / (epochs - 1) for label, seconds in spent.items()}}


def exchange(floats, repeats):
    """Microseconds of a sum over the ranks, one part on each: nnx's, and MPI_Allreduce; and the bytes a rank sends."""
    import nnx
    from nnx.training.sums import Sums

    ranks, backend = nnx.ranks(), nnx.backend("numpy")
    own = {"gradient": np.random.default_rng(ranks.number).random(floats, dtype=np.float32)}
    sums, total = Sums(ranks, backend, own, ranks.count), np.empty(floats, np.float32)
    if sums.small:
        sent = (ranks.count - 1) * sums.mine.nbytes
    else:
        sent = sum(array.nbytes for moved in (sums.parts, sums.sums) for _, array in moved[0])
    node = (ranks.number, ranks.number + 1)
    ways = {"nnx": lambda: sums({node: own}), "Allreduce": lambda: ranks.comm.Allreduce(own["gradient"], total)}
    times, before = {name: [] for name in ways}, clocks(ranks.count)
    for _ in range(repeats + 1):
        for name, way in ways.items():
            ranks.comm.Barrier()
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    share = clocks(ranks.count).since(before)
    every = ranks.gather({name: values[1:] for name, values in times.items()})
    slowest = {name: [max(values) for values in zip(*(own[name] for own in every), strict=True)] for name in ways}
    found = {name: [1e6 * statistics.median(values)] for name, values in slowest.items()}
    return found | {"bytes": sent, "others": [share]}


# starting them


def launcher():
    """The mpiexec of this Python's environment, else of PATH."""
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    return found or sys.exit("there is no mpiexec: pip install 'nnx-array[mpi]'")


def wait():
    """Wait until other programs use less than a tenth of the cores, at most PATIENCE seconds."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        before = clocks(1)
        time.sleep(0.5)
        if clocks(1).since(before) < 0.1:
            return


def run(ranks, threads, function, **settings):
    """What a function says on rank 0 of so many."""
    wait()
    command = [sys.executable, __file__, "--rank", json.dumps([function, settings])]
    if ranks:
        command = [launcher(), "-n", str(ranks), *command]
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def rounds_of(count, cases):
    """For each case what its runs say; the cases take turns."""
    found = {name: [] for name in cases}
    for turn in range(count):
        order = list(cases)
        for name in order if turn % 2 == 0 else reversed(order):
            found[name].append(cases[name]())
            print(name, json.dumps(found[name][-1]), file=sys.stderr, flush=True)
    return found


def quieter(runs, figure="microseconds"):
    """The median of a figure over the quieter half of its values, and how much of the cores others used then."""
    values = sorted((share, value) for r in runs for value, share in zip(r[figure], r["others"], strict=True))
    half = values[: -(-len(values) // 2)]
    return statistics.median(value for _, value in half), max(statistics.mean(share for share, _ in half), 0.0)


def table(heads, rows):
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


# the parts of the report


def steps(rounds, libraries):
    """Steps in one process and on ranks."""
    lines = [
        "Microseconds a step of `nnx.fit`, 784-512-512-10, Adam, float32; in brackets the speed over 1 rank with as",
        "many micro-batches. Last, how much of the cores other programs used meanwhile.",
        "",
    ]
    rows = []
    for library in libraries:
        for batch, micro in ((batch, micro) for batch in BATCHES for micro in (1, 2, 8)):
            settings = dict(batch=batch, steps=BATCHES[batch], micro_batches=micro, library=library)
            ways = {name: way for name, way in WAYS.items() if way[0] <= micro}
            found = rounds_of(rounds, {name: partial(run, *way, "train", **settings) for name, way in ways.items()})
            medians = {name: quieter(runs) for name, runs in found.items()}
            one = medians["1 rank"][0]
            cells = [f"{took:,.0f} ({one / took:.2f})" for took, _ in medians.values()] + [""] * (3 - len(ways))
            how = " / ".join(dict.fromkeys(r["how"] for runs in found.values() for r in runs))
            shares = ", ".join(f"{share:.0%}" for _, share in medians.values())
            rows.append([library, f"{batch:,}", str(micro), *cells, how, shares])
    return lines + table(["library", "batch", "micro-batches", *WAYS, "how", "others"], rows)


def exchanges(rounds, libraries):
    """One sum over ranks by its size."""
    lines = ["Microseconds of one sum over the ranks, one part on each, float32; the slowest rank.", ""]
    rows = []
    for ranks, floats in ((ranks, floats) for ranks in (2, 4) for floats in FLOATS):
        case = partial(run, ranks, 1, "exchange", floats=floats, repeats=int(max(10, min(300, 3e6 / floats))))
        (runs,) = rounds_of(rounds, {f"{ranks} ranks": case}).values()
        (nnx, share), (theirs, _) = (quieter(runs, name) for name in ("nnx", "Allreduce"))
        cells = [str(ranks), f"{floats:,}", f"{runs[0]['bytes']:,}", f"{nnx:,.0f}", f"{theirs:,.0f}"]
        rows.append([*cells, f"{nnx / theirs:.2f}", f"{share:.0%}"])
    return lines + table(["ranks", "floats", "bytes a rank sends", "nnx", "MPI_Allreduce", "ratio", "others"], rows)


def profiles(rounds, libraries):
    """Where the time of a step goes."""
    lines = [
        "Microseconds of a step on rank 0 of 2, by function, without those that it calls; 2 micro-batches,",
        "the quietest run.",
        "",
    ]
    cases = {
        f"batch {batch:,}": partial(run, 2, 1, "profile", batch=batch, steps=steps, micro_batches=2)
        for batch, steps in BATCHES.items()
    }
    found = rounds_of(rounds, cases)
    quietest = {name: min(runs, key=lambda r: statistics.mean(r["others"])) for name, runs in found.items()}
    labels = sorted(next(iter(quietest.values()))["parts"].items(), key=lambda item: -item[1])
    rows = [[label, *(number(r["parts"][label]) for r in quietest.values())] for label, _ in labels]
    rows.append(["others", *(f"{max(statistics.mean(r['others']), 0):.0%}" for r in quietest.values())])
    return lines + table(["", *found], rows)


PARTS = {"steps": steps, "exchange": exchanges, "profile": profiles}
ON_A_RANK = {"train": train, "profile": profile, "exchange": exchange}


def head():
    """What was measured, on what."""
    from importlib.metadata import version

    from run import head as facts

    machine = facts()["machine"]
    names = ("numpy", "mpi4py", "mpich", "torch", "jax")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{time.strftime('%Y-%m-%d')}, {machine['processor']}, {machine['cores']} cores, {versions}."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--libraries", default="numpy")
    parser.add_argument("--out", help="write FILE.md")
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rank:
        function, settings = json.loads(args.rank)
        found = ON_A_RANK[function](**settings)
        import nnx

        if nnx.ranks().is_first:
            print(json.dumps(found))
        return
    lines = ["# Training on ranks", "", head(), ""]
    for name in args.only.split(","):
        lines += PARTS[name](args.rounds, args.libraries.split(","))
    text = "\n".join(lines)
    print(text)
    if args.out:
        Path(args.out).with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
