"""The settings of a training checked, completed for a table, and made into a network, a loss and an optimizer."""

from dataclasses import dataclass, fields, replace as replace_
from typing import Any

from msgspec.structs import replace

from ..contract import Loss, Optimizer
from ..errors import SettingError, require, unknown
from ..layers import activation
from ..layers.monotone import free_share
from ..losses import LOSSES, SoftmaxCrossEntropy
from ..network import mlp, monotone_mlp
from ..optimizers import OPTIMIZERS, ClipNorm
from ..random import check_seed
from ..schedules import Cosine, OneCycle
from ..tables import TASKS, TableEncoder
from ..training import EMA, EarlyStopping
from .monotone import check_signs, places, signed
from .prepare import Prepared, encoder_settings
from .settings import SHARE, Config, amount, plain, seconds
from .table import reading_of

SCHEDULES: dict[str, Any] = {"none": None, "cosine": Cosine, "one_cycle": OneCycle}
LARGEST = 2**31 - 1  # of the whole numbers among the settings but for seeds
DECAYING = ("adamw", "lion")
REGRESSION = ("squared_error", "absolute_error", "huber")  # losses that standardised targets have a meaning for
MOST_THREADS, MOST_MEMBERS = 4096, 1000
LITTLE = 1e-4  # of a log loss
PARTS = 8  # that a batch of one network is computed in where ranks share it, or more
WIDE = 1000  # features from which on a table is wide
PRESETS = ("fast", "default", "best")
MONITORS = {  # figures of the rows held out, by the names of metrics
    "auto": "validation_loss",
    "log_loss": "validation_log_loss",
    "accuracy": "validation_accuracy",
    "balanced_accuracy": "validation_balanced_accuracy",
    "auc": "validation_roc_auc",
    "f1": "validation_f1",
    "rmse": "validation_root_mean_squared_error",
    "mae": "validation_mean_absolute_error",
    "r2": "validation_r2",
}
COUNTED = ("accuracy", "balanced_accuracy", "f1")  # metrics that know few values
METRICS_OF = {
    "classification": ("auto", "log_loss", "accuracy", "balanced_accuracy", "auc", "f1"),
    "regression": ("auto", "rmse", "mae", "r2"),
}
LOSSES_OF = {"regression": ("auto", *REGRESSION), "classification": ("auto", "softmax_cross_entropy")}


def check(config: Config) -> None:
    """Raise SettingError for a setting that is out of its range, before anything is read."""
    data, training, optimizer = config.data, config.training, config.optimizer
    for kind, value, known in (
        ("task", data.task, TASKS),
        ("missing_target", data.missing_target, ("drop", "error")),
        ("optimizer", optimizer.name, OPTIMIZERS),
        ("schedule", optimizer.schedule, SCHEDULES),
        ("loss", training.loss, ("auto", *REGRESSION, "softmax_cross_entropy")),
        ("class_weight", training.class_weight, ("none", "balanced")),
        ("preset", training.preset, PRESETS),
        ("metric", training.metric, MONITORS),
    ):
        if value not in known:
            raise SettingError(unknown(kind, value, list(known)))
    if data.task in LOSSES_OF and training.loss not in LOSSES_OF[data.task]:
        raise SettingError(f"loss {training.loss!r} does not fit a {data.task}; leave it out, or see --task")
    TableEncoder(**encoder_settings(config)).check()
    check_signs(config)
    for name in ("validation", "test"):
        share = getattr(data, name)
        fine = share is None or 0 <= share < 1
        require(fine, f"--{name} must be at least 0 and below 1, got {share}")
    check_seed(training.seed)
    check_seed(config.data_seed)
    activation(config.network.activation)
    if optimizer.weight_decay is not None and optimizer.name not in DECAYING:
        raise SettingError(f"optimizer.weight_decay is for {' and '.join(DECAYING)}, not for {optimizer.name}")
    rate = 1e-3 if optimizer.rate is None else optimizer.rate
    optimizer_of(replace(config, optimizer=replace(optimizer, rate=rate, clip=max(optimizer.clip, 0.0))), 1)
    mlp(config.network.hidden or (1,), 1, dropout=config.network.dropout or 0.0)
    for section, values in plain(config).items():
        for name, value in values.items():
            largest = max(
                (v for v in (value if isinstance(value, (list, tuple)) else [value]) if type(v) is int), default=0
            )
            if name != "seed" and largest > LARGEST:
                raise SettingError(f"{section}.{name} must be at most {LARGEST}, got {largest}")
    for name in ("epochs", "batch_size", "patience", "members"):
        value = getattr(training, name)
        require(value is None or value >= 1, f"{name} must be at least 1, got {value}")
    most = training.members or 1
    require(most <= MOST_MEMBERS, f"members must be at most {MOST_MEMBERS}, got {most}")
    parts = training.micro_batches
    require(parts is None or parts >= 1, f"--micro-batches must be at least 1, got {parts}")
    every = training.checkpoint_every
    require(every is None or every >= 0, f"--checkpoint-every must not be negative, got {every}")
    require(0 <= training.label_smoothing < 1, f"label_smoothing must be in 0 to 1, got {training.label_smoothing}")
    require(0 <= training.average <= 1e6, f"average must be a number of epochs from 0 on, got {training.average}")
    require(optimizer.clip >= 0, f"optimizer.clip must not be negative, got {optimizer.clip}")
    threads = config.place.threads
    require(threads >= 0, f"--threads must not be negative, got {threads}")
    require(threads <= MOST_THREADS, f"--threads must be at most {MOST_THREADS}, got {threads}")
    amount(data.memory)
    if training.max_time:
        seconds(training.max_time)
    reading_of(data)


