"""`nnx train --dry-run`: what would be done, and what it would take. Nothing is written."""

from time import perf_counter
from typing import Any

from ..backends import Backend
from ..contract import Layer
from ..errors import DataError
from ..tables import cells
from ..tables.encoding.target import present
from ..tabular.prepare import Prepared, fold, prepare
from ..tabular.recipe import check, loss_of, network, optimizer_of, settled
from ..tabular.settings import Config, plain
from ..training import fit
from ..training.memory import bytes_of_step
from ..training.population.member import weights_of
from .place import placed
from .run import json_line
from .summary import fates, summary
from .voice import Voice

ROWS = 4_096  # rows that the estimate is measured on


def plan(config: Config, say: Voice) -> int:
    """Say schema, shapes, parameters, memory, time and the settings. Returns the exit code."""
    import tomli_w

    check(config)
    config, chosen = placed(config)
    prepared = prepare(config, say, encode=False)
    config = settled(config, prepared)
    fold(prepared, config)
    x, y = sample(prepared)
    net, many = network(config, prepared), config.training.members or 1
    count = weights_of(net, prepared.encoder.width)
    seconds = epoch_seconds(config, prepared, chosen, x, y) * many
    need = memory(config, prepared, net)
    say(*summary(config, prepared, chosen), *(f"note: {note}" for note in prepared.notes), "", *fates(prepared), "")
    epochs = config.training.epochs or 1
    say(
        f"parameters  {count:,}" + f" in each of {many} networks" * (many > 1),
        f"memory      about {need / 2**20:,.0f} MiB for the rows, the weights and one step",
        f"time        about {seconds:.2g} s an epoch, {length(seconds * epochs)} for {epochs}; less if it stops early",
        "",
        *tomli_w.dumps(plain(config)).rstrip().splitlines(),
    )
    if say.json:
        found = {"rows": sum(prepared.rows), "features": prepared.encoder.width, "networks": many, "parameters": count}
        print(json_line(found | {"memory_bytes": need, "seconds_per_epoch": seconds, "epochs": epochs}), flush=True)
    return 0


def sample(prepared: Prepared) -> tuple[Any, Any]:
    """Some encoded rows and their targets."""
    encoder, target, source = prepared.encoder, prepared.target, prepared.source
    for batch, x in encoder.blocks(source, [target.name]):
        own = cells(source, batch, target.name, target.kind, 0)
        there, y = present(own), target.encode(own)
        if there.any():
            return x[there][:ROWS], (y if target.classes else y.astype("float32"))[there][:ROWS]
    raise DataError(f"{source.place}: no row has a target")


def epoch_seconds(config: Config, prepared: Prepared, chosen: Backend, x: Any, y: Any) -> float:
    """Seconds of an epoch, from one over some of the rows: the second of two, the first one prepares."""
    size = min(config.training.batch_size or 1, len(x))
    times: list[float] = []
    began = perf_counter()

    def watch(report: Any) -> None:
        nonlocal began
        times.append(perf_counter() - began)
        began = perf_counter()

    fit(
        network(config, prepared),
        x,
        y,
        loss=loss_of(config, prepared),
        optimizer=optimizer_of(config, 2 * -(-len(x) // size)),
        epochs=2,
        batch_size=size,
        micro_batches=config.training.micro_batches or 1,
        callbacks=[watch],
        backend=chosen,
    )
    return times[-1] * prepared.rows[0] / len(x)


def memory(config: Config, prepared: Prepared, net: Layer) -> int:
    """Bytes: rows held in memory, encoded and as they came, and one step of all networks."""
    width, t = prepared.encoder.width, config.training
    rows = sum(prepared.rows) * (width + 2) * 4
    return 2 * rows + (t.members or 1) * bytes_of_step(net, width, t.batch_size or 1, config.place.dtype)


def length(seconds: float) -> str:
    """A duration for a person."""
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
