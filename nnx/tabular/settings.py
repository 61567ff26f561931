"""The settings of a training on a table: names, types and defaults, in the sections of a configuration file."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import SettingError, unknown

WORDS = (  # what msgspec calls a type, and what a person does
    *(("array", "a list"), ("object", "a table"), ("str", "text")),
    *(("int", "a whole number"), ("float", "a number"), ("bool", "true or false")),
)
LISTS = ("hidden", "drop", "missing", "keep_text")  # settings that one value may be given to
SHARE = 0.1  # of the rows to validate on, of a table in blocks
LONGEST, LARGEST = 1e9, 1e9  # seconds of a training; an amount, in its unit


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table and its parts."""

    path: str | tuple[str, ...] = ""  # a file, or several; a folder, a pattern, - for standard input
    target: str | None = None
    task: str = "auto"  # classification, regression
    test: float = 0.2  # share of the rows kept for the test at the end
    validation: float | None = None  # share of the rest that each network holds out; 0: none
    seed: int | None = None  # of the parts and the encoder; None: training.seed
    drop: tuple[str, ...] = ()  # columns to leave out
    kinds: dict[str, str] = {}  # what columns hold, where it is to be said: {zip = "text"}
    monotone: dict[str, int] = {}  # columns that the prediction rises with, 1, or falls with, -1: {size = 1, age = -1}
    fold_case: bool = False  # text that differs in capitals only is one
    missing_target: str = "drop"  # rows without a target are left out; error: they are refused
    delimiter: str = ""  # this and what follows: how the table is read; what is not said is found out
    encoding: str = ""
    decimal: str = ""
    thousands: str = ""
    header: str = ""  # yes, no
    comment: str = ""
    skip_rows: int | None = None
    skip_footer: int | None = None
    quote: str = ""
    escape: str = ""
    sheet: str = ""
    missing: tuple[str, ...] = ()  # what else stands for a missing cell, beside "", NA, NULL, ?, ...
    keep_text: tuple[str, ...] = ()  # of the usual words for one those that are values
    memory: str = "1GB"  # a larger table is read in blocks and trained from a cache on disk


class Encoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of nnx.TableEncoder."""

    scale: str = "robust"
    max_categories: int = 30
    min_count: int = 3
    buckets: int = 128
    max_words: int = 4096
    levels: bool = True
    bins: int = 16  # pieces of each number at most, where rows suffice; 0: none


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network. What is not given is chosen from the size of the table."""

    hidden: tuple[int, ...] | None = None
    activation: str = "relu"
    dropout: float | None = None


class Optimizer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The optimizer, its rate and schedule."""

    name: str = "adamw"
    rate: float | None = None
    schedule: str = "none"  # none, cosine, one_cycle
    weight_decay: float | None = None  # of adamw and lion; None: their own default
    clip: float = 0.0  # the largest norm of a gradient; 0: none


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Preset, members, loss, epochs, batches, early stopping and checkpoints. None: by the size of the table."""

    preset: str = "default"  # fast, default, best
    metric: str = "auto"  # what early stopping and the recipe follow; auto: the loss
    members: int | None = None  # networks whose mean predicts, each with rows of its own held out
    calibrate: bool = True  # divide a network's logits by the temperature that suits the rows it held out
    loss: str = "auto"
    label_smoothing: float = 0.0
    class_weight: str = "none"  # balanced: each class weighs the same
    epochs: int | None = None
    batch_size: int | None = None
    early_stopping: bool = True
    patience: int | None = None
    average: float = 2.0  # epochs over which the weights that predict are averaged, exponentially; 0: none
    max_time: str = ""  # 90s, 10m, 1h30m
    seed: int = 0
    micro_batches: int | None = None  # parts that each batch is computed in; None: 1, of a network that ranks share 8
    checkpoint_every: int | None = None  # epochs; 0: never; None: after the first epoch that ends 10 s after the last


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Backend, device, types and threads."""

    backend: str = ""  # "": what NNX_BACKEND names, else numpy; several by commas: the first that works
    asked: str = ""  # what `backend` was before it was settled on one that works
    device: str = ""
    dtype: str = "float32"
    precision: str = ""
    threads: int = 0  # of the BLAS; 0: as many as it takes by itself


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a run."""

    data: Data = Data()
    encoder: Encoder = Encoder()
    network: Network = Network()
    optimizer: Optimizer = Optimizer()
    training: Training = Training()
    place: Place = Place()

    @property
    def data_seed(self) -> int:
        """The seed of the parts and the encoder."""
        return self.training.seed if self.data.seed is None else self.data.seed


