"""A training for a person, before it begins: its rows, its network, and how each column is encoded."""

from ..backends import Backend
from ..tables.encoding.columns import Category, Coded, Column, Hashed, Presence, Waves
from ..tables.encoding.numbers import Levels, Number, Pieces
from ..tables.encoding.words import Words
from ..tabular.kinds import realmlps
from ..tabular.monotone import signed
from ..tabular.prepare import Prepared
from ..tabular.settings import Config


def summary(config: Config, prepared: Prepared, chosen: Backend) -> list[str]:
    """The rows, the task and the network of a training, for a person."""
    target, (train_rows, validation, test_rows) = prepared.target, prepared.rows
    parts = {"train": train_rows, "validation": validation, "test": test_rows}
    into = f" into {len(target.classes)} classes" if target.classes else ""
    lines = [
        f"{prepared.source.name}: {sum(prepared.rows)} rows ({', '.join(f'{n} {k}' for k, n in parts.items() if n)}), "
        f"{len(prepared.encoder.columns_)} columns as {prepared.encoder.width} features, {target.task}{into}",
        network_line(config, prepared, chosen),
    ]
    return lines


def network_line(config: Config, prepared: Prepared, chosen: Backend) -> str:
    """Networks, optimizer and batches, for a person."""
    many, tuned, ordered = config.training.members or 1, realmlps(config, prepared), signed(config.data.monotone)
    return (
        f"{f'{many} networks' if many > 1 else 'network'} {'-'.join(map(str, widths(config, prepared)))} "
        f"{config.network.activation}, {config.optimizer.name} "
        f"at {config.optimizer.rate:g}, batches of {config.training.batch_size}"
        + f", but {tuned} of them RealMLP" * (tuned > 0)
        + f", monotone in {', '.join(ordered)}" * bool(ordered)
        + f", backend {chosen}"
    )


def widths(config: Config, prepared: Prepared) -> tuple[int, ...]:
    """The widths of the network, inputs and outputs included."""
    return prepared.encoder.width, *(config.network.hidden or ()), len(prepared.target.classes) or 1


def fates(prepared: Prepared) -> list[str]:
    """One line for each column: its kind, and its encoding or why it is left out."""
    encoder = prepared.encoder
    ways = {c.name: c for c in encoder.columns_}
    width = max((min(len(name), 40) for name in prepared.kinds), default=0)
    lines = []
    for name, kind in prepared.kinds.items():
        way = ways.get(name)
        fate = f"left out: {encoder.dropped_.get(name, 'as asked')}" if way is None else describe(way)
        lines.append(f"{name[:40]:<{width}}  {kind:<8} {fate}")
    return lines


def describe(way: Column) -> str:
    """The encoding of a column, for a person."""
    wide = len(way.names)
    gaps = ", with gaps" if getattr(getattr(way, "number", way), "gaps", False) else ""
    detail = "1 or -1"
    if isinstance(way, Number):
        detail = f"centre {way.center:.4g}, scale {way.scale:.4g}"
    elif isinstance(way, Category):
        detail = "one of " + ", ".join(way.values)[:60]
    elif isinstance(way, Coded):
        detail = f"the code of one of {len(way.values):,} values"
    elif isinstance(way, Hashed):
        detail = f"hashed into {way.buckets}"
    elif isinstance(way, Words):
        detail = f"the words {', '.join(way.terms[:6])}, ... and pairs of them"
    elif isinstance(way, Levels):
        detail = "the number, and one of " + ", ".join(map(str, way.values))[:60]
    elif isinstance(way, Pieces):
        detail = f"the number, and {len(way.edges) - 1} pieces of it"
    elif isinstance(way, Presence):
        detail = "1 where there is something, or -1"
    elif isinstance(way, Waves):
        detail = "time and " + ", ".join(way.periods)
    return f"{wide} feature{'s' * (wide != 1)}: {detail}{gaps}"
