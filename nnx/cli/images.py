"""`nnx train` for images: an NPZ file or a folder in, a run folder out."""

import json
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from msgspec.structs import replace as changed

from ..backends import Backend, numpy as host
from ..errors import DataError, NNXError, SettingError
from ..files import save, write_whole
from ..images import Images, open_images
from ..layers import Chain, RandomShift, Rescale, Reshape
from ..losses import LOSSES, SoftmaxCrossEntropy
from ..network import cnn
from ..tables import Target
from ..tables.encoding.target import in_order
from ..tabular.recipe import average_of, check, optimizer_of, stopping_of
from ..tabular.settings import Config, plain, seconds
from ..tabular.table import name_of
from ..tabular.training import time_limit
from ..training import Fit, Report, fit
from ..training.data import split
from ..training.interrupt import Interrupt
from ..training.progress import progress
from . import folder as run_folder
from .claim import new_folder
from .image_run import labels, numbers
from .place import placed
from .run import evaluation, json_line
from .train import Outcome, end, logs, threads
from .voice import Voice

APPLY = {  # the settings of a table that images have too, by their sections
    "data": ("path", "task", "test", "validation", "seed"),
    "network": ("hidden", "activation", "dropout"),
    "optimizer": ("name", "rate", "schedule", "weight_decay", "clip"),
    "training": (
        *("loss", "label_smoothing", "epochs", "batch_size", "early_stopping", "patience", "average"),
        *("max_time", "seed", "micro_batches"),
    ),
    "place": ("backend", "asked", "device", "dtype", "precision", "threads"),
}
SIZES = ((1_000, 32, 60), (5_000, 64, 40), (20_000, 128, 20), (10**12, 128, 10))  # images, batch, epochs
STAGES = ((16, (32, 64)), (64, (32, 64, 128)), (10**12, (32, 64, 128, 256)))  # the shorter side, channels


class Prepared(NamedTuple):
    """Images ready to train on: targets are class numbers, or standardised values."""

    images: Images
    target: Target
    train: tuple[Any, Any]
    test: tuple[Any, Any] | None


def train(config: Config, out: str | None, say: Voice, *, force: bool = False, dry_run: bool = False) -> int:
    """Train a convolutional network, test it, and write the run folder. Returns the exit code."""
    started = monotonic()
    check(config)
    applies(config)
    config, chosen = placed(config)
    prepared = prepare(config, open_images(str(config.data.path)))
    config = settled(config, prepared)
    net, (n, *row) = network(config, prepared), prepared.train[0].shape
    tested = 0 if prepared.test is None else len(prepared.test[0])
    into = f" into {len(prepared.target.classes)} classes" if prepared.target.classes else ""
    say(
        f"{name_of(config.data.path)}: {n} images of {' x '.join(map(str, row))} to train on and validate, "
        f"{tested} to test, {prepared.target.task}{into}",
        f"network cnn {'-'.join(map(str, config.network.hidden or ()))} {config.network.activation}, "
        f"{config.optimizer.name} at {config.optimizer.rate:g}, batches of {config.training.batch_size}, "
        f"at most {config.training.epochs} epochs, backend {chosen}",
    )
    if chosen.why:
        say(chosen.why)
    if dry_run:
        return 0
    with new_folder(out, name_of(config.data.path), force=force) as path:
        with threads(config.place.threads):
            result = run(config, prepared, net, chosen, path, say, started)
        with Interrupt(told=False):  # what is trained is written whole
            outcome = written(path, config, prepared, chosen, result, say)
        path = Path(out) if out else path
    return end(path, outcome, say)


def applies(config: Config) -> None:
    """Raise SettingError for a setting that has no meaning for images."""
    default = plain(Config())
    for section, values in plain(config).items():
        for name, value in values.items():
            if name not in APPLY.get(section, ()) and value != default[section].get(name):
                raise SettingError(f"{section}.{name} is of tables, and DATA are images: leave it out")
    if not isinstance(config.data.path, str):
        raise SettingError(f"images come from one NPZ file or one folder, got {len(config.data.path)} names")


