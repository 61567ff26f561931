"""Time nnx beside its rivals: ci/bench cpu|gpu|sklearn [--only TEXT] [--rivals TEXT,TEXT] [--rounds N] [--out FILE].

Each rival runs in a process of its own and all take turns, one epoch each; what is reported is the median. Rivals that
are not installed are left out, one that dies is reported so and the others go on, and FILE is written after each task.
On a GPU at most five are held at once, and prepare side by side. "cpu" takes about nine minutes on two cores.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from functools import cache
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
ESTIMATORS |= dict.fromkeys(estimators.SHORT_CASES, (estimators.SHORT_CASES, estimators.SHORT_RIVALS))
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
        if os.environ.get("NNX_BENCH_KILL") == rival:  # to try what becomes of the others
            os._exit(9)
        started = time.perf_counter()

    cases, functions = (TASKS | ON_GPU | ESTIMATORS)[task]
    try:
        functions[rival](cases[task], tick)
    except ImportError as error:
        pipe.send(("missing", str(error), None))
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}", None))


def peak():
    """The most memory this process has held, in MB; what getrusage says began as that of the process before."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure_floor(workload, pipe):
    from floor import floor

    pipe.send(gpu.floor(gpu.WORKLOADS[workload]) if workload in gpu.WORKLOADS else floor(rivals.WORKLOADS[workload]))


def apart(function, *args):
    """What a function sends through a pipe from a process of its own."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=function, args=(*args, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return None
    finally:
        process.join()


def answer(process, pipe, limit=600.0):
    """What a rival says, within so many seconds; ("failed", why, None) if it says nothing, or has died."""
    try:
        if pipe.poll(limit):
            return pipe.recv()
        process.kill()
        return "failed", f"said nothing for {limit:.0f} s", None
    except (EOFError, OSError):
        process.join()
        return "failed", f"died, exit code {process.exitcode}", None


def compare(task, names, rounds, together=1):
    """For each rival: median and minimum microseconds a step, the time it took to prepare, its most memory.

    together: how many are held at once; the first one is in every group.
    """
    first, *others = names
    size = max(together - 1, 1) if together > 1 else len(others) or 1
    results = {}
    for i in range(0, max(len(others), 1), size):
        results |= measured(task, [first, *others[i : i + size]], rounds, side_by_side=together > 1)
    return {"rivals": results}


def measured(task, names, rounds, side_by_side):
    """The same of rivals that are held at once."""
    cases, _ = (TASKS | ON_GPU | ESTIMATORS)[task]
    running, results, losses, times = {}, {}, {}, {}
    for name in names:
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=serve, args=(name, task, theirs), daemon=True)
        process.start()
        theirs.close()  # or a rival that dies would leave its end open here
        running[name] = process, ours
        if not side_by_side:
            ready(name, running, results, losses)
    for name in list(running) if side_by_side else ():
        ready(name, running, results, losses)
    for _ in range(rounds):
        for name, (process, pipe) in list(running.items()):
            time.sleep(0.1)  # let the other process's threads go to sleep
            try:
                pipe.send(True)
                word, value, loss = answer(process, pipe)
            except OSError:
                word, value, loss = answer(process, pipe, 1.0)
            if word != "done":
                results[name] = {"error": value}
                del running[name]
                continue
            times.setdefault(name, []).append(value)
            losses[name].append(loss)
    for name, (process, pipe) in running.items():
        pipe.send(False)
        per_step = [1e6 * t / cases[task].batches for t in times[name]]
        results[name] |= {"median_us": statistics.median(per_step), "minimum_us": min(per_step)}
        results[name] |= {"peak_MB": answer(process, pipe, 60.0), "losses": losses[name]}
    return {name: results[name] for name in names}


def ready(name, running, results, losses):
    """Wait until a rival has prepared; one that cannot run is reported so."""
    word, value, loss = answer(*running[name])
    if word == "ready":
        losses[name], results[name] = [loss], {"prepare_seconds": value}
    else:
        results[name] = {"error": value}
        del running[name]


def disagreeing(report):
    """The rivals whose losses are not those of the first, but for what rounding grows to in a long training."""
    first, *others = [(name, r) for name, r in report["rivals"].items() if "losses" in r] or [None]
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


@cache
def head():
    """What was measured, on what."""
    import nnx.cli.info as info

    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    versions = {}
    for package in ("numpy", "scipy", "llvmlite", "scikit-learn", "torch", "jax", "keras"):
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
    tasks = {"cpu": TASKS, "gpu": ON_GPU, "sklearn": ESTIMATORS}[args.what]
    asked = [part for part in args.rivals.split(",") if part]

    def wanted(task):
        return any(part in task for part in args.only.split(","))

    reports = {}
    for task in filter(wanted, tasks):
        names = chosen(list(tasks[task][1]), asked)
        if task in ON_GPU:
            ON_GPU[task][0][task].data()  # made once, before the rivals look for it
        reports[task] = compare(task, names, args.rounds, together=5 if args.what == "gpu" else 1)
        if task in rivals.WORKLOADS or (task in gpu.WORKLOADS and gpu.DEVICE == "cuda"):
            found = apart(measure_floor, task)
            reports[task] |= {"floor_us": 1e6 * found} if found else {}
        print("\n".join(table({task: reports[task]})), flush=True)
        for name in disagreeing(reports[task]):
            print(f"WARNING: the losses of {name} differ", reports[task]["rivals"][name]["losses"][:4])
        for name, r in reports[task]["rivals"].items():
            if "error" in r:
                print(f"({name}: {r['error'].splitlines()[0][:100]})", flush=True)
        write(args.out, reports, {}, started)
    growth = {}
    for part in scale.PARTS if args.what == "cpu" else ():
        if wanted(f"growth {part}"):
            growth[part] = apart(scale.measure, part)
    print("\n".join(write(args.out, reports, growth, started)))


def chosen(known, asked):
    """The rivals whose names are asked for, or contain what is; none asked: on a GPU the usual ones, else all."""
    if not asked:
        usual = [name for name in known if name in (*gpu.USUAL, *gpu.USUAL_AT_ONCE)]
        return usual if known[0] in usual else known
    return [name for name in known if any(part == name or (part not in known and part in name) for part in asked)]


def write(out, reports, growth, started):
    """The results so far as lines; written to FILE.json and FILE.md."""
    trained = {task: r for task, r in reports.items() if task not in predicting.CASES}
    predicted = {task: r for task, r in reports.items() if task in predicting.CASES}
    lines = []
    if trained:
        lines += ["Microseconds a training step, or call; in brackets over the first column.", "", *table(trained), ""]
        lines += ["Seconds to prepare: imports, data, compiling, the first epoch.", ""]
        lines += [*table(trained, "prepare_seconds"), ""]
        lines += ["Most memory of the process, MB.", "", *table(trained, "peak_MB"), ""]
    if predicted:
        lines += ["Microseconds a call of predict, 64-100-10.", "", *table(predicted), ""]
    for part, figures in growth.items():
        lines += [scale.PARTS[part].__doc__.splitlines()[0], "", "| | |", "|---|---|"]
        lines += [f"| {name} | {v if isinstance(v, str) else f'{v:,.3g}'} |" for name, v in figures.items()] + [""]
    minutes = (time.monotonic() - started) / 60
    lines.append(f"({minutes:.1f} minutes)")
    if out:
        facts = head() | {"minutes": minutes, "tasks": reports, "growth": growth}
        Path(out).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
        Path(out).with_suffix(".md").write_text("\n".join(lines) + "\n")
    return lines


if __name__ == "__main__":
    main()
