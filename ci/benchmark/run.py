"""Time nnx beside its rivals: ci/bench cpu|gpu|sklearn [--only TEXT] [--rivals TEXT,TEXT] [--rounds N] [--out FILE].

Each rival runs in a process of its own and all take turns, one epoch each; what is reported is the median. Rivals that
are not installed are left out. "cpu" takes about nine minutes on two cores.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from pathlib import Path

import estimators
import gpu
import predicting
import rivals
import scale

TASKS = dict.fromkeys(rivals.WORKLOADS, (rivals.WORKLOADS, rivals.RIVALS))
TASKS |= dict.fromkeys(predicting.CASES, (predicting.CASES, predicting.RIVALS))
ON_GPU = dict.fromkeys(gpu.WORKLOADS, (gpu.WORKLOADS, gpu.RIVALS))
ESTIMATORS = dict.fromkeys(estimators.CASES, (estimators.CASES, estimators.RIVALS))
ON_GPU |= dict.fromkeys(gpu.POPULATIONS, (gpu.POPULATIONS, gpu.POPULATION_RIVALS))
CONTEXT = multiprocessing.get_context("spawn")


def serve(rival, task, pipe):
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
            pipe.send(peak())
            os._exit(0)
        started = time.perf_counter()

    cases, functions = (TASKS | ON_GPU | ESTIMATORS)[task]
    try:
        functions[rival](cases[task], tick)
    except ImportError as error:
        pipe.send(("missing", str(error), None))
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}", None))


def peak():
    """The most memory this process has held, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_floor(workload, pipe):
    from floor import floor

    pipe.send(gpu.floor(gpu.WORKLOADS[workload]) if workload in gpu.WORKLOADS else floor(rivals.WORKLOADS[workload]))


