"""Train on ranks over a network of chosen rate and delay, and print a model beside what was
measured: python ci/ranks_hosts.py [--links 1000:0.1,300:1,1000:5] [--batches 2048,128] [--rounds N] [--out FILE].
Linux, as root.

Two network namespaces stand for two machines, a and b: each has a host name, memory shared with nobody, and one network
device. A relay between the devices lets so many megabits a second through, in each direction, and delays what it lets
through by so many milliseconds. `mpiexec -hosts a,b -n 2 ...` runs as on two machines; `ssh` is a script that enters b.
"""

import argparse
import fcntl
import json
import os
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "benchmark"))
import ranks as bench  # noqa: E402

HOSTS = {"a": "10.77.0.1", "b": "10.77.0.2"}
MTU = 60_000
SSH = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
exec ip netns exec nnx-$host unshare --uts --ipc sh -c "hostname $host; $*"
"""
FLOATS = sum((i + 1) * o for i, o in zip(bench.SIZES, bench.SIZES[1:], strict=False)) + 3  # and the loss, and two flags
MESSAGE = 5e-6  # seconds of a core that a message takes to be sent, and another received: assumed
PAPER = (1.25e8, 1e-4), (1.25e9, 3e-5), (1.25e10, 5e-6)


def sh(command):
    subprocess.run(command, shell=True, check=True)


def device():
    """A network device that hands its packets to a file of ours."""
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    name = fcntl.ioctl(file, 0x400454CA, struct.pack("16sH22x", b"nnx%d", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    return file, name[:16].rstrip(b"\0").decode()


def relay(files, rate, delay):
    """Hand the packets of each file to the other, for ever: rate in bytes a second, 0 for any; delay in seconds."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))  # beside ranks that take all of the cores
    ways = [(files[0], files[1], deque()), (files[1], files[0], deque())]
    free = [0.0, 0.0]  # when the line is free, in each direction
    while True:
        due = min((queue[0][0] for _, _, queue in ways if queue), default=None)
        wait = None if due is None else max(0.0, due - time.monotonic())
        select.select(files, (), (), wait)
        now = time.monotonic()
        for way, (source, goal, queue) in enumerate(ways):
            while True:
                try:
                    packet = os.read(source, 65_536)
                except BlockingIOError:
                    break
                free[way] = max(now, free[way]) + (len(packet) / rate if rate else 0.0)
                queue.append((free[way] + delay, packet))
            while queue and queue[0][0] <= now:
                try:
                    os.write(goal, queue.popleft()[1])
                except OSError:  # the other end is not up
                    break


@contextmanager
def machines(rate, delay):
    """The two machines and the line between them."""
    files = []
    child = 0
    try:
        for host, address in HOSTS.items():
            file, name = device()
            files.append(file)
            sh(f"ip netns add nnx-{host} && ip link set {name} netns nnx-{host} && ip -n nnx-{host} link set lo up")
            sh(f"ip -n nnx-{host} link set {name} name eth0 mtu {MTU} up")
            sh(f"ip -n nnx-{host} addr add {address}/24 dev eth0")
            folder = Path(f"/etc/netns/nnx-{host}")
            folder.mkdir(parents=True, exist_ok=True)
            lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in HOSTS.items())]
            (folder / "hosts").write_text("\n".join(lines) + "\n")
        child = os.fork()
        if not child:
            try:
                relay(files, rate, delay)
            finally:
                os._exit(1)
        yield
    finally:
        if child:
            os.kill(child, 9)
            os.waitpid(child, 0)
        for file in files:
            os.close(file)
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", f"nnx-{host}"], stderr=subprocess.DEVNULL)
            shutil.rmtree(f"/etc/netns/nnx-{host}", ignore_errors=True)


def on_both(command, folder):
    """What a command says that is run on machine a."""
    ssh = Path(folder) / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    beside = Path(bench.launcher()).parent
    env = os.environ | {
        "PATH": f"{folder}:{beside}:{os.environ['PATH']}",
        "UCX_NET_DEVICES": "eth0",
        "OMP_NUM_THREADS": "1",
    }
    words = [ssh, "a", command]
    return subprocess.run(words, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=600).stdout


def over(rate, delay, batch, steps):
    """What rank 0 says of training on both machines."""
    settings = json.dumps(["train", dict(batch=batch, steps=steps, micro_batches=2)])
    words = f"mpiexec -hosts a,b -n 2 {sys.executable} {bench.__file__} --rank {shlex.quote(settings)}"
    with machines(rate, delay), tempfile.TemporaryDirectory() as folder:
        return json.loads(on_both(words, folder))


