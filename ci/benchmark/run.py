"""Time the rivals on the workloads, interleaved: one process each, one round of all after another.

ci/bench cpu [--rounds 9] [--only TEXT] [--rivals TEXT,TEXT] [--out FILE]
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from pathlib import Path

from rivals import RIVALS, WORKLOADS


def serve(rival, workload, pipe):
    """A rival in its own process: prepare, one epoch to warm up, then an epoch for each message."""
    started = time.perf_counter()
    epochs = 0

    def tick(loss):
        nonlocal started, epochs
        seconds = time.perf_counter() - started
        if loss is None:
            return
        pipe.send(("ready" if epochs == 0 else "done", seconds, float(loss)))
        epochs += 1
        if not pipe.recv():
            os._exit(0)
        started = time.perf_counter()

    try:
        RIVALS[rival](WORKLOADS[workload], tick)
    except ImportError as error:
        pipe.send(("missing", str(error), None))
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}", None))


def measure_floor(workload, pipe):
    from floor import floor

    pipe.send(floor(WORKLOADS[workload]))


def compare(workload, rivals, rounds):
    """Median and minimum microseconds a step of each rival, and its compile time."""
    context = multiprocessing.get_context("spawn")
    pipes, results, losses = {}, {}, {}
    for rival in rivals:
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(rival, workload, theirs), daemon=True).start()
        word, value, loss = ours.recv()
        if word == "ready":
            pipes[rival], losses[rival], results[rival] = ours, [loss], {"prepare_seconds": value}
        else:
            results[rival] = {"error": value}
    times = {rival: [] for rival in pipes}
    for _ in range(rounds):
        for rival, pipe in pipes.items():
            time.sleep(0.1)  # let the other process's threads go to sleep
            pipe.send(True)
            answer = pipe.recv()
            if answer[0] != "done":
                raise RuntimeError(f"{rival}: {answer[1]}")
            times[rival].append(answer[1])
            losses[rival].append(answer[2])
    for rival, pipe in pipes.items():
        pipe.send(False)
        per_step = [1e6 * t / WORKLOADS[workload].batches for t in times[rival]]
        results[rival] |= {
            "median_us": statistics.median(per_step),
            "minimum_us": min(per_step),
            "losses": losses[rival],
        }
    ours, theirs = context.Pipe()
    process = context.Process(target=measure_floor, args=(workload, theirs))
    process.start()
    floor_us = 1e6 * ours.recv()
    process.join()
    return {"floor_us": floor_us, "rivals": results}


def agree(report):
    """The rivals whose losses are not those of the first."""
    first, *others = [(name, r) for name, r in report["rivals"].items() if "losses" in r]
    return [
        name
        for name, r in others
        if any(
            abs(a - b) > 0.02 * max(abs(a), 0.05 * first[1]["losses"][0])
            for a, b in zip(first[1]["losses"], r["losses"], strict=True)
        )
    ]


def table(reports):
    """Microseconds a step, and in brackets the time of the first rival over this one's."""
    names = list(dict.fromkeys(name for r in reports.values() for name in r["rivals"]))
    lines = ["| workload | " + " | ".join(names) + " | floor |", "|---" * (len(names) + 2) + "|"]
    for workload, report in reports.items():
        cells = []
        base = report["rivals"][names[0]].get("median_us")
        for name in names:
            r = report["rivals"].get(name, {"error": "not run"})
            if "error" in r:
                cells.append("not run")
            else:
                cells.append(
                    f"{r['median_us']:,.0f}" + (f" ({r['median_us'] / base:.2f})" if base and name != names[0] else "")
                )
        floor = f"{report['floor_us']:,.0f} ({report['floor_us'] / base:.2f})" if base else f"{report['floor_us']:,.0f}"
        lines.append(f"| {workload} | " + " | ".join(cells) + f" | {floor} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cpu"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--rivals", default="", help="rivals whose names contain one of these, by commas")
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    chosen = [name for name in RIVALS if not args.rivals or any(part in name for part in args.rivals.split(","))]
    import nnx.cli.info as info

    head = {"when": time.strftime("%Y-%m-%d"), "machine": platform.processor() or platform.machine()}
    head |= {"cores": os.cpu_count(), "python": platform.python_version(), "backends": info.facts()}
    reports = {}
    for workload in WORKLOADS:
        if args.only in workload:
            reports[workload] = compare(workload, chosen, args.rounds)
            print("\n".join(table({workload: reports[workload]})), flush=True)
            for name in agree(reports[workload]):
                print(f"WARNING: the losses of {name} differ", reports[workload]["rivals"][name]["losses"][:4])
            for name, r in reports[workload]["rivals"].items():
                if "error" in r:
                    print(f"({name}: {r['error'].splitlines()[0][:100]})")
    lines = table(reports)
    print("\n".join(lines))
    if args.out:
        Path(args.out).with_suffix(".json").write_text(json.dumps(head | {"workloads": reports}, indent=1) + "\n")
        Path(args.out).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