def apart(function, *args):
    """What a function sends through a pipe from a process of its own."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=function, args=(*args, theirs))
    process.start()
    answer = ours.recv()
    process.join()
    return answer


def compare(task, names, rounds):
    """For each rival: median and minimum microseconds a step, the time it took to prepare, its most memory."""
    cases, functions = (TASKS | ON_GPU | ESTIMATORS)[task]
    pipes, results, losses = {}, {}, {}
    for name in (n for n in names if n in functions):
        ours, theirs = CONTEXT.Pipe()
        CONTEXT.Process(target=serve, args=(name, task, theirs), daemon=True).start()
        word, value, loss = ours.recv()
        if word == "ready":
            pipes[name], losses[name], results[name] = ours, [loss], {"prepare_seconds": value}
        else:
            results[name] = {"error": value}
    times = {name: [] for name in pipes}
    for _ in range(rounds):
        for name, pipe in pipes.items():
            time.sleep(0.1)  # let the other process's threads go to sleep
            pipe.send(True)
            answer = pipe.recv()
            if answer[0] != "done":
                raise RuntimeError(f"{name}: {answer[1]}")
            times[name].append(answer[1])
            losses[name].append(answer[2])
    for name, pipe in pipes.items():
        pipe.send(False)
        per_step = [1e6 * t / cases[task].batches for t in times[name]]
        results[name] |= {"median_us": statistics.median(per_step), "minimum_us": min(per_step)}
        results[name] |= {"peak_MB": pipe.recv(), "losses": losses[name]}
    return {"rivals": results}


def disagreeing(report):
    """The rivals whose losses are not those of the first, but for what rounding grows to in a long training."""
    first, *others = [(name, r) for name, r in report["rivals"].items() if "losses" in r]
    return [
        name
        for name, r in others
        if any(
            abs(a - b) > 0.04 * max(abs(a), 0.05 * first[1]["losses"][0])
            for a, b in zip(first[1]["losses"], r["losses"], strict=True)
        )
    ]


def table(reports, key="median_us"):
    """Microseconds a step, and in brackets the time of each rival over that of the first."""
    names = list(dict.fromkeys(name for r in reports.values() for name in r["rivals"]))
    floors = [r["floor_us"] for r in reports.values() if "floor_us" in r]
    head = ["", *names, *(["floor"] if floors else [])]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for workload, report in reports.items():
        values = [report["rivals"].get(name, {}).get(key) for name in names]
        values += [report["floor_us"]] if floors and key == "median_us" else [None] * bool(floors)
        cells = [shown(value, values[0]) for value in values]
        lines.append(f"| {workload} | " + " | ".join(cells) + " |")
    return lines


def shown(value, base):
    if value is None:
        return ""
    text = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return text if base in (None, value) else f"{text} ({value / base:.2f})"


def head():
    """What was measured, on what."""
    import nnx.cli.info as info

    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    versions = {}
    for package in ("numpy", "scipy", "numba", "scikit-learn", "torch", "jax", "keras"):
        try:
            from importlib.metadata import version

            versions[package] = version(package)
        except ImportError:
            versions[package] = "not installed"
    machine = {"processor": names[0] if names else platform.machine(), "cores": os.cpu_count()}
    machine |= {"system": platform.platform(), "python": platform.python_version(), **versions}
    settings = {
        name: os.environ[name] for name in ("OMP_NUM_THREADS", "NNX_FUSED", "NNX_COMPILE") if name in os.environ
    }
    return {"when": time.strftime("%Y-%m-%d"), "machine": machine, "settings": settings, "backends": info.facts()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cpu", "gpu", "sklearn"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="tasks whose name contains one of these, by commas")
    parser.add_argument("--rivals", default="", help="rivals whose names contain one of these, by commas")
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    started = time.monotonic()
    if args.what == "gpu":
        names = dict.fromkeys((*gpu.RIVALS, *gpu.POPULATION_RIVALS))
    elif args.what == "sklearn":
        names = estimators.RIVALS
    else:
        names = dict.fromkeys((*rivals.RIVALS, *predicting.RIVALS))
    names = [name for name in names if not args.rivals or any(part in name for part in args.rivals.split(","))]

    def wanted(task):
        return any(part in task for part in args.only.split(","))

    reports = {}
    for task in filter(wanted, {"cpu": TASKS, "gpu": ON_GPU, "sklearn": ESTIMATORS}[args.what]):
        reports[task] = compare(task, names, args.rounds)
        if task in rivals.WORKLOADS or (task in gpu.WORKLOADS and gpu.DEVICE == "cuda"):
            reports[task]["floor_us"] = 1e6 * apart(measure_floor, task)
        print("\n".join(table({task: reports[task]})), flush=True)
        for name in disagreeing(reports[task]):
            print(f"WARNING: the losses of {name} differ", reports[task]["rivals"][name]["losses"][:4])
        for name, r in reports[task]["rivals"].items():
            if "error" in r:
                print(f"({name}: {r['error'].splitlines()[0][:100]})")
    parts = scale.PARTS if args.what == "cpu" else ()
    growth = {part: apart(scale.measure, part) for part in parts if wanted(f"growth {part}")}
    trained = {task: r for task, r in reports.items() if task not in predicting.CASES}
    predicted = {task: r for task, r in reports.items() if task in predicting.CASES}
    lines = []
    if trained:
        lines += ["Microseconds a training step, or call; in brackets over the first column.", "", *table(trained), ""]
        lines += [
            "Seconds to prepare: imports, data, compiling, the first epoch.",
            "",
            *table(trained, "prepare_seconds"),
            "",
        ]
        lines += ["Most memory of the process, MB.", "", *table(trained, "peak_MB"), ""]
    if predicted:
        lines += ["Microseconds a call of predict, 64-100-10.", "", *table(predicted), ""]
    for part, figures in growth.items():
        lines += [scale.PARTS[part].__doc__.splitlines()[0], "", "| | |", "|---|---|"]
        lines += [f"| {name} | {v if isinstance(v, str) else f'{v:,.3g}'} |" for name, v in figures.items()] + [""]
    lines.append(f"({(time.monotonic() - started) / 60:.1f} minutes)")
    print("\n".join(lines))
    if args.out:
        facts = head()
        facts["minutes"] = (time.monotonic() - started) / 60
        Path(args.out).with_suffix(".json").write_text(
            json.dumps(facts | {"tasks": reports, "growth": growth}, indent=1)
        )
        Path(args.out).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
