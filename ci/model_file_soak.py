"""Parts of `ci/soak`: saves killed at random moments, and what it costs to refuse each hostile file.

python ci/model_file_soak.py kills 2000
python ci/model_file_soak.py costs
"""

import os
import random
import signal
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import model_files

import nnx
from nnx.files import read


def kills(count: int) -> int:
    """Start a process that saves one of two models again and again, kill it, look at what is there; so many times."""
    net = nnx.Dense(64)
    models = [nnx.init(net, 64, seed=seed) for seed in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        whole = set()
        for params in models:
            nnx.save(path, net, params)
            whole.add(path.read_bytes())
        left, r = 0, random.Random(0)
        for _ in range(count):
            process = os.fork()
            if process == 0:
                while True:
                    for params in models:
                        nnx.save(path, net, params)
            time.sleep(r.uniform(0.001, 0.02))
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            nnx.load(path)
            if path.read_bytes() not in whole:
                print("a file that is neither of the two")
                return 1
            left += len(os.listdir(folder)) - 1
        nnx.save(path, net, models[0])
        print(f"{count} kills, {left} temporary files seen, {len(os.listdir(folder)) - 1} after the last save")
        return int(os.listdir(folder) != [path.name])


def costs() -> int:
    """The ten slowest refusals, best of three."""
    found = []
    for name, bad, _ in model_files.corpus():
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            try:
                read(BytesIO(bad), len(bad))
            except nnx.ModelFileError:
                best = min(best, time.perf_counter() - start)
        found.append((best, name))
    found.sort(reverse=True)
    for best, name in found[:10]:
        print(f"{best * 1000:8.2f} ms  {name}")
    print(f"{found[len(found) // 2][0] * 1e6:8.1f} us  in the middle of {len(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(kills(int(sys.argv[2])) if sys.argv[1] == "kills" else costs())