def prepare(config: Config, images: Images) -> Prepared:
    """The target, and the images to train on and to test. Raises: DataError."""
    y, name = labels(images), "class" if images.files else "y"
    values = y.dtype.kind == "f" or config.data.task == "regression"
    if config.data.task == "classification" or not values:
        names = in_order([str(value) for value in host.namespace().unique(y).tolist()])
        if len(names) < 2:
            raise DataError(f"{images.place}: one class, {names[0][:30]!r}: nothing to learn")
        target = Target(name, names)
    else:
        if y.dtype.kind == "U":
            raise DataError(f"{images.place}: the labels are text: regression needs numbers")
        mean, scale = float(y.mean(dtype="float64")), float(y.std(dtype="float64"))
        if not scale > 0:
            raise DataError(f"{images.place}: y is {mean:g} everywhere: nothing to learn")
        target = Target(name, (), mean, scale)
    x, y, test = images.x, numbers(target, y, images.place), images.test
    if test is not None:
        return Prepared(images, target, (x, y), (test[0], numbers(target, test[1], images.place)))
    if config.data.test == 0:
        return Prepared(images, target, (x, y), None)
    rows, held = split(len(x), config.data.test, config.data_seed, y if target.classes else None, "test")
    return Prepared(images, target, (x[rows], y[rows]), (x[held], y[held]))


def settled(config: Config, prepared: Prepared) -> Config:
    """The settings with what was left open filled in, from the number and size of the images."""
    x, _ = prepared.train
    side = min(x.shape[1:3])
    if side < 2:
        raise DataError(f"{prepared.images.place}: images of {x.shape[1]} x {x.shape[2]}: at least 2 x 2 are needed")
    batch, epochs = next((b, e) for n, b, e in SIZES if len(x) <= n)
    units = next(u for most, u in STAGES if side < most)
    task, t, o = prepared.target.task, config.training, config.optimizer
    loss = t.loss
    if loss == "auto":
        loss = "softmax_cross_entropy" if prepared.target.classes else "squared_error"
    if (loss == "softmax_cross_entropy") != bool(prepared.target.classes):
        raise SettingError(f"loss {loss!r} does not fit a {task}; leave it out, or see --task")
    validation = 0.1 if config.data.validation is None else config.data.validation
    own = {"epochs": t.epochs or epochs, "batch_size": t.batch_size or batch, "patience": t.patience or 8}
    n = config.network
    return changed(
        config,
        data=changed(config.data, task=task, target=prepared.target.name, validation=validation),
        network=changed(n, hidden=n.hidden or units, dropout=0.0 if n.dropout is None else n.dropout),
        optimizer=changed(o, rate=2e-3 if o.rate is None else o.rate),
        training=changed(t, loss=loss, early_stopping=t.early_stopping and validation > 0, **own),
    )


def network(config: Config, prepared: Prepared) -> Chain:
    """The network of the settings, for images as the file has them."""
    x, n = prepared.train[0], config.network
    front: list[Any] = [] if x.ndim == 4 else [Reshape((*x.shape[1:], 1), axes=2)]
    if x.dtype.kind == "f":
        deviation = float(x.std(dtype="float64")) or 1.0  # in float16 it would be infinite
        front.append(Rescale(1 / deviation, -float(x.mean(dtype="float64")) / deviation))
    elif x.dtype.kind != "b":
        front.append(Rescale(1 / max(float(x.max()), 255.0)))
    if pixels := min(x.shape[1:3]) // 14:
        front.append(RandomShift(pixels))
    outputs = len(prepared.target.classes) or 1
    return Chain(*front, cnn(n.hidden or (), outputs, activation=n.activation, dropout=n.dropout or 0.0))


