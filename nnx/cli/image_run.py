"""A run on images opened for use, and `nnx inspect` of images."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backends import Backend, numpy as host
from ..errors import DataError, ModelFileError, SettingError
from ..evaluation import Evaluation
from ..files import Model, load
from ..images import Images, open_images
from ..tables import Target
from ..tables.encoding.target import in_order
from ..tables.kinds.cells import arrow
from .claim import model_in
from .options import asked
from .run import TABLES, Run, evaluation


def open_run(path: str, backend: Backend) -> "Run | ImageRun":
    """A run folder, or the model file in it, of a table or of images. Raises: ModelFileError."""
    if Path(path).suffix.lower() in TABLES:
        raise ModelFileError(f"{path}: a table, not a run: first the folder that `nnx train` wrote, then the table")
    file = model_in(Path(path))
    model = load(file, backend=backend)
    if model.target is not None and "images" in model.about and model.row is not None:
        return ImageRun(model, model.target)
    if model.encoder is None or model.target is None:
        raise ModelFileError(f"{file}: a model, but not one of `nnx train`: it has no table encoder in it")
    return Run(model, model.encoder, model.target)


class ImageRun:
    """A run folder of images, or the model file in it, opened for use."""

    def __init__(self, model: Model, target: Target) -> None:
        self.model, self.target = model, target

    def open(self, data: Sequence[str], given: Mapping[str, Any]) -> Images:
        """The images `data`, of the size that the model takes: those of a folder are brought to it."""
        if options := asked(given):
            option = next(iter(options)).replace("_", "-")
            raise SettingError(f"--{option} is of tables, and the model takes images: leave it out")
        if len(data) != 1:
            raise SettingError(f"images come from one NPZ file or one folder, got {len(data)} names")
        return open_images(data[0], self.model.row)

    def predict(
        self,
        source: Images,
        keep: Sequence[str],
        write: Callable[[Any], None],
        *,
        proba: bool = False,
        coverage: float | None = None,
    ) -> None:
        """Write a record batch for some images at a time: the file, where there are files, then the predictions."""
        if keep or coverage is not None:
            raise SettingError(f"--{'keep' if keep else 'interval'} is of tables, and the model takes images")
        pa, part = arrow(), 1024
        for start in range(0, len(source.x), part):
            answer = self.model.answer(source.x[start : start + part], proba=proba)
            heads = list(self.target.classes) if proba else [self.target.name]
            kind = "string" if self.target.classes and not proba else "float64"
            columns = [pa.array(a.tolist(), kind) for a in (answer.T if proba else [answer])]
            if source.files:
                heads, columns = ["file", *heads], [pa.array(source.files[start : start + part]), *columns]
            write(pa.RecordBatch.from_arrays(columns, heads))

    def evaluate(self, source: Images) -> Evaluation:
        """The evaluation of the model on images with labels. Raises: DataError."""
        y = numbers(self.target, labels(source), source.place)
        return evaluation(self.target, y, self.model.backend.to_numpy(self.model.predict(source.x)))


def lines(path: str) -> list[str]:
    """The images of a file or folder, for a person."""
    found = open_images(path)
    x = found.x
    out = [f"{path}: {len(x):,} images of {' x '.join(map(str, found.row))}, {x.dtype}, {x.min():g} to {x.max():g}"]
    if found.test is not None:
        out.append(f"to test: {len(found.test[0]):,} more")
    if found.y is not None:
        values, counts = host.namespace().unique(host.put(found.y, None, None), return_counts=True)
        pairs = ", ".join(f"{v} ({n:,})" for v, n in zip(values.tolist()[:10], counts.tolist()[:10], strict=True))
        out.append(f"labels: {len(values):,} values: {pairs}{', ...' if len(values) > 10 else ''}")
    return out


def labels(images: Images) -> Any:
    """The labels of images as they are in the file. Raises: DataError."""
    if images.y is None:
        raise DataError(f"{images.place}: no labels: give an array y, or a sub-folder for each class")
    y = host.put(images.y, None, None)
    if y.dtype.kind == "f" and not host.namespace().isfinite(y).all():
        raise DataError(f"{images.place}: y has values that are not finite")
    return y


def numbers(target: Target, y: Any, place: str) -> Any:
    """Class numbers, or standardised values, of labels as they are in a file. Raises: DataError."""
    found = host.put(y, None, None)
    if not target.classes:
        if found.dtype.kind == "U":
            raise DataError(f"{place}: the labels are text: regression needs numbers")
        return target.encode(host.put(found, "float64", None))
    known = {name: i for i, name in enumerate(target.classes)}
    names, codes = host.namespace().unique(found, return_inverse=True)
    spelled = [str(name) for name in names.tolist()]
    spelled = [name if name in known else in_order([name])[0] for name in spelled]  # 3 for 3.0
    strange = [name for name in spelled if name not in known]
    if strange:
        raise DataError(f"{place}: {strange[0][:40]!r} is a class that was not among the images trained on")
    return host.put([known[name] for name in spelled], "int64", None)[codes.reshape(-1)]
