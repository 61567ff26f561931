"""The run folder: all that a trained model needs, as plain files."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from ..backends import Backend, numpy as host
from ..errors import DataError, ModelFileError, NNXError
from ..files import Model, load, save
from ..plots import curves
from ..training import Fit
from .tables import Table

MODEL, CONFIG, METRICS, PICTURE = "model.safetensors", "config.toml", "metrics.csv", "loss.png"


@dataclass(frozen=True)
class Scaling:
    """x -> (x - mean) / scale, column by column; a constant column has scale 1."""

    mean: Any
    scale: Any

    @classmethod
    def of(cls, x: Any) -> "Scaling":
        """The scaling that gives these rows mean 0 and variance 1."""
        scale = x.std(axis=0)
        return cls(x.mean(axis=0), host.namespace().where(scale > 1e-12 * abs(x).max(axis=0), scale, 1.0))

    def __call__(self, x: Any) -> Any:
        return (x - self.mean) / self.scale

    def back(self, x: Any) -> Any:
        """The inverse."""
        return x * self.scale + self.mean


@contextmanager
def new_folder(out: str | None, name: str) -> Iterator[Path]:
    """A new folder for a run, made, and removed again if the block fails before anything is in it.

    Raises: DataError if it is there already or cannot be made.
    """
    path = Path(out) if out else _unused(Path("runs") / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}")
    made = [p for p in (path, *path.parents) if not p.exists()]
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise DataError(f"{path} exists; a run is never overwritten: give another --out") from None
    except OSError as error:
        raise DataError(f"{path}: the run folder cannot be made ({error.strerror}): give another --out") from None
    try:
        yield path
    except BaseException:
        with suppress(OSError):  # something is in it: it stays
            for folder in made:
                folder.rmdir()
        raise


def _unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that is not there."""
    others = (path.with_name(f"{path.name}-{i}") for i in count(2))
    return next(p for p in chain([path], others) if not p.exists())


def write(
    folder: Path,
    fit: Fit,
    scaling: Scaling,
    target_scaling: Scaling | None,
    about: Mapping[str, Any],
    config: Mapping[str, Any],
) -> list[str]:
    """Fill the folder. Returns remarks for the user: what could not be written and why."""
    arrays = {"input.mean": scaling.mean, "input.scale": scaling.scale}
    if target_scaling is not None:
        arrays |= {"target.mean": target_scaling.mean, "target.scale": target_scaling.scale}
    save(folder / MODEL, fit.net, fit.params, loss=fit.loss, arrays=arrays, about=about)
    import tomli_w

    (folder / CONFIG).write_bytes(tomli_w.dumps(dict(config)).encode())
    with open(folder / METRICS, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(fit.history)
        writer.writerows(zip(*fit.history.values(), strict=True))
    try:
        curves(fit.history, folder / PICTURE)
    except NNXError as error:
        return [f"no picture of the curves: {error}"]
    return []


class Run:
    """A run folder opened for use, on any backend."""

    def __init__(self, folder: str, backend: Backend) -> None:
        path = Path(folder)
        if not (path / MODEL).is_file():
            hint = f"; give its folder, {path.parent}" if path.name == MODEL else ""
            raise ModelFileError(f"{folder}: not a run folder: it has no {MODEL} in it{hint}")
        self.model: Model = load(path / MODEL, backend=backend)
        about, arrays = self.model.about, self.model.arrays
        try:
            self.task, self.classes, self.features = about["task"], about["classes"], list(about["features"])
            self.target, self.batch = about["target"], 8192
            self.scaling = Scaling(arrays["input.mean"], arrays["input.scale"])
            regression = self.task == "regression"
            self.target_scaling = Scaling(arrays["target.mean"], arrays["target.scale"]) if regression else None
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"{path / MODEL}: a model, but not one of `nnx train`: no {error}") from None

    def output(self, x: Any) -> Any:
        """The network's output for raw rows, on the host."""
        return self.model.backend.to_numpy(self.model.output(self.scaling(x)))

    def predict(self, x: Any) -> Any:
        """Class names or values for raw rows, on the host."""
        z = self.output(x)
        if self.target_scaling is None:
            return host.namespace().asarray(self.classes)[z.argmax(axis=1)]
        return self.target_scaling.back(z[:, 0])

    def scores(self, table: Table) -> dict[str, float]:
        """Loss-free measures of the predictions against the table's target."""
        y, guess = table.labels, self.predict(table.x)
        if self.task == "classification":
            return {"accuracy": float((guess == class_names(y)).mean())}
        if y.dtype.kind not in "fiub":
            raise DataError(f"{table.name}: the target {self.target!r} holds text; the model predicts numbers")
        return regression_scores(guess, y)


def class_names(y: Any) -> Any:
    """Classes as text: 3, 3.0 and "3" are one class."""
    if y.dtype.kind == "f" and (y == y.round()).all():
        y = y.astype("int64")
    return y.astype(str)


def regression_scores(guess: Any, y: Any) -> dict[str, float]:
    """R^2 and mean absolute error."""
    from ..metrics import mean_absolute_error, r2

    guess, y = guess[:, None], host.put(y, "float64", None)[:, None]
    return {"r2": float(r2(guess, y)), "mean_absolute_error": float(mean_absolute_error(guess, y))}


def write_predictions(values: Sequence[Any], name: str, file: Any) -> None:
    """One column of predictions as CSV."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([name])
    writer.writerows([[v] for v in values])


def json_line(values: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(values)
