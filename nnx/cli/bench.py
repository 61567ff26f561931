"""`nnx bench`: how fast a training step is on this machine, with each backend that works here."""

from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

from ..backends import ACCELERATORS, LIBRARIES, backend, probe
from ..backends.numpy import namespace as host_namespace
from ..errors import BackendError
from ..network import mlp
from ..training import fit
from ..training.result import Report

# widths, rows of a batch, batches of an epoch
NETWORKS = {
    "2-3-2": ((2, 3, 2), 4, 2000),
    "64-100-10": ((64, 100, 10), 128, 400),
    "784-512-512-10": ((784, 512, 512, 10), 128, 40),
}
SECONDS, EPOCHS = 1.0, 3  # to measure for, and at least so many epochs


def measured(names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """For each network and backend: microseconds a step, rows a second, seconds to prepare, how it was run."""
    for network in NETWORKS:
        for name in names:
            for compile in ("auto", False) if backend(name).is_host else ("auto",):
                yield {"network": network, "backend": name, **_measure(network, name, compile)}


def working(chosen: str) -> tuple[str, ...]:
    """The backends asked for, by commas, or all that work here. Raises BackendError for one that does not."""
    if chosen != "all":
        asked = tuple(name.strip() for name in chosen.split(",") if name.strip()) or (chosen,)
        for name in asked:
            probe(backend(name))
        return asked
    names = []
    for name in (*LIBRARIES, *ACCELERATORS):
        try:
            probe(backend(name))
        except BackendError:
            continue
        names.append(name)
    if not names:
        raise BackendError("no backend works here: see nnx info")
    return tuple(names)


def _measure(network: str, name: str, compile: bool | str) -> dict[str, Any]:
    (features, *hidden, outputs), size, batches = NETWORKS[network]
    xp = host_namespace()
    rows = size * batches
    x = xp.sin(xp.arange(rows * features) * 0.7).reshape(rows, features)
    y = xp.arange(rows) % outputs
    seconds: list[float] = []
    started = began = perf_counter()

    def watch(report: Report) -> bool:
        nonlocal began
        if report.epoch == 1:
            began = perf_counter()
        else:
            seconds.append(report.figures["seconds"])
        return len(seconds) >= EPOCHS and perf_counter() - began > SECONDS

    done = fit(
        mlp(tuple(hidden), outputs),
        x,
        y,
        loss="softmax_cross_entropy",
        epochs=10**6,
        batch_size=size,
        shuffle=False,
        backend=name,
        compile=compile,
        callbacks=[watch],
    )
    step = median(seconds) / batches
    figures = {"microseconds": 1e6 * step, "rows_per_second": size / step, "prepare_seconds": began - started}
    return figures | {"execution": done.execution}


def row(figures: dict[str, Any]) -> str:
    """One line of the table."""
    return (
        f"{figures['network']:<16}{figures['backend']:<11}{figures['microseconds']:>12,.1f}"
        f"{figures['rows_per_second']:>14,.0f}{figures['prepare_seconds']:>9.1f}  {figures['execution']}"
    )


HEAD = f"{'network':<16}{'backend':<11}{'us a step':>12}{'rows/s':>14}{'ready s':>9}  steps"