@dataclass(frozen=True)
class Recipe:
    """The settings chosen from the number of rows."""

    hidden: tuple[int, ...]
    dropout: float
    rate: float
    batch_size: int
    epochs: int
    patience: int
    members: int
    validation: float


def recipe(rows: int, features: int = 0, preset: str = "default") -> Recipe:
    """The settings for a table with so many rows to learn from, encoded as so many features.

    Measured on rows set apart from the training rows of 16 to 25 tables of 158 to 2,400 rows, as ci/recipes does: gains
    are those of the mean skill. Several networks that hold out an eighth each: +0.017 for five over one. A constant
    rate with weights averaged over two epochs, and larger batches: nothing lost, half of the time; a schedule that
    falls over a few epochs lost 0.014, as some tables need a hundred and others five. Pieces of numbers that count for
    nothing at first: +0.005 to +0.009. Up to 1,000 rows, which have few steps in an epoch, a table without noise needs
    smaller batches and more patience (R2 0.91, else 0.88). Above 5,000 rows (three tables) three networks at a higher
    rate took a third to half of the time of five and lost 0.0005. Width, depth and dropout are those found before, one
    network at a time. Half of the networks RealMLPs: +0.014 (standard error 0.008) for four and four over five on
    twelve tables, in 7 times the time; two regressions give nearly all of it. More of the usual kind: +0.001 to +0.002.
    On free text, thousands of features, 1e-3 was past the best weights after the first epoch or two: 3e-4 took the log
    loss of 4,200 tweets from 0.44 to 0.36 and of 2,450 reviews from 0.43 to 0.41.
    """
    sizes = ((1_000, 64, 200), (5_000, 256, 150), (30_000, 256, 100), (100_000, 512, 60), (1_000_000, 1024, 30))
    batch_size, epochs = next(((b, e) for n, b, e in sizes if rows <= n), (1024, 12))
    width = 128 if rows <= 1_000 else 256
    depth = 2 if rows <= 30_000 else 3
    steps = ((1_000, 1e-3, 16, 5), (5_000, 7e-4, 10, 5))
    rate, patience, few = next(((r, p, k) for n, r, p, k in steps if rows <= n), (2e-3, 6, 3))
    rate = 3e-4 if features > WIDE else rate
    members = {"fast": 2, "default": few, "best": 8}[preset]
    return Recipe((width,) * depth, 0.1, rate, batch_size, epochs, patience, members, 0.125)


