"""`nnx train`: a table in, a run folder out."""

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from .. import __version__
from ..backends import Backend, backend, numpy as host
from ..errors import DataError, SettingError, TrainingError, require, unknown
from ..layers import activation
from ..losses import SoftmaxCrossEntropy, SquaredError
from ..network import mlp
from ..optimizers import OPTIMIZERS
from ..random import check_seed
from ..training import EarlyStopping, Fit, Report, fit, split
from ..training.interrupt import Interrupt
from ..training.progress import progress
from .run import Scaling, class_names, json_line, new_folder, regression_scores, write
from .tables import TASKS, Table, read


@dataclass(frozen=True)
class Options:
    """The options of `nnx train`, as they are written into the run's configuration."""

    data: str
    target: str | None
    task: str
    hidden: tuple[int, ...]
    activation: str
    dropout: float
    optimizer: str
    rate: float
    epochs: int
    batch_size: int
    validation: float
    test: float
    early_stopping: bool
    patience: int
    seed: int
    backend: str
    device: str
    dtype: str
    precision: str


@dataclass
class Prepared:
    """Scaled rows in three parts, and how to get back."""

    parts: dict[str, tuple[Any, Any]]  # "train", "validation", "test": x scaled, y as the loss wants it
    scaling: Scaling
    target_scaling: Scaling | None
    classes: list[str]
    raw_test: Any  # the target of the test rows as it was read


