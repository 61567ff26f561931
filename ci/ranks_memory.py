"""Train on ranks on a file much larger than their memory: python ci/ranks_memory.py [--gigabytes 20] [--limit 1]
[--ranks 2] [--shuffle] [--exactly] [--folder /tmp]. Linux; the file is deleted.

Each rank is held by a control group of its own to so many gigabytes, with the pages of the file that are kept for it
(where control groups of memory cannot be made, that is said, and it is only measured). --exactly: the system reads no
pages ahead, so that what a rank reads are the pages of its own rows alone; that takes much longer.
"""

import argparse
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "benchmark"))
import ranks as bench  # noqa: E402

FEATURES, BATCH, MICRO_BATCHES = 784, 2048, 8
GROUPS = Path("/sys/fs/cgroup/memory")  # of version 1; where there is version 2, memory is one of several
GB = 10**9


def fill(path, rows):
    """A file of so many rows, of which no page is left in memory."""
    rng, piece = np.random.default_rng(0), 2**16
    some = rng.random((piece, FEATURES), dtype=np.float32)
    with open(path, "wb") as file:
        for start in range(0, rows, piece):
            some[:, 0] = start / rows
            file.write(some[: rows - start].data)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def status(name):
    """A figure of this process in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def read():
    """The bytes that this process has read from disk, those for pages of mapped files included."""
    return int(Path("/proc/self/io").read_text().split("read_bytes: ")[1].split()[0])


def on_a_rank(path, rows, shuffle, exactly, group):
    """What a rank does: one epoch. Returns the figures of all ranks."""
    if group:
        own = Path(f"{group}-{os.environ['PMI_RANK']}")
        (own / "cgroup.procs").write_text(str(os.getpid()))
    import nnx

    ranks, most = nnx.ranks(), [0]

    def watch():
        while True:
            most[0] = max(most[0], status("RssAnon"))
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    x, y = np.memmap(path, np.float32, "r", shape=(rows, FEATURES)), np.arange(rows, dtype=np.int32) % 10
    if exactly:
        x._mmap.madvise(mmap.MADV_RANDOM)
    settings = dict(loss="softmax_cross_entropy", epochs=1, batch_size=BATCH, micro_batches=MICRO_BATCHES)
    before = read()
    fit = nnx.fit(nnx.mlp((64,), 10), x, y, **settings, shuffle=shuffle, backend="numpy", ranks=ranks)
    found = {"read": read() - before, "own": most[0], "seconds": fit.history["seconds"][0]}
    if group:
        found["group"] = int((own / "memory.max_usage_in_bytes").read_text())
        found["refused"] = int((own / "memory.failcnt").read_text())
    return ranks.gather(found)


def groups(ranks, limit):
    """Control groups of so many bytes, one for each rank; what their names begin with, or "" where that cannot be."""
    name = GROUPS / f"nnx-{os.getpid()}"
    try:
        for rank in range(ranks):
            own = Path(f"{name}-{rank}")
            own.mkdir()
            (own / "memory.limit_in_bytes").write_text(str(limit))
    except OSError as error:
        print(f"memory is measured, not limited: {error}", file=sys.stderr)
        return ""
    return str(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--limit", type=float, default=1)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--exactly", action="store_true")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rank:
        found = on_a_rank(**json.loads(args.rank))
        import nnx

        if nnx.ranks().is_first:
            print(json.dumps(found))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and take everything away
    rows = int(args.gigabytes * GB / 4 / FEATURES)
    group = groups(args.ranks, int(args.limit * GB))
    try:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            path = str(Path(folder) / "x.bin")
            fill(path, rows)
            settings = dict(path=path, rows=rows, shuffle=args.shuffle, exactly=args.exactly, group=group)
            words = [bench.launcher(), "-n", str(args.ranks), sys.executable, __file__, "--rank", json.dumps(settings)]
            env = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(words, env=env, stdout=subprocess.PIPE, text=True, check=True)
            size = Path(path).stat().st_size
    finally:
        for rank in range(args.ranks if group else 0):
            Path(f"{group}-{rank}").rmdir()
    print(f"{size / GB:.1f} GB in {rows:,} rows, in {'random order' if args.shuffle else 'their order'}, one epoch\n")
    heads = [
        "rank",
        "GB read from disk",
        "of the file",
        "GB of its own at most",
        "GB with pages of the file",
        "seconds",
    ]
    cells = []
    for number, r in enumerate(json.loads(done.stdout)):
        held = f"{r['group'] / GB:.2f}" if group else "not limited"
        read = f"{r['read'] / GB:.2f}", f"{r['read'] / size:.1%}"
        cells.append([str(number), *read, f"{r['own'] / GB:.2f}", held, f"{r['seconds']:.0f}"])
    print("\n".join(bench.table(heads, cells)))


if __name__ == "__main__":
    main()