def run(config: Config, prepared: Prepared, net: Chain, chosen: Backend, path: Path, say: Voice, started: float) -> Fit:
    """The training."""
    t, (x, y) = config.training, prepared.train
    size, share = t.batch_size or 1, config.data.validation or 0.0
    steps = max(round(len(x) * (1 - share)) // size, 1)
    loss: Any = LOSSES[t.loss]() if not prepared.target.classes else SoftmaxCrossEntropy(t.label_smoothing)

    def watch(report: Report) -> bool:
        if say.json:
            print(json_line({"epoch": report.epoch, **report.figures}), flush=True)
        return outer.seen or over()  # before fit could see it

    with (
        Interrupt(told=True) as outer,
        time_limit(started + seconds(t.max_time) if t.max_time else None) as over,
        progress(t.epochs or 1, not say.quiet, say.stream) as show,
    ):
        found = fit(
            net,
            x,
            y,
            loss=loss,
            optimizer=optimizer_of(config, steps * (t.epochs or 1)),
            epochs=t.epochs or 1,
            batch_size=size,
            validation=share or None,
            early_stopping=stopping_of(config) if t.early_stopping else None,
            metrics=["accuracy" if prepared.target.classes else "r2"] if share else [],
            average=average_of(config, steps),
            callbacks=[watch, *logs(path, {}), show],
            micro_batches=t.micro_batches or 1,
            seed=t.seed,
            backend=chosen,
        )
        word = "time" if over() else "interrupted"
    return replace(found, stopped=word) if found.stopped in ("interrupted", "callback") else found


def written(path: Path, config: Config, prepared: Prepared, chosen: Backend, result: Fit, say: Voice) -> Outcome:
    """Test what was trained, and write all files of the run."""
    import tomli_w

    target, images, row = prepared.target, prepared.images, tuple(prepared.train[0].shape[1:])
    about = {"images": {"row": list(row)}, "best_epoch": result.best_epoch}
    save(path / run_folder.BEST, result.net, result.params, loss=result.loss, about=about, target=target, row=row)
    tested = None
    if prepared.test is not None:
        x, y = prepared.test
        tested = evaluation(target, y, result.backend.to_numpy(result.predict(x)))
    facts: dict[str, Any] = {
        "data": f"{name_of(config.data.path)}, {len(images.x)} images of {' x '.join(map(str, row))}",
        "predicted": f"{target.name} ({target.task})",
        "network": f"cnn {'-'.join(map(str, config.network.hidden or ()))}",
        "optimizer": f"{config.optimizer.name} at {config.optimizer.rate:g}",
        "epochs": f"{len(result.history.get('epoch', ()))}, best {result.best_epoch}, ended by {result.stopped}",
        "backend": f"{chosen}",
    }
    scores = dict(tested.scores) if tested else {}
    kind = {"library_name": "nnx", "task": target.task, "classes": list(target.classes), "row": list(row)}
    write_whole(path / run_folder.DATA, (json.dumps(kind, indent=2, ensure_ascii=False) + "\n").encode())
    environment = json.dumps(run_folder.environment(chosen), indent=2, ensure_ascii=False)
    write_whole(path / run_folder.ENVIRONMENT, (environment + "\n").encode())
    write_whole(path / run_folder.CARD, run_folder.image_card(path.name, target, facts, scores).encode())
    values = plain(config)
    values["result"] = {"best_epoch": result.best_epoch, "stopped": result.stopped, "execution": result.execution}
    text = tomli_w.dumps(values)
    try:
        from ..plots.report import report

        report(
            path / run_folder.REPORT,
            title=f"{name_of(config.data.path)}: {target.name}",
            facts=facts,
            history=result.history,
            evaluation=tested,
            config_text=text,
            best_epoch=result.best_epoch,
        )
    except NNXError as error:
        if isinstance(error, DataError):
            raise  # it could not be written
        say(f"no report.html: {error}")
    write_whole(path / run_folder.CONFIG, text.encode())
    found = {f"test_{name}": value for name, value in scores.items()}
    return Outcome(result.stopped, len(result.history.get("epoch", ())), result.best_epoch, found)
