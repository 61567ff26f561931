"""Part of `ci/soak`: commands on a run folder that are killed, and what the folder is after each.

python ci/run_soak.py pairs COUNT [SEED]   two commands at once on one folder, at random, each of which may get a signal
python ci/run_soak.py points [STRIDE]      a kill at every operation on files of a train, a --force and a resume

The commands are forked from a process that has imported all they need. After each a copy of the folder has to be gone
on with, or be finished, or be free, to the same files as a run that nobody disturbed; then `--force` has to leave
nothing but a whole run.
"""

import csv
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from contextlib import suppress
from pathlib import Path

os.environ |= {"NNX_COMPILE": "never", "OMP_NUM_THREADS": "1", "NNX_BACKEND": ""}

import click  # noqa: F401
import numpy as np
import pyarrow.csv  # noqa: F401
import tomli_w  # noqa: F401
from safetensors import safe_open

import nnx
import nnx.cli.pictures
import nnx.cli.restarts
import nnx.cli.resume
import nnx.cli.run
from nnx.cli import main

with suppress(ImportError):  # what a command imports takes longer than all else that it does
    import pandas  # noqa: F401
with suppress(ImportError):
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401

LIMIT = 60  # seconds that a command may take
SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT)
USUAL = ["--target", "y", "--hidden", "4", "--no-early-stopping", "--checkpoint-every", "1", "-q", "--epochs"]
OPERATIONS = ("open", "write", "fsync", "link", "replace", "unlink", "mkdir", "rmdir", "ftruncate")
GRID = ["--grid", "rate=0.001,0.01", "--grid", "batch_size=16,32", "--cv", "2"]
SEEDS = ("1", "2", "3")
MEMBERS = {"1": "1", "2": "1", "3": "3"}  # networks of a run, by its seed
CODES = {0, 2, 3, 130, 143, *(-number for number in SIGNALS)}
KEPT = {"best.safetensors", "config.toml", "metrics.csv", "events.jsonl", "data.json"}
KEPT |= {"environment.json", "README.md"}  # without matplotlib, which takes longer than all else


def words(kind, seed="1", epochs=30):
    """The command of this kind."""
    usual = [*USUAL, str(epochs), "--seed", seed, "--set", f"training.members={MEMBERS[seed]}"]
    train = ["train", "data.csv", *usual]
    return {
        "train": [*train, "--out", "run"],
        "force": [*train, "--out", "run", "--force"],
        "restarts": [*train, "--out", "run", "--force", "--restarts", "1"],
        "resume": ["resume", "run", "-q"],
        "search": ["search", "data.csv", *usual, *GRID, "--out", "run", "--force"],
        "predict": ["predict", "run", "data.csv", "-o", "p.csv"],
        "evaluate": ["evaluate", "run", "data.csv"],
        "inspect": ["inspect", "run"],
        "plot": ["plot", "run", "-o", "pictures"],
    }[kind]


WEIGHTS = {"train": 3, "force": 6, "resume": 8, "search": 3, "predict": 2, "evaluate": 1, "inspect": 1, "plot": 1}


class Command:
    """A command in a process of its own, which ends as `nnx` would."""

    def __init__(self, arguments, folder, log, kill_at=None):
        self.name, self.log, self.begun = arguments[0], log, time.monotonic()
        self.process = os.fork()
        if self.process == 0:
            self.run(arguments, folder, kill_at)

    def run(self, arguments, folder, kill_at):
        code = 1
        try:
            output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(folder)
            if arguments[0] != "plot":
                sys.modules["matplotlib"] = None
            if kill_at is not None:
                killing(kill_at)
            main(arguments)
        except SystemExit as error:
            code = error.code
        except KeyboardInterrupt:  # before the command began
            code = 130
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            with suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def end(self):
        """How it ended; "blocked" if it had to be killed."""
        while time.monotonic() - self.begun < LIMIT:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        return "blocked"

    @property
    def said(self):
        return self.log.read_text(errors="replace")


