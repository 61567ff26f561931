"""`nnx cache`: what nnx keeps on this machine beside the files of its user."""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from time import localtime, strftime
from typing import Any

from .. import system
from ..backends.native import programs
from ..backends.native.machine import can_compile
from ..backends.numpy import namespace
from ..network import mlp
from ..tabular import cache as tables
from ..training import fit

Entries = list[tuple[float, int, Path]]


def lines() -> list[str]:
    """What there is, for a person."""
    kept = tables.entries()
    found = [_line("programs", programs.entries(), programs.folder()), _line("tables", kept, system.cache_folder())]
    for when, size, folder in kept:
        found.append(f"  {folder.name}: {_mib(size)}, last used {strftime('%Y-%m-%d', localtime(when))}")
    return found


def _line(name: str, kept: Entries, folder: Path) -> str:
    return f"{name:<11}{len(kept)}, {_mib(sum(size for _, size, _ in kept))}, in {folder}"


def clear() -> list[str]:
    """Remove all that is not in use; what was done, for a person. Raises: OSError."""
    found = []
    programs.forget()
    for name, kept, remove in (
        ("programs", programs.entries(), programs.remove),
        ("tables", tables.entries(), tables.remove),
    ):
        gone = [size for _, size, path in kept if remove(path)]
        left = f"; {len(kept) - len(gone)} in use" if len(gone) < len(kept) else ""
        found.append(f"{name:<11}{len(gone)} removed, {_mib(sum(gone))}{left}")
    return found


def fill() -> list[str]:
    """Compile the steps of the usual networks; what was done, for a person."""
    if not can_compile():
        return ["nothing is compiled here: pip install 'nnx-array[fast]'"]
    if not programs.is_used():
        return ["NNX_PROGRAMS=never: no programs are kept"]
    before, wanted = len(programs.entries()), os.environ.get("NNX_COMPILE")
    os.environ["NNX_COMPILE"] = "always"  # the estimators have no argument for it
    try:
        _train_usual()
    finally:
        os.environ.pop("NNX_COMPILE")
        os.environ |= {} if wanted is None else {"NNX_COMPILE": wanted}
    return [f"programs   {len(programs.entries()) - before} compiled", *lines()[:1]]


def _train_usual() -> None:
    for dtype in ("float32", "float64"):
        for hidden in ((32,), (32, 32), (32, 32, 32)):
            for loss, outputs in USUAL.items():
                _fit(dtype, hidden, loss, outputs)
                if find_spec("sklearn") is not None:
                    _fit_estimator(dtype, hidden, loss, outputs)


USUAL = {"softmax_cross_entropy": 8, "binary_cross_entropy": 1, "squared_error": 1}  # losses, and outputs


def _fit(dtype: str, hidden: tuple[int, ...], loss: str, outputs: int) -> None:
    x, y = _data(dtype, _classes(loss, outputs))
    fit(mlp(hidden, outputs), x, y, loss=loss, batch_size=100, epochs=4, dtype=dtype)


def _fit_estimator(dtype: str, hidden: tuple[int, ...], loss: str, outputs: int) -> None:
    from ..estimators import MLPClassifier, MLPRegressor

    kind = MLPRegressor if loss == "squared_error" else MLPClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that four epochs are few
        kind(hidden_layer_sizes=hidden, batch_size=100, max_iter=4).fit(*_data(dtype, _classes(loss, outputs)))


def _classes(loss: str, outputs: int) -> int:
    return 2 if loss == "binary_cross_entropy" else outputs


def _data(dtype: str, classes: int) -> tuple[Any, Any]:
    xp = namespace()
    y = xp.arange(300)
    return xp.ones((300, 20), dtype=dtype), y % classes if classes > 1 else y.astype(dtype)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
