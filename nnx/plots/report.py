"""The report of a training, on one page that can be sent to somebody."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._version import __version__
from ..errors import DataError
from ..evaluation import Evaluation
from ..files import write_whole
from .columns import importance
from .confusion import confusion_matrix
from .history import HIDDEN, LOSSES, curves
from .inline import inline_svg
from .page import beside, folded, notes as notes_of, page, pairs, section, wide
from .regression import predicted_against_true, residuals
from .reliability import calibration
from .search import search as search_picture

NAMES = {"r2": "R²", "roc_auc": "ROC AUC", "macro_f1": "macro F1"}


def report(
    path: str | os.PathLike[str],
    *,
    title: str,
    facts: Mapping[str, object],
    history: Mapping[str, Sequence[float]],
    evaluation: Evaluation | None,
    config_text: str,
    notes: Sequence[str] = (),
    held: str = "test",
    best_epoch: int | None = None,
    networks: int = 1,
    search: Mapping[str, Sequence[Any]] | None = None,
    search_score: str = "score",
) -> None:
    """Write one HTML page: scores, facts, curves, pictures of the predictions, importance, the configuration.

    Everything is in the file; nothing is fetched and no script runs. Whatever text is given is shown as it is.

    Parameters
    ----------
    path : str or path
        The file to write: "report.html".
    title : str
        The title of the page.
    facts : dict of str to object
        What is to be said about the run, in order: {"rows": 150}.
    history : dict of str to list of float
        The figures of each epoch: `fit.history`.
    evaluation : Evaluation or None
        Predictions for rows that were held out, with their scores. None leaves out what needs them.
    config_text : str
        The resolved configuration, shown folded; "" for none.
    notes : sequence of str, default ()
        What a person should know of the table and the model, a line each.
    held : str, default "test"
        What the rows of the evaluation are called.
    best_epoch : int, optional
        The epoch whose weights were kept, marked in the curves.
    networks : int, default 1
        How many were trained: of more the history has the means, and `best_epoch` is the middle one of theirs.
    search : dict of str to sequence, optional
        Where the settings were searched for, the results as `nnx.plots.search` takes them.
    search_score : str, default "score"
        What the score of the search is.

    Raises
    ------
    NNXError
        If matplotlib is not installed.
    DataError
        If the file cannot be written.

    Examples
    --------
    >>> history = {"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.4]}
    >>> said = {"title": "XOR", "facts": {"rows": 4}, "evaluation": None, "config_text": ""}
    >>> nnx.plots.report("report.html", history=history, **said)
    >>> from pathlib import Path
    >>> Path("report.html").read_text()[:15]
    '<!DOCTYPE html>'
    """
    parts = []
    if evaluation is not None:
        parts.append(pairs("scores", {score_name(k): _short(k, v) for k, v in evaluation.scores.items()}))
    parts.append(pairs("facts", facts))
    parts.append(notes_of(notes))
    if history.get("epoch"):
        parts.append(beside(*_training(history, best_epoch, networks)))
    if evaluation is not None:
        tell = _classification if evaluation.task == "classification" else _regression
        parts += [*tell(evaluation, held), _importance(evaluation, held)]
    if search is not None:
        parts.append(_search(search, search_score))
    if config_text:
        parts.append(folded("Configuration", config_text))
    parts.append(f"<footer>nnx {__version__}</footer>")
    write_whole(path, page(title, "\n".join(part for part in parts if part)).encode(), kind=DataError)


def score_name(name: str) -> str:
    """The name of a score, for a person."""
    return NAMES.get(name, name.replace("_", " "))


def _short(name: str, value: float) -> str:
    """Shares with as many decimals, errors with as many digits as a person reads."""
    return "n/a" if value != value else f"{value:.4g}" if name.endswith("error") else f"{value:.4f}"


def _training(history: Mapping[str, Sequence[float]], best_epoch: int | None, networks: int) -> list[str]:
    mean = f", in the mean over {networks} networks" if networks > 1 else ""
    which = "middle one of the epochs" if networks > 1 else "epoch"
    kept = f" The dotted line is the {which} whose weights were kept, {best_epoch}." if best_epoch else ""
    losses = {name: history[name] for name in ("epoch", *LOSSES) if name in history}
    rest = {name: history[name] for name in history if name not in LOSSES}
    sections = [section("Loss", f"After each epoch{mean}.{kept}", _curves(losses, "loss", best_epoch))]
    if set(rest) - set(HIDDEN):
        text = "On the rows that are held out in training."
        sections.append(section("Validation", text, _curves(rest, "validation", best_epoch)))
    return sections


def _curves(history: Mapping[str, Sequence[float]], name: str, best_epoch: int | None) -> str:
    return inline_svg(curves(history, best_epoch=best_epoch), name, f"{name} by epoch")


def _classification(e: Evaluation, held: str) -> list[str]:
    matrix = inline_svg(confusion_matrix(e.target, e.guess, e.classes), "confusion", "confusion matrix")
    means = calibration(e.target, e.predicted, classes=e.classes)
    large = len(e.classes) > 12
    confused = section(
        "Confusion",
        f"{len(e.target):,} {held} rows: a row is a true class, a column what was predicted. Blue is right, orange is "
        "wrong, and the stronger, the larger the share of the class.",
        wide(matrix) if large else matrix,
    )
    calibrated = section(
        "Calibration",
        "On the dotted line a probability means what it says; below it the model is too sure. Thick lines: what "
        "chance allows, 95 %.",
        inline_svg(means, "calibration", "reliability diagram"),
    )
    return [confused, calibrated] if large else [beside(confused, calibrated)]


def _regression(e: Evaluation, held: str) -> list[str]:
    against, rest = predicted_against_true(e.target, e.predicted), residuals(e.target, e.predicted)
    sections = [
        section(
            "Predicted against true",
            f"{len(e.target):,} {held} rows; on the dotted line a prediction is exact.",
            inline_svg(against, "against", "predicted against true values"),
        ),
        section(
            "Residuals",
            "What the prediction leaves over. A shape other than a level band says that something is left to learn.",
            inline_svg(rest, "residuals", "residuals over predictions"),
        ),
    ]
    return [beside(*sections)]


def _search(results: Mapping[str, Sequence[Any]], score: str) -> str:
    count = len(results["mean_test_score"])
    text = (
        f"The {score_name(score)} of {count:,} candidates over each setting that was varied: mean and deviation over "
        "the folds. Orange is the best, which was trained."
    )
    picture = search_picture(results, score=score_name(score))
    return section("Search", text, inline_svg(picture, "search", "score of the candidates by setting"))


def _importance(e: Evaluation, held: str) -> str:
    found = e.importance
    if found is None or not found.names:
        return ""
    score = score_name(next(iter(e.scores)))
    picture: Any = importance(found.names, found.mean, found.std, score=score)
    text = f"How much the {score} of the {held} rows falls when one column is shuffled. Columns that say the same hide "
    return section("Importance", text + "each other.", inline_svg(picture, "importance", "permutation importance"))