def killing(at):
    """Kill this process at its operation on files of this number, in the middle of what it writes."""
    count = 0

    def wrapped(name, real):
        def call(*arguments, **more):
            nonlocal count
            count += 1
            if count == at:
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **more)

        return call

    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))


def content(path):
    """All that is in a model file; safetensors writes the two entries of its metadata in any order."""
    with safe_open(path, "np") as file:
        return file.metadata(), {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def metrics(run):
    with open(run / "metrics.csv") as file:
        return [
            {k: v for k, v in r.items() if k not in ("seconds", "samples_per_second")} for r in csv.DictReader(file)
        ]


def seed_of(run):
    return str(tomllib.loads((run / "config.toml").read_text())["training"]["seed"])


class Soak:
    """The folders, the runs that nobody disturbed, and the faults found."""

    def __init__(self, home, seed=0, epochs=30, kinds=("train", "search")):
        self.home, self.random, self.faults, self.epochs = home, random.Random(seed), [], epochs
        self.work, self.copy = home / "work", home / "copy"
        self.work.mkdir()
        rng = np.random.default_rng(0)
        x = rng.normal(size=(80, 2))
        rows = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}" for a, b in x]
        (self.work / "data.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
        for kind in kinds:
            for number in SEEDS:
                shutil.copytree(self.work, self.copy)
                command = Command(words(kind, number, epochs), self.copy, home / "log")
                assert command.end() == 0, command.said
                os.rename(self.copy / "run", home / f"{kind}{number}")
                shutil.rmtree(self.copy)

    def pair(self, number):
        """Two commands, each of which may get a signal."""
        kinds = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=2)
        if self.random.random() < 0.02:
            kinds[0] = "restarts"
        events = []
        for i, kind in enumerate(kinds):
            begin = i * self.random.choice([0.0, self.random.uniform(0.0, 0.4)])
            events.append((begin, i, kind))
            if self.random.random() < 0.6:
                events.append((begin + self.random.uniform(0.0, 0.8), i, self.random.choice(SIGNALS)))
        started, commands = time.monotonic(), {}
        for at, i, what in sorted(events, key=lambda event: event[0]):
            time.sleep(max(0.0, started + at - time.monotonic()))
            if isinstance(what, str):
                commands[i] = Command(words(what, self.random.choice(SEEDS)), self.work, self.home / f"log{i}")
            else:
                os.kill(commands[i].process, what)  # its number is its own until it is waited for
        codes = [commands[i].end() for i in range(2)]
        told = " ".join(f"{self.names(what)}" for _, _, what in sorted(events, key=lambda event: event[0]))
        for command, code in zip(commands.values(), codes, strict=True):
            self.expect(code in CODES, number, f"{told}: {command.name} ended with {code}: {command.said[-600:]}")
            self.expect("Traceback" not in command.said, number, f"{told}: {command.said[-900:]}")
        if "restarts" in kinds:
            self.wait_for_the_child()
        self.check(number, told)
        return [f"{kind} {code}" for kind, code in zip(kinds, codes, strict=True)]

    def names(self, what):
        return what if isinstance(what, str) else what.name

    def expect(self, holds, number, text):
        if not holds:
            self.faults.append(f"pair {number}: {text}")
            print(self.faults[-1], flush=True)

    def wait_for_the_child(self):
        """A process that trained for another one that was killed ends by itself."""
        from nnx.files import writer

        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if not any(writer(lock) for lock in self.work.glob("run*/.lock")):
                return
            time.sleep(0.05)
        self.faults.append("a process that had lost its supervisor went on")

    def command(self, *arguments):
        command = Command(list(arguments), self.copy, self.home / "log")
        return command.end(), command.said

    def check(self, number, told):
        """What a copy of the folder becomes."""
        run = self.copy / "run"
        with suppress(FileNotFoundError):
            shutil.rmtree(self.copy)
        shutil.copytree(self.work, self.copy)
        was = sorted(os.listdir(run)) if run.exists() else []
        code, said = self.command("resume", "run", "-q")
        if code == 0:
            self.same(number, f"{told}: resumed from {was}", run)
        elif "the run is finished" in said:
            self.same(number, f"{told}: finished", run)
        else:
            self.expect(said.count("\n") == 1, number, f"{told}: resume of {was} says {said}")
            self.expect("best.safetensors" not in was, number, f"{told}: {was} cannot be gone on with: {said}")
            code, said = self.command(*words("train", "1", self.epochs))
            self.expect(code == 0, number, f"{told}: {was} is not free: {said}")
            self.same(number, f"{told}: trained after {was}", run)
        if number % 3 == 0:
            code, said = self.command(*words("force", "2", self.epochs))
            self.expect(code == 0, number, f"{told}: --force over {was}: {said}")
            self.same(number, f"{told}: forced over {was}", run)
            code, said = self.command(*words("predict"))
            left = {name for name in os.listdir(self.copy) if ".tmp-" in name or self.is_left(self.copy / name)}
            self.expect(code == 0 and not left, number, f"{told}: left {left}: {said}")

    def is_left(self, folder):
        """True for a new run beside another of which a process that was killed is the owner."""
        return ".new" in folder.name and (folder / ".lock").exists()

    def same(self, number, told, run):
        """Raise unless the folder is that of a run which nobody disturbed."""
        try:
            searched = (run / "search.csv").exists()
            other = self.home / f"{'search' if searched else 'train'}{seed_of(run)}"
            assert content(run / "best.safetensors") == content(other / "best.safetensors"), "best.safetensors"
            assert metrics(run) == metrics(other), "metrics.csv"
            for name in ("data.json", *(["search.csv"] if searched else [])):
                assert (run / name).read_text() == (other / name).read_text(), name
            lines = (run / "events.jsonl").read_text().splitlines()
            assert [json.loads(line)["epoch"] for line in lines] == list(range(1, self.epochs + 1)), "events.jsonl"
            names = set(os.listdir(run)) - {"report.html"}  # which a process of its own has written
            assert names == KEPT | ({"search.csv"} if searched else set()), names
        except (AssertionError, OSError, ValueError, KeyError) as error:
            self.expect(False, number, f"{told}: mixed: {error!r}")