def train(options: Options, out: str | None, *, json: bool, quiet: bool) -> int:
    """Train, test, and write the run folder. Returns the exit code."""
    human = sys.stderr if json or quiet else sys.stdout

    def say(*lines: str) -> None:
        if not quiet:
            print(*lines, sep="\n", file=human, flush=True)

    _check(options)
    chosen = open_backend(options.backend, options.device, options.dtype, options.precision)
    table = read(options.data, options.target, classes=options.task == "classification")
    task = table.task(options.task)
    prepared = prepare(table, task, options)
    rows = {name: len(x) for name, (x, _) in prepared.parts.items()}
    outputs = len(prepared.classes) or 1
    with new_folder(out, table.name) as folder:
        if chosen.why:
            say(chosen.why)
        say(
            f"{table.name}: {sum(rows.values())} rows ({', '.join(f'{n} {k}' for k, n in rows.items() if n)}), "
            f"{len(table.features)} features, {task}" + (f" into {outputs} classes" if prepared.classes else ""),
            f"network {'-'.join(map(str, (len(table.features), *options.hidden, outputs)))} {options.activation}, "
            f"{options.optimizer} at {options.rate:g}, backend {chosen}",
        )
        if task == "regression" and _few_whole_numbers(table.labels):
            say(f"note: {table.target!r} has few distinct whole numbers; if they are classes: --task classification")
        if outputs > max(20, sum(rows.values()) // 4):
            say(f"note: {table.target!r} has {outputs} classes in {sum(rows.values())} rows; is it a quantity?")
        try:
            result = _fit(options, prepared, outputs, chosen, json=json, quiet=quiet, human=human)
        except TrainingError as error:
            if error.fit.best_epoch == 0:
                raise
            result = error.fit
            print(f"nnx: {error}", file=sys.stderr)
        code = {"interrupted": 130, "not finite": 1}.get(result.stopped, 0)
        about = {"task": task, "classes": prepared.classes, "features": table.features, "target": table.target}
        config = {"nnx": __version__, "options": {k: v for k, v in asdict(options).items() if v is not None}}
        config["training"] = {"best_epoch": result.best_epoch, "stopped": result.stopped, "backend": str(chosen)}
        with Interrupt():  # what is trained is written whole
            for remark in write(folder, result, prepared.scaling, prepared.target_scaling, about, config):
                say(remark)
            scores = _test_scores(result, prepared)
    if scores:
        say("  ".join(f"test {name.replace('_', ' ')} {value:.4f}" for name, value in scores.items()))
    say(f"saved in {folder}" + (" (interrupted)" if code == 130 else ""))
    if json:
        last = {"epochs": len(result.history["epoch"]), "best_epoch": result.best_epoch, "stopped": result.stopped}
        print(json_line(last | {f"test_{k}": v for k, v in scores.items()} | {"run": str(folder)}), flush=True)
    return code


def open_backend(name: str, device: str, dtype: str, precision: str = "") -> Backend:
    """The backend that the options --backend, --device, --dtype and --precision name."""
    if device and (":" in name or name == "auto"):
        raise SettingError(f"--device {device} beside --backend {name}: say the device once")
    return backend(f"{name}:{device}" if device else name, dtype, precision)


def _check(options: Options) -> None:
    if options.task not in TASKS:
        raise SettingError(unknown("task", options.task, list(TASKS)))
    if options.optimizer not in OPTIMIZERS:
        raise SettingError(unknown("optimizer", options.optimizer, list(OPTIMIZERS)))
    for name in ("validation", "test"):
        if not 0 <= getattr(options, name) < 1:
            raise SettingError(f"--{name} must be at least 0 and below 1, got {getattr(options, name)}")
    check_seed(options.seed)
    activation(options.activation)
    OPTIMIZERS[options.optimizer](rate=options.rate)
    mlp(options.hidden, 1, dropout=options.dropout)
    for name in ("epochs", "batch_size", "patience"):
        require(getattr(options, name) >= 1, f"{name} must be at least 1, got {getattr(options, name)}")
    if options.early_stopping and not options.validation:
        raise SettingError("--early-stopping needs validation rows: give --validation 0.1")


def prepare(table: Table, task: str, options: Options) -> Prepared:
    """Split the rows (each class in proportion), scale by the training rows, number the classes."""
    xp, y = host.namespace(), table.labels
    if task == "classification":
        classes, labels = xp.unique(class_names(y), return_inverse=True)
        if all(re.fullmatch("-?[0-9]{1,18}", c) for c in classes):  # 10 after 9, not after 1
            order = sorted(range(len(classes)), key=lambda i: int(classes[i]))
            classes, labels = classes[order], xp.argsort(xp.asarray(order))[labels]
        if len(classes) < 2:
            raise DataError(f"the target {table.target!r} has one class, {str(classes[0])!r}: nothing to learn")
    else:
        if y.dtype.kind not in "fiub":
            raise DataError(f"the target {table.target!r} holds text: regression needs numbers")
        classes, labels = xp.asarray([]), None
        if not xp.isfinite(y).all():
            raise DataError(f"the target {table.target!r} is not finite in some rows")
    everything = xp.arange(len(table.x))
    rest, test = _split(everything, options.test, options.seed, labels, "test")
    train_rows, validation = _split(rest, options.validation, options.seed, labels, "validation")
    scaling = Scaling.of(table.x[train_rows])
    target_scaling = None
    if labels is None:
        target_scaling = Scaling.of(host.put(y, "float64", None)[train_rows])
        labels = target_scaling(y)
    numbered = {"train": train_rows, "validation": validation, "test": test}
    parts = {name: (scaling(table.x[rows]), labels[rows]) for name, rows in numbered.items()}
    return Prepared(parts, scaling, target_scaling, [str(c) for c in classes], y[test])


def _split(rows: Any, fraction: float, seed: int, labels: Any, purpose: str) -> tuple[Any, Any]:
    if fraction == 0:
        return rows, rows[:0]
    kept, held = split(len(rows), fraction, seed, None if labels is None else labels[rows], purpose)
    return rows[kept], rows[held]


def _fit(
    options: Options,
    prepared: Prepared,
    outputs: int,
    chosen: Backend,
    *,
    json: bool,
    quiet: bool,
    human: TextIO,
) -> Fit:
    classes = bool(prepared.classes)
    held = prepared.parts["validation"]

    def as_json(report: Report) -> None:
        if json:
            print(json_line({"epoch": report.epoch, **report.figures}), flush=True)

    with progress(options.epochs, not quiet, human) as show:
        callbacks: Sequence[Any] = [as_json, show]
        return fit(
            mlp(options.hidden, outputs, activation=options.activation, dropout=options.dropout),
            *prepared.parts["train"],
            loss=SoftmaxCrossEntropy() if classes else SquaredError(),
            optimizer=OPTIMIZERS[options.optimizer](rate=options.rate),
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=held if len(held[0]) else None,
            metrics=["accuracy" if classes else "r2"] if len(held[0]) else [],
            early_stopping=EarlyStopping(options.patience) if options.early_stopping else None,
            callbacks=callbacks,
            seed=options.seed,
            backend=chosen,
        )


def _test_scores(result: Fit, prepared: Prepared) -> dict[str, float]:
    x, y = prepared.parts["test"]
    if len(x) == 0:
        return {}
    z = result.backend.to_numpy(result.output(x))
    if prepared.target_scaling is None:
        return {"accuracy": float((z.argmax(axis=1) == y).mean())}
    return regression_scores(prepared.target_scaling.back(z[:, 0]), prepared.raw_test)


def _few_whole_numbers(y: Any) -> bool:
    return bool((y == y.round()).all()) and len(host.namespace().unique(y)) <= 10
