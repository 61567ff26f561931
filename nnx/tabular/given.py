"""A table that is given in Python, and what there is for each of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, SettingError, shown, unknown
from ..tables import Source
from ..tables.encoding.target import in_order


@dataclass(frozen=True)
class Given:
    """The source of a table, and weights and groups of its rows on the host.

    Rows of weight 0 are left out. class_weight: weights by label, which multiply those of the rows.
    """

    source: Source
    weight: Any = None
    groups: Any = None
    validation: Source | None = None  # other rows to validate on
    labels: Any = None  # the classes of a target that is no column of the source's
    class_weight: Any = None

    def check(self, rows: int) -> None:
        """Raise DataError unless there is a weight and a group for each row."""
        for name, values in (("sample_weight", self.weight), ("groups", self.groups)):
            if values is not None and len(values) != rows:
                raise DataError(f"{name} has {len(values)} rows, X has {rows}: give one for each row")

    def weights(self, codes: Any, classes: Sequence[str]) -> Any:
        """The weight of each row, whose class has this number; None where all weigh the same. Raises: SettingError."""
        own = self.of_classes(codes, classes)
        return self.weight if own is None else own if self.weight is None else own * self.weight

    def of_classes(self, codes: Any, classes: Sequence[str]) -> Any:
        """The weights (rows,) that rows have by their classes; None where all weigh the same. Raises: SettingError."""
        if not isinstance(self.class_weight, Mapping) or codes is None:
            return None
        given = {in_order([str(label)])[0]: weight for label, weight in self.class_weight.items()}
        for label, weight in given.items():
            if label not in classes:
                raise SettingError(f"class_weight: {unknown('class', label, classes)}")
            if not isinstance(weight, (int, float)) or not 0 <= weight < float("inf"):
                raise SettingError(f"class_weight: numbers from 0 on are expected, got {shown(weight)} for {label!r}")
        return host.namespace().asarray([float(given.get(name, 1.0)) for name in classes])[codes]