def pairs(count, seed=0):
    """So many pairs. Returns the number of faults."""
    with tempfile.TemporaryDirectory() as home:
        found, ends, started = Soak(Path(home), seed), Counter(), time.monotonic()
        for number in range(1, count + 1):
            ends.update(found.pair(number))
            if number % 50 == 0 or number == count:
                print(f"{number} pairs, {len(found.faults)} faults, {time.monotonic() - started:.0f} s", flush=True)
        print("; ".join(f"{what}: {count}" for what, count in sorted(ends.items())))
        return len(found.faults)


def points(stride=1):
    """A kill at every operation, or at some. Returns the number of faults."""
    with tempfile.TemporaryDirectory() as home:
        found, epochs = Soak(Path(home), epochs=3, kinds=("train",)), 3
        work = found.work
        for kind in ("train", "force", "resume"):
            runs, at = 0, stride
            while True:
                for left in work.glob("run*"):
                    shutil.rmtree(left)
                if kind == "force":
                    shutil.copytree(found.home / "train3", work / "run")
                elif kind == "resume":
                    interrupted = Command(words("train", "1", epochs), work, found.home / "log", kill_at=70)
                    assert interrupted.end() == -signal.SIGKILL
                command = Command(words(kind, "1", epochs), work, found.home / "log", kill_at=at)
                if command.end() != -signal.SIGKILL:
                    break  # there is no such operation any more
                found.check(3 * at, f"{kind} killed at operation {at}")
                runs, at = runs + 1, at + stride
            print(f"{kind}: {runs} kills, {len(found.faults)} faults in all", flush=True)
        return len(found.faults)


if __name__ == "__main__":
    assert nnx.__version__
    sys.exit(bool({"pairs": pairs, "points": points}[sys.argv[1]](*map(int, sys.argv[2:]))))