def settled(config: Config, prepared: Prepared, ranks: int = 1) -> Config:
    """The settings with what was left to the size of the table, and to its target, filled in.

    ranks: how many train together.
    """
    task = prepared.target.task
    network, optimizer, training = config.network, config.optimizer, config.training
    if training.metric not in METRICS_OF[task]:
        raise SettingError(f"metric {training.metric!r} is none of a {task}: {', '.join(METRICS_OF[task])}")
    chosen = recipe(prepared.sizes[0], prepared.encoder.width, training.preset)
    if prepared.in_blocks:
        chosen = replace_(chosen, members=1, validation=SHARE)
        require(training.members in (None, 1), f"members = {training.members}: a table read in blocks trains one")
    loss = training.loss
    if loss == "auto":
        values = "absolute_error" if training.metric == "mae" else "squared_error"
        loss = "softmax_cross_entropy" if prepared.target.classes else values
    if loss not in LOSSES_OF[task]:
        raise SettingError(f"loss {loss!r} does not fit a {task}; leave it out, or see --task")
    data = _filled(config.data, chosen)
    validated = prepared.validation is not None or data.validation > 0
    stopping = training.early_stopping and validated
    training = _filled(training, chosen)
    parts = training.micro_batches
    if parts is None:
        parts = max(PARTS, 1 << (ranks - 1).bit_length()) if ranks > 1 and training.members == 1 else 1
    return replace(
        config,
        data=replace(data, task=task, target=prepared.target.name),
        network=_filled(network, chosen),
        optimizer=_filled(optimizer, chosen),
        training=replace(training, loss=loss, early_stopping=stopping, micro_batches=parts),
    )


def _filled(section: Any, chosen: Recipe) -> Any:
    """A section with the settings that are None taken from the recipe."""
    own = {f.name: getattr(chosen, f.name) for f in fields(chosen) if f.name in section.__struct_fields__}
    return replace(section, **{name: value for name, value in own.items() if getattr(section, name) is None})


def network(config: Config, prepared: Prepared) -> Any:
    """The network of the settings."""
    n, outputs = config.network, len(prepared.target.classes) or 1
    rising, falling = places(config.data.monotone, prepared.encoder)
    if rising or falling:
        settings: dict[str, Any] = {"activation": n.activation, "dropout": n.dropout or 0.0}
        columns = [column.name for column in prepared.encoder.columns_]  # of the table, however wide each is encoded
        free = free_share(sum(name not in signed(config.data.monotone) for name in columns), len(columns))
        apart = outputs - 1  # of two logits the first sees the other columns alone
        return monotone_mlp(
            n.hidden or (), outputs, rising=rising, falling=falling, free=free, free_outputs=apart, **settings
        )
    return mlp(n.hidden or (), outputs, activation=n.activation, dropout=n.dropout or 0.0)


def average_of(config: Config, steps: int) -> EMA | None:
    """The average of the weights, of so many updates in an epoch."""
    epochs = config.training.average
    return EMA(max(1 - 1 / (epochs * steps), 0.5)) if epochs else None


def monitor_of(config: Config) -> str:
    """The figure that early stopping follows."""
    return MONITORS[config.training.metric]


def stopping_of(config: Config) -> EarlyStopping:
    """When a network stops: a log loss that falls towards 0 by less than LITTLE has fallen. Of epochs with as many rows
    right the last is kept: where one class is rare, all rows are taken for the other for many epochs."""
    monitor = monitor_of(config)
    loss = config.training.loss == "softmax_cross_entropy" and monitor.endswith("loss")
    counted = config.training.metric in COUNTED
    return EarlyStopping(
        config.training.patience or 1, monitor, LITTLE if loss else 0.0, ties="last" if counted else "first"
    )


def metrics_of(config: Config, prepared: Prepared) -> list[str]:
    """The metrics measured on the rows held out after each epoch: the usual one, and the one that is followed."""
    usual = "accuracy" if prepared.target.classes else "r2"
    followed = monitor_of(config).removeprefix("validation_")
    return list(dict.fromkeys([usual, followed])) if followed != "loss" else [usual]


def loss_of(config: Config, prepared: Prepared) -> Loss:
    """The loss of the settings."""
    t = config.training
    if not prepared.target.classes:
        return LOSSES[t.loss]()
    if t.class_weight == "none":
        return SoftmaxCrossEntropy(label_smoothing=t.label_smoothing)
    n, k = sum(prepared.counts), len(prepared.counts)
    weights = tuple(n / (k * max(count, 1)) for count in prepared.counts)
    return SoftmaxCrossEntropy(label_smoothing=t.label_smoothing, class_weight=weights)


def optimizer_of(config: Config, steps: int) -> Optimizer:
    """The optimizer of the settings, its schedule over so many steps."""
    o = config.optimizer
    schedule = SCHEDULES[o.schedule]
    own = {} if o.weight_decay is None else {"weight_decay": o.weight_decay}
    rule: Optimizer = OPTIMIZERS[o.name](rate=o.rate, schedule=None if schedule is None else schedule(), **own)
    rule = rule.over(steps)
    return ClipNorm(rule, norm=o.clip) if o.clip else rule
