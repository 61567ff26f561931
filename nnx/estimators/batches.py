"""The rows that are trained on, in batches."""

import warnings
from collections.abc import Iterator
from typing import Any

from ..backends import is_sparse
from ..backends.numpy import row_by_row
from ..training.data import Batches
from .arrays import backend_for, is_foreign, weights


class Rows:
    """X and what the loss takes of y, and the numbers of the rows that are trained on: many may share one X.

    Batches are of one size, but for a smaller last one.
    """

    def __init__(self, est: Any, X: Any, y: Any, sample_weight: Any, rows: Any = None) -> None:
        """rows: int64 on the host, None for all."""
        self.X = X.tocsr() if is_sparse(X) else row_by_row(X)
        self.rows, self.count = rows, int(X.shape[0]) if rows is None else len(rows)
        self.target = est._targets(y, X.dtype)
        self.place = backend_for(X) if is_foreign(X) else None
        self.weight = weights(sample_weight, X)
        if est.batch_size == "auto":
            self.batch = min(200, self.count)
        else:
            if est.batch_size > self.count:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=6
                )
            self.batch = min(est.batch_size, self.count)
        self.steps = -(-self.count // self.batch)  # in an epoch

    def numbered(self, order: Any) -> Any:
        """The numbers in X of the rows that are trained on, in this order of them."""
        return order if self.rows is None else self.rows[order]

    def batches(self, numbers: Any) -> Iterator[Batches]:
        """Batches of the rows with these numbers: row numbers (batches, rows), one matrix or two."""
        full = len(numbers) // self.batch * self.batch
        for part in (numbers[:full].reshape(-1, self.batch), numbers[full:].reshape(1, -1)):
            if part.size:
                rows = part if self.place is None else self.place.integers(part)
                yield self.X, self.target, self.weight, rows

    @property
    def like(self) -> list[tuple[tuple[int, ...], str] | None]:
        """The shape and type of a row of X, target and weight."""
        arrays = (self.X, self.target, self.weight)
        return [None if a is None else (tuple(a.shape[1:]), str(a.dtype)) for a in arrays]
