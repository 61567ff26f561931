"""The results of a search: each candidate's figures on each fold, their order, and the table of them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from math import nan
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from ..errors import ModelFileError
from ..files import write_whole
from ..files.write import fault
from ..tabular.settings import Config, plain
from .grid import VARYING, may_vary, shown
from .reading import text_of

SHOWN = 10  # candidates in the table for a person


@dataclass(frozen=True)
class Trial:
    """One candidate on one fold, at the epoch whose weights are kept."""

    loss: float
    score: float  # accuracy or R^2
    best_epoch: int
    epochs: int
    stopped: str


@dataclass
class Candidate:
    """Settings that are tried."""

    values: dict[str, Any]  # by name, those that vary
    config: Config
    trials: list[Trial] = field(default_factory=list)
    outlived: int = 0  # how often it was among the best third, who went on

    @property
    def finite(self) -> bool:
        """True if its loss stayed finite on every fold."""
        return all(trial.stopped != "not finite" for trial in self.trials)

    def mean(self, name: str) -> float:
        """The mean over the folds of a figure of its trials; NaN if it is not finite."""
        return fmean(getattr(trial, name) for trial in self.trials) if self.finite else nan

    def deviation(self, name: str) -> float:
        """The standard deviation over the folds; NaN if it is not finite, or there is one fold."""
        return pstdev([getattr(t, name) for t in self.trials]) if self.finite and len(self.trials) > 1 else nan


@dataclass
class Results:
    """The candidates of a search, the best first."""

    candidates: list[Candidate]
    by: str  # loss, or the name of the score
    measure: str  # the name of the score: accuracy or r2

    @property
    def order(self) -> list[tuple[str, str]]:
        """The names of the two figures, that of the ranking first, and what they are of a trial."""
        pair = [("validation_loss", "loss"), (self.measure, "score")]
        return pair if self.by == "loss" else pair[::-1]

    def lines(self) -> list[str]:
        """The best candidates as a table, and how many could not be trained."""
        names = list(self.candidates[0].values)
        head = ["rank", *names]
        for name, _ in self.order:
            head += [name.replace("_", " "), "sd"]
        rows = []
        for rank, c in enumerate(self.candidates[:SHOWN], 1):
            figures = [f"{value:.4f}" for _, n in self.order for value in (c.mean(n), c.deviation(n))]
            end = f"{c.mean('epochs'):.0f}" if c.finite else "not finite"
            rows.append([str(rank), *(shown(v) for v in c.values.values()), *figures, end])
        cells = [[("" if cell == "nan" else cell) for cell in row] for row in ([*head, "epochs"], *rows)]
        wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(c.rjust(w) for c, w in zip(row, wide, strict=True)).rstrip() for row in cells]
        lost = sum(not c.finite for c in self.candidates)
        if lost:
            lines.append(f"note: {lost} of {len(self.candidates)} candidates stopped with a loss that is not finite")
        return lines

    def rows(self) -> list[dict[str, Any]]:
        """A row of plain values for each candidate: rank, settings that vary, figures, and all settings."""
        rows = []
        for rank, c in enumerate(self.candidates, 1):
            row: dict[str, Any] = {"rank": rank}
            row |= {f"param_{name}": _plain(value) for name, value in c.values.items()}
            for name, of in self.order:
                row |= {f"mean_{name}": c.mean(of), f"sd_{name}": c.deviation(of)}
            halved = c.outlived < max(other.outlived for other in self.candidates)
            ends = ["halving" if halved and c.finite else trial.stopped for trial in c.trials]
            row |= {"epochs": fmean(t.epochs for t in c.trials), "best_epoch": fmean(t.best_epoch for t in c.trials)}
            row["stopped"] = ends[0] if len(set(ends)) == 1 else "; ".join(ends)
            for k, trial in enumerate(c.trials, 1):
                row |= {f"fold_{k}_{name}": getattr(trial, of) for name, of in self.order}
            for section in VARYING:
                own = plain(c.config)[section].items()
                row |= {f"{section}.{n}": _plain(v) for n, v in own if may_vary(f"{section}.{n}")}
            rows.append(row)
        return rows

    def write(self, path: Path) -> None:
        """All candidates as CSV."""
        rows, file = self.rows(), StringIO()
        names = dict.fromkeys(name for row in rows for name in row)
        writer = csv.DictWriter(file, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({n: "" if v != v else v for n, v in row.items()} for row in rows)
        write_whole(path, file.getvalue().encode())


def ranked(candidates: Sequence[Candidate], by: str) -> list[Candidate]:
    """The candidates, the best first: those that went on longest, then by their mean; at the end what is not finite."""
    name, sign = ("loss", 1.0) if by == "loss" else ("score", -1.0)

    def place(c: Candidate) -> tuple[bool, int, float]:
        return (not c.finite, -c.outlived, sign * c.mean(name) if c.finite else 0.0)

    return sorted(candidates, key=place)


def read(path: Path) -> tuple[dict[str, list[Any]], str]:
    """A search from its file as `nnx.plots.search` takes it, and the name of the figure it was ranked by.

    Raises: ModelFileError.
    """
    try:
        rows = list(csv.DictReader(StringIO(text_of(path)), strict=True))
        if not rows or any(None in row or None in row.values() for row in rows):
            raise ValueError("no rows, or a row with other columns than the first")
        score = next((name.removeprefix("mean_") for name in rows[0] if name.startswith("mean_")), "")
        results: dict[str, list[Any]] = {
            name: _numbers([row[name] for row in rows]) for name in rows[0] if name.startswith("param_")
        }
        for name, of in (
            ("mean_test_score", f"mean_{score}"),
            ("std_test_score", f"sd_{score}"),
            ("rank_test_score", "rank"),
        ):
            if of not in rows[0]:
                raise ValueError(f"no column {of}")
            results[name] = [float(row[of] or "nan") for row in rows]
    except (ValueError, csv.Error) as error:
        if isinstance(error, ModelFileError):
            raise
        raise fault(path, f"cannot be read: {error}") from None
    return results, score.replace("_", " ")


def _numbers(texts: list[str]) -> list[Any]:
    """The texts as numbers, if all of them are."""
    try:
        return [float(text) for text in texts]
    except ValueError:
        return list(texts)


def _plain(value: Any) -> Any:
    """A number, or text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return shown(tuple(value) if isinstance(value, list) else value)


def of_json(results: Results) -> list[Mapping[str, Any]]:
    """The rows without the settings that all candidates have."""
    return [{n: v for n, v in row.items() if "." not in n} for row in results.rows()]