def model(compute, ranks, rate, delay):
    """Microseconds of a step: what a rank computes, and then twice something to everybody, a segment of its gradient to
    who adds it up, and the sum of its own segment. rate: bytes a second, each way; delay: seconds."""
    messages = 2 * (ranks - 1)
    return compute + 1e6 * (2 * delay + messages * (MESSAGE + 4 * FLOATS / ranks / rate))


def measured(rounds, links, batches):
    """Training over each line beside the model, whose computing is that of two ranks on one machine."""
    lines = [
        "Microseconds a step, 784-512-512-10, 2 micro-batches, 2 ranks with one thread each. Model: the step of two",
        f"ranks on one machine + 2 delays + {4 * FLOATS:,} bytes / rate. Others: other programs, and the relay.",
        "",
    ]
    rows, computing = [], {}
    for batch in batches:
        local = dict(batch=batch, steps=bench.BATCHES[batch], micro_batches=2)
        cases = {ranks: partial(bench.run, ranks, 1, "train", **local) for ranks in (1, 2)}
        cases |= {link: partial(over, *link, batch, local["steps"]) for link in links}
        found = bench.rounds_of(rounds, cases)
        medians = {case: bench.quieter(runs) for case, runs in found.items()}
        times = {case: took for case, (took, _) in medians.items()}
        computing[batch] = times[1]
        same = len({r["loss"] for runs in found.values() for r in runs}) == 1
        for case, took in times.items():
            if case in (1, 2):
                cells = [f"{case} on one machine", "", f"{took:,.0f}", ""]
            else:
                foretold = model(times[2], 2, *case)
                cells = [named(*case), f"{foretold:,.0f}", f"{took:,.0f}", f"{took / foretold:.2f}"]
            cells = [f"{batch:,}", *cells, f"{times[1] / took:.2f}", "yes" if same else "NO"]
            rows.append([*cells, f"{medians[case][1]:.0%}"])
    heads = ["batch", "line", "model", "measured", "over the model", "speed over 1 rank", "same loss", "others"]
    return lines + bench.table(heads, rows), computing


def foretold(computing):
    """On paper: many machines, by the model."""
    (small, large), (less, more) = zip(*sorted(computing.items()), strict=True)
    row = (more - less) / (large - small)
    fixed = less - row * small
    lines = [
        f"On paper: a rank computes {fixed:,.0f} + {row:.1f} n microseconds on n rows (a line through both batches",
        "of 1 rank above); one rank a machine, each with a core and a line as here; all lines are full at once; a",
        f"message takes {1e6 * MESSAGE:g} microseconds of a core; as many micro-batches as machines. Microseconds",
        "a step, and in brackets the speed over 1 rank.",
        "",
    ]
    rows = []
    for what, batch_of in (
        ("batch 2,048", lambda n: 2048),
        ("batch 32,768", lambda n: 32_768),
        ("2,048 rows a machine", lambda n: 2048 * n),
    ):
        for rate, delay in PAPER:
            cells = [what, named(rate, delay)]
            for ranks in (2, 8, 64, 512):
                rows_each = batch_of(ranks) / ranks
                took, alone = model(fixed + row * rows_each, ranks, rate, delay), fixed + row * batch_of(ranks)
                cells.append(f"{took:,.0f} ({alone / took:.3g})")
            rows.append(cells)
    return lines + bench.table(["", "line", *(f"{ranks} machines" for ranks in (2, 8, 64, 512))], rows)


def named(rate, delay):
    return f"{rate * 8e-6:,.0f} Mbit/s, {1e3 * delay:g} ms"


def link(text):
    """Bytes a second, and seconds, of a text such as 1000:0.1."""
    megabits, milliseconds = map(float, text.split(":"))
    return megabits * 125e3, milliseconds * 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", default="1000:0.1,300:1,1000:5")
    parser.add_argument("--batches", default="2048,128")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--out", help="write FILE.md")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("it makes network namespaces: run it as root")
    links = [link(text) for text in args.links.split(",")]
    lines, computing = measured(args.rounds, links, [int(text) for text in args.batches.split(",")])
    text = "\n".join(
        ["# Ranks on two machines", "", bench.head(), "", *lines, *(foretold(computing) if len(computing) == 2 else [])]
    )
    print(text)
    if args.out:
        Path(args.out).with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
