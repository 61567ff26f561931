"""Trainings on ranks that are killed at random moments and gone on with: every one must end with the same model file.

python ci/ranks_soak.py KILLS [--ranks 4] [--seed 0] [--networks 1]: one rank, drawn by chance, gets SIGKILL at a random
time between the start and the end of the command; `nnx resume` goes on with 1 to 3 ranks, and may be killed too. When a
training has ended its model file is compared with that of one that was never killed, and another one begins, until so
many were killed. Exits with 1 on a difference, or where killed ranks do not end within two seconds.
"""

import argparse
import csv
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NNX = [sys.executable, "-m", "nnx"]
TRAIN = ["train", "data.csv", "--target", "y", "--hidden", "32", "--dropout", "0.2", "--no-early-stopping"]
TRAIN += ["--epochs", "150", "--micro-batches", "8", "--checkpoint-every", "1", "-q"]
PROMPT = 2.0  # seconds in which a rank that was killed ends all, with what else the machine has to do


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--networks", type=int, default=1)
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(soak(given, random.Random(given.seed)))


def soak(given, rng):
    """Kill until there were enough kills. Returns the exit code."""
    write_table()
    train = [*TRAIN, "--members", str(given.networks)]
    began = time.monotonic()
    subprocess.run([*NNX, *train, "--out", "whole", "--workers", str(given.ranks)], check=True)
    length = time.monotonic() - began
    subprocess.run([*NNX, *train, "--out", "alone"], check=True)
    faults = compare("alone")
    print(f"a training takes {length:.1f} s on {given.ranks} ranks; on one its model file has the same bits")
    kills = trainings = 0
    slowest = 0.0
    while kills < given.kills and not faults:
        shutil.rmtree("run", ignore_errors=True)
        words, ranks, told = [*train, "--out", "run"], given.ranks, []
        while True:
            moment = rng.uniform(0, length) if kills < given.kills else None
            killed, code, took, errors = killed_at(moment, [*words, "--workers", str(ranks)], ranks, rng)
            if killed is None and code:
                print(f"FAULT: exit code {code} of {words[0]} on {ranks} ranks: {errors}")
                return 1
            if killed is None:
                told.append(f"{ranks} ranks to the end")
                break
            kills += 1
            slowest = max(slowest, took)
            told.append(f"rank {killed} of {ranks} killed after {moment:.1f} s")
            if took > PROMPT or len(errors.splitlines()) != 1 or f"rank {killed} of {ranks} was killed" not in errors:
                print(f"FAULT: after {took:.1f} s, {told[-1]}: {errors}")
                faults += 1
            begun = Path("run/config.toml").exists() and Path("run/data.json").exists()
            words, ranks = (["resume", "run", "-q"] if begun else words), rng.randint(1, 3)
        trainings += 1
        found = compare("run")
        faults += found
        print(f"{kills:3} kills: {'; '.join(told)}: {'ANOTHER MODEL' if found else 'the same bits'}", flush=True)
    print(f"{trainings} trainings, {kills} kills, {faults} faults; ranks ended within {slowest:.1f} s of a kill")
    return 1 if faults else 0


def killed_at(moment, words, ranks, rng):
    """Run the command, and kill a rank after so many seconds: which, exit code, seconds till the end, errors."""
    alone = ranks == 1
    with subprocess.Popen([*NNX, *words], stderr=subprocess.PIPE, text=True) as process:
        end, victim = time.monotonic() + (moment or 0), None
        while moment is not None and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        while moment is not None and not alone and victim is None and process.poll() is None:
            there = of_ranks(process.pid)  # before they have begun there is none to kill
            if len(there) == ranks:
                victim = rng.choice(sorted(there))
                os.kill(there[victim], signal.SIGKILL)
            time.sleep(0.01)
        killed = time.monotonic()
        errors = process.communicate()[1].strip()
        return (victim if process.returncode == 1 else None), process.returncode, time.monotonic() - killed, errors


def of_ranks(process):
    """The processes of the ranks that a command has started and given its streams, by number."""
    found, waiting = {}, [process]
    while waiting:
        parent = waiting.pop()
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            words = Path(f"/proc/{parent}/environ").read_text(errors="replace")
            number = re.search(r"\b(?:PMI_RANK|OMPI_COMM_WORLD_RANK)=(\d+)", words)
            if number and os.readlink(f"/proc/{parent}/fd/2") == os.readlink(f"/proc/{process}/fd/2"):
                found[int(number[1])] = parent
        except OSError:
            continue
        waiting += map(int, children)
    return found


def write_table():
    """A small table of two classes."""
    rng = random.Random(0)
    with open("data.csv", "w", newline="") as file:
        rows = [(f"{rng.gauss(0, 1):.4f}", rng.choice("uvw")) for _ in range(600)]
        csv.writer(file).writerows([("a", "b", "y"), *((a, b, float(a) > 0) for a, b in rows)])


def compare(run):
    """1 where the model file of a run is another one than that of the whole training."""
    return int(Path(run, "best.safetensors").read_bytes() != Path("whole/best.safetensors").read_bytes())


if __name__ == "__main__":
    main()
