"""Trainings that are killed, run by test_resume.py in a process of its own: it forks, and NumPy alone may be loaded.

`python kills.py points FOLDER [all]` kills at each write, fsync, link, rename and removal of every checkpoint;
`python kills.py random FOLDER RUNS` after random times. Both print how many runs ended, and with how many faults.
"""

import builtins
import os
import random
import signal
import sys
import time
import warnings
from hashlib import sha256
from pathlib import Path

import numpy as np

import nnx

MODELS = {
    "dense": nnx.mlp((4,), 2),
    "dropout": nnx.mlp((4,), 2, dropout=0.3),
    "normalised": nnx.Chain(nnx.Dense(4), nnx.BatchNorm(), nnx.Tanh(), nnx.Dense(2)),
    "residual": nnx.Chain(nnx.Dense(4), nnx.Residual(nnx.Chain(nnx.Dense(4), nnx.ReLU())), nnx.Dense(2)),
}
OPTIMIZERS = {
    "momentum": nnx.Momentum(0.05),
    "adamw": nnx.AdamW(0.02, schedule=nnx.Cosine()),
    "clipped": nnx.ClipNorm(nnx.Adam(0.01), norm=0.5),
}
x = np.random.default_rng(0).normal(size=(60, 3))
y = (x[:, 0] > 0).astype(int)


def training(net, optimizer, epochs, path=None, resume=False, compile="auto"):
    """One fit, and a name for all its bits."""
    fit = nnx.fit(
        net, x, y, loss="softmax_cross_entropy", optimizer=optimizer, epochs=epochs, batch_size=16, validation=0.2,
        early_stopping=nnx.EarlyStopping(30), seed=5, compile=compile,
        checkpoint=None if path is None else nnx.Checkpoint(path), resume=path if resume else None,
    )  # fmt: skip
    found = sha256(str((fit.best_epoch, fit.stopped)).encode())
    for name, values in fit.history.items():
        if name not in ("seconds", "samples_per_second"):
            found.update(repr(values).encode())
    for part in (fit.params, *fit.state.values()):
        for array in part.values() if isinstance(part, dict) else [part]:
            found.update(np.asarray(array).tobytes())
    return found.hexdigest()


def forked(work):
    """What a child ends with: its status. The child ends with 0 after the work."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"child: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child


class Watched:
    """Counts what changes files, and kills the process at one of these operations."""

    def __init__(self, kill_at=None):
        self.count, self.kill_at = 0, kill_at

    def __enter__(self):
        for name in ("replace", "rename", "link", "unlink", "fsync", "write"):
            setattr(os, name, self.wrapped(getattr(os, name)))
        plain = builtins.open

        def opened(file, mode="r", *args, **kwargs):
            if "w" not in mode:
                return plain(file, mode, *args, **kwargs)
            self.tick()
            stream = plain(file, mode, *args, **kwargs)
            return Half(stream, self)

        builtins.open = opened
        return self

    def __exit__(self, *_):
        pass  # the process ends

    def tick(self):
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(self, function):
        def call(*args, **kwargs):
            self.tick()
            return function(*args, **kwargs)

        return call


class Half:
    """A file whose writes have a kill point in their middle."""

    def __init__(self, stream, watched):
        self.stream, self.watched = stream, watched

    def write(self, content):
        self.stream.write(content[: len(content) // 2])
        self.stream.flush()
        self.watched.tick()
        self.stream.write(content[len(content) // 2 :])

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


def points(folder, thorough):
    """Kill at every operation. thorough: each network with each optimizer, not one that holds all a checkpoint can.

    The steps are plain ones, which a few epochs are too short to gain from.
    """
    runs = faults = 0
    for name, net in MODELS.items():
        known = dict.fromkeys(MODELS, OPTIMIZERS) if thorough else {"normalised": ["clipped"]}
        for optimizer in (OPTIMIZERS[rule] for rule in known.get(name, ())):
            expected = training(net, optimizer, 2, compile=False)
            path, number, status = folder / "c.safetensors", 0, 1
            while status:
                number += 1
                for file in folder.iterdir():
                    file.unlink()

                def work(number=number, net=net, optimizer=optimizer, path=path):
                    with Watched(number):
                        training(net, optimizer, 2, path, compile=False)

                _, status = os.waitpid(forked(work), 0)
                if os.WIFEXITED(status):
                    assert os.WEXITSTATUS(status) == 0
                    break  # there is no such operation any more
                runs += 1
                resumable = path.exists()
                faults += expected != training(net, optimizer, 2, path, resumable, compile=False)
                left = {file.name for file in folder.iterdir()} - {path.name, f"{path.name}.previous"}
                faults += bool(left)
    return runs, faults


def at_random(folder, runs, seed=0):
    """Kill one to three times after random times."""
    rng, faults, kills = random.Random(seed), 0, 0
    names = [(m, o) for m in MODELS for o in OPTIMIZERS]
    expected = {(m, o): training(MODELS[m], OPTIMIZERS[o], 25) for m, o in names}
    for number in range(runs):
        net, optimizer = names[number % len(names)]
        path, result = folder / f"{number}.safetensors", folder / f"{number}.txt"

        def work(path=path, result=result, net=net, optimizer=optimizer):
            result.write_text(training(MODELS[net], OPTIMIZERS[optimizer], 25, path, path.exists()))

        for _ in range(rng.randint(1, 3)):
            child = forked(work)
            time.sleep(rng.uniform(0.005, 0.09))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            kills += os.WIFSIGNALED(status)
            if not os.WIFSIGNALED(status):
                break
        else:
            _, status = os.waitpid(forked(work), 0)
        faults += status != 0 or result.read_text() != expected[net, optimizer]
        for file in folder.iterdir():
            file.unlink()
    return runs, kills, faults


if __name__ == "__main__":
    warnings.simplefilter("error")
    if sys.argv[1] == "points":
        print(*points(Path(sys.argv[2]), bool(sys.argv[3:] and sys.argv[3])))
    else:
        print(*at_random(Path(sys.argv[2]), int(sys.argv[3])))