SECTIONS: dict[str, tuple[str, ...]] = {f.name: f.default.__struct_fields__ for f in msgspec.structs.fields(Config)}


def convert(values: Mapping[str, Any], place: str = "") -> Config:
    """The settings of nested plain data. Raises: SettingError naming one that is of the wrong type."""
    try:
        return msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        text = re.sub(r" - at `\$\.?([^`]*)`", r" in \1", str(error)).replace("`", "").replace(" | null", "")
        for word, name in WORDS:
            text = re.sub(rf"\b{word}\b", name, text)
        raise SettingError(f"{place + ': ' if place else ''}{text}") from None


def check(values: Mapping[str, Any], place: str = "") -> None:
    """Raise SettingError for a section or setting that is not known, with the nearest that is."""
    where = f"{place}: " if place else ""
    for section, settings in values.items():
        if section not in SECTIONS:
            raise SettingError(where + unknown("section", section, list(SECTIONS)))
        if not isinstance(settings, Mapping):
            raise SettingError(f"{where}{section} must be a table of settings: [{section}]")
        for name in settings:
            if name not in SECTIONS[section]:
                raise SettingError(where + unknown(f"setting in [{section}]", name, list(SECTIONS[section])))


def put(values: dict[str, Any], name: str, value: Any, origin: str) -> None:
    """Set one setting, "section.name", of nested plain data. origin: where it came from, for an error."""
    parts = name.split(".")
    if len(parts) < 2 or parts[0] not in SECTIONS:
        near = [f"{s}.{n}" for s, names in SECTIONS.items() for n in names if n == name] or [
            f"{s}.{n}" for s, names in SECTIONS.items() for n in names
        ]
        raise SettingError(f"{origin} {unknown('setting', name, near)}")
    if parts[1] not in SECTIONS[parts[0]] or len(parts) > 2 + (parts[1] in ("kinds", "monotone")):
        near = [f"{parts[0]}.{n}" for n in SECTIONS[parts[0]]]
        raise SettingError(f"{origin} {unknown('setting', name, near)}")
    at = values
    for part in parts[:-1]:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise SettingError(f"{origin} {name}: {part} is {at!r} already, not a table")
    if parts[1] in LISTS and not isinstance(value, (list, tuple)):
        value = [value]
    if isinstance(value, dict):
        at.setdefault(parts[-1], {}).update(value)
    else:
        at[parts[-1]] = value


def share_in_blocks(config: Config) -> float:
    """The share of the rows of a table in blocks that is validated on."""
    return SHARE if config.data.validation is None else config.data.validation


def plain(config: Config) -> dict[str, Any]:
    """The settings as nested plain data, those that are None left out: what config.toml holds."""
    sections: dict[str, dict[str, Any]] = msgspec.to_builtins(config)
    return {name: {k: v for k, v in values.items() if v is not None} for name, values in sections.items()}


def seconds(text: str, name: str = "max_time") -> float:
    """A duration such as 90s, 10m, 1h30m, 45 (seconds), in seconds. Raises: SettingError."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip().lower())
    total = sum(float(n or 0) * unit for n, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else 0.0
    if not 0 < total <= LONGEST:
        raise SettingError(f"{name} must be a duration such as 90s, 10m or 1h30m, got {text!r}")
    return total


def amount(text: str) -> int:
    """An amount of memory such as 400MB or 2GB, in bytes. Raises: SettingError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if not found or not 0 < float(found[1]) <= LARGEST:
        raise SettingError(f"data.memory must be an amount such as 400MB or 2GB, got {text!r}")
    return int(float(found[1]) * 1024.0 ** " kmgt".index(found[2] or " "))
