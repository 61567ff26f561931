"""From a table to what is trained on: kinds of columns, target, parts, encoder, and the encoded rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, require
from ..random import words
from ..tables import Source, TableEncoder, Target, cells, check_target
from ..tables.encoding.target import left_out, look, make_target, task_of
from ..training import split
from ..training.parallel import Ranks
from .blocks import Blocks, Writer
from .cache import PARTS, Cache
from .folds import Fold, splits
from .frames import Frame
from .given import Given
from .leaks import leaks
from .loaded import loaded
from .monotone import check_columns, signed
from .notes import balance, gaps_that_are_values, spellings
from .settings import Config, amount, share_in_blocks
from .table import columns_of, opened, reading_of, unused

TRAIN, VALIDATION, TEST, LEFT_OUT = 0, 1, 2, 3  # the first three are numbers of PARTS
COPIES = 3  # of the encoded rows there are for a while
HELD = 50_000  # rows of a table in blocks that are held out at most, for validation and for the test


@dataclass
class Prepared:
    """A table ready to train on.

    `train` has the rows to learn from: arrays (x, y) on the host, of which `folds` says what each network is trained on
    and which it validates on; or Blocks, of a table too large for that. `validation` has rows beside these that all
    networks validate on, where there are such.
    """

    source: Source
    kinds: dict[str, str]
    encoder: TableEncoder
    target: Target
    sizes: tuple[int, int, int]  # rows to learn from, to validate on beside these, to test on
    notes: list[str]
    in_blocks: bool = False
    train: Any = None
    validation: tuple[Any, ...] | None = None
    test: tuple[Any, Any] | None = None
    counts: list[int] = field(default_factory=list)  # rows of each class that are learned from
    weight: Any = None  # (rows,) of those in `train`
    groups: Any = None  # (rows,) rows of one group are never trained on and validated on by one network
    folds: list[Fold] = field(default_factory=list)

    @property
    def rows(self) -> tuple[int, int, int]:
        """The rows that a network is trained on, those that it validates on, and those of the test."""
        if not self.folds or self.folds[0].held is None:
            return self.sizes
        first = self.folds[0]
        return len(first.rows), len(first.held), self.sizes[2]

    @property
    def labels(self) -> Any:
        """The class number of each row in `train`, or None."""
        return self.train[1] if self.target.classes and not self.in_blocks and self.train is not None else None


def prepare(
    config: Config,
    say: Callable[[str], None],
    *,
    given: Given | None = None,
    encode: bool = True,
    in_memory: bool = False,
    ranks: Ranks | None = None,
) -> Prepared:
    """Read the table, find what its columns hold, part its rows, learn the encoder, and encode.

    The encoder and the scale of the target never see test rows. encode: False stops before the rows are encoded.
    in_memory: a table that is larger than data.memory is refused, not read in blocks.
    ranks: processes that all read the table; the first writes the cache on disk, where there is to be one.
    Raises: DataError, SettingError.
    """
    data = config.data
    limit = amount(data.memory)
    source = opened(data) if given is None else given.source
    name = check_target(source, data.target)
    asked = dict.fromkeys(columns_of(data.drop, source.columns, "--drop"), "drop")
    require(name not in asked, f"the target {name!r} is dropped")
    asked |= data.kinds
    scan = source.scan(asked)
    in_blocks = source.size > limit and given is None
    if in_blocks:
        _refuse(in_memory, source.name, data.memory)
        if scan.rows > limit:
            what = f"a byte for each of the {scan.rows:,} rows of {source.name}"
            raise DataError(f"{what} is more than data.memory = {data.memory}: give a larger --memory, or fewer rows")
        say(f"{source.name} is larger than data.memory = {data.memory}: it is read in blocks")
    seen = look(source, name, scan.kinds[name])
    task, note = task_of(seen, data.task, source.place)
    notes = [*unused(source, reading_of(data).to_data()), *scan.notes, note]
    if seen.there is not None:
        notes.append(left_out(source, name, seen.without, int(seen.there.argmin())))
        if data.missing_target == "error":
            raise DataError(f"{notes[-1].removesuffix(': left out')}: fill them, or --missing-target drop")
    kinds = {column: kind for column, kind in scan.kinds.items() if column != name}
    if not any(kind != "drop" for kind in kinds.values()):
        raise DataError(f"{source.place}: no column besides the target {name!r}")
    if not in_blocks:
        source = loaded(source, {**kinds, name: seen.kind if task == "regression" else seen.text_kind})
    target = make_target(seen, task, source.place, fold=data.fold_case)
    labels = None if in_blocks or not target.classes else targets(source, target)
    roles = _roles(config, scan.rows, labels, seen.there, in_blocks)
    if given is not None:
        given.check(scan.rows)
        if given.weight is not None:
            roles[given.weight == 0] = LEFT_OUT
    if not target.classes:
        where = f"in all {int((roles == TRAIN).sum())} rows to train on"
        target = make_target(look(source, name, seen.kind, roles == TRAIN), task, source.place, where)
    check_columns(data.monotone, kinds, target)
    encoder = TableEncoder(**encoder_settings(config), kinds=asked, seed=config.data_seed)
    encoder.learn(source, kinds, roles == TRAIN, list(signed(data.monotone)))
    notes += [*(f"{reason}; it is left out" for reason in encoder.dropped_.values()), *encoder.notes_]
    notes += gaps_that_are_values(encoder) if isinstance(source, Frame) else []
    notes += [*spellings(target), *leaks(source, encoder, target, roles == TRAIN)]
    prepared = Prepared(source, kinds, encoder, target, _counts(roles), notes)
    if labels is not None:
        prepared.counts = _counted(labels[roles == TRAIN], target)
    if given is not None:
        prepared.weight, prepared.groups = (
            None if a is None else a[roles == TRAIN] for a in (given.weights(labels, target.classes), given.groups)
        )
        if given.validation is not None:
            prepared.validation = _beside(prepared, given, given.validation)
            prepared.sizes = prepared.sizes[0], len(prepared.validation[0]), prepared.sizes[2]
    too_large = scan.rows * encoder.width * 4 * COPIES > limit and given is None
    prepared.in_blocks = in_blocks or too_large
    if too_large and not in_blocks:
        _set_apart(roles, VALIDATION, share_in_blocks(config), config.data_seed, labels)
        prepared.sizes = _counts(roles)
    if encode:
        _refuse(in_memory and too_large, f"{source.name}, encoded as {encoder.width} features,", data.memory)
        _encode(prepared, roles, config, say, ranks or Ranks())
    notes += balance(target, prepared.counts, weighted=config.training.class_weight != "none")
    prepared.notes = list(dict.fromkeys(filter(None, notes)))
    return prepared


def fold(prepared: Prepared, config: Config) -> None:
    """Give each network its rows to train on and to validate on."""
    n, t = prepared.sizes[0], config.training
    if prepared.in_blocks:
        return
    share = 0.0 if prepared.validation is not None else config.data.validation or 0.0
    prepared.folds = splits(n, t.members or 1, share, config.data_seed, prepared.labels, prepared.groups)


def _beside(prepared: Prepared, given: Given, source: Source) -> tuple[Any, ...]:
    """The encoded rows and targets of another source of the same columns, and their weights where there are some."""
    y, classes = targets(source, prepared.target), prepared.target.classes
    if classes and (y < 0).any():
        raise DataError(f"a row to validate on is of no class that is trained on: these are {', '.join(classes[:5])}")
    x, weight = prepared.encoder.encode(source), given.of_classes(y if classes else None, classes)
    return (x, y) if weight is None else (x, y, weight)


def _refuse(refused: bool, what: str, limit: str) -> None:
    if refused:
        raise DataError(
            f"{what} is larger than data.memory = {limit}: a search needs it in memory; give a larger --memory, "
            "or fewer rows"
        )


def encoder_settings(config: Config) -> dict[str, Any]:
    """The settings of the encoder as nnx.TableEncoder takes them."""
    e = config.encoder
    return {name: getattr(e, name) for name in e.__struct_fields__} | {"fold_case": config.data.fold_case}


def _counted(labels: Any, target: Target) -> list[int]:
    """The number of rows of each class."""
    return [int(n) for n in host.namespace().bincount(labels, minlength=len(target.classes))]


def _roles(config: Config, rows: int, labels: Any, there: Any, in_blocks: bool) -> Any:
    """Of each row whether it is trained on, validated on, tested on or, without a target, left out: uint8 (rows,)."""
    roles = _drawn(config, rows) if in_blocks else host.namespace().zeros(rows, dtype="uint8")
    if there is not None:
        roles[~there] = LEFT_OUT
    if not in_blocks:
        _set_apart(roles, TEST, config.data.test, config.data_seed, labels)
    return roles


def _drawn(config: Config, rows: int) -> Any:
    """The roles of the rows of a table in blocks, each drawn by itself."""
    xp, roles = host.namespace(), host.namespace().zeros(rows, dtype="uint8")
    tested = min(config.data.test, HELD / rows)
    validated = tested + min(share_in_blocks(config) * (1 - config.data.test), HELD / rows)
    for start in range(0, rows, 1 << 20):
        stop = min(start + (1 << 20), rows)
        u = host.uniform(words(config.data_seed, "roles", stop - start, start >> 20))
        roles[start:stop] = xp.where(u < tested, TEST, xp.where(u < validated, VALIDATION, TRAIN))
    return roles


def _counts(roles: Any) -> tuple[int, int, int]:
    """The rows to learn from, to validate on, to test on."""
    train, validation, test = (int((roles == role).sum()) for role in (TRAIN, VALIDATION, TEST))
    return train, validation, test


def _set_apart(roles: Any, role: int, share: float, seed: int, labels: Any) -> None:
    """Give this share of the rows to train on another role; of classes each as large a share."""
    rest = (roles == TRAIN).nonzero()[0]
    if share:
        _, held = split(len(rest), share, seed, None if labels is None else labels[rest], PARTS[role])
        roles[rest[held]] = role


def _encode(prepared: Prepared, roles: Any, config: Config, say: Callable[[str], None], ranks: Ranks) -> None:
    """Encode the rows into arrays, or the training rows into a cache on disk."""
    source, encoder, target = prepared.source, prepared.encoder, prepared.target
    if prepared.in_blocks:
        cache = Cache.of(config, source, encoder, target, prepared.rows)

        def fill() -> None:
            if cache.there:
                say(f"encoded rows taken from the cache {cache.folder}")
                return
            with cache.filling() as write:
                _pass(prepared, roles, write)
            say(f"encoded rows in the cache {cache.folder}: {cache.bytes / 2**20:,.0f} MiB")

        ranks.first(fill, long=True)
        if not ranks.is_first:
            fill()  # on another machine, whose cache is another one
        memory = amount(config.data.memory) // 16
        cache.use()
        prepared.train = Blocks(cache.part(TRAIN), encoder.spread, config.training.seed, memory)
        wholes = (cache.part(role).whole() for role in (VALIDATION, TEST))
        prepared.validation, prepared.test = (_some((encoder.spread(x), y)) for x, y in wholes)
        prepared.counts = cache.counts
        return
    x, y = encoder.encode(source), targets(source, target)
    prepared.train, test = ((x[roles == role], y[roles == role]) for role in (TRAIN, TEST))
    prepared.test = _some(test)


def _pass(prepared: Prepared, roles: Any, write: Writer) -> None:
    """Write every row, encoded, to the part of its role."""
    source, target, first = prepared.source, prepared.target, 0
    for batch, x in prepared.encoder.blocks(source, [target.name], compact=True):
        y = _target(source, target, batch, first)
        own = roles[first : first + len(y)]
        for role in (TRAIN, VALIDATION, TEST):
            write(role, x[own == role], y[own == role])
        first += len(y)


def _target(source: Source, target: Target, batch: Any, first: int) -> Any:
    y = target.encode(cells(source, batch, target.name, target.kind, first))
    return y if target.classes else y.astype("float32")


def targets(source: Source, target: Target) -> Any:
    """The encoded target of each row: class numbers (-1: none of them), or standardised values."""
    parts, first = [], 0
    for batch in source.batches([target.name]):
        parts.append(_target(source, target, batch, first))
        first += batch.num_rows
    return host.namespace().concat(parts)


def _some(part: tuple[Any, Any]) -> tuple[Any, Any] | None:
    return part if len(part[0]) else None
