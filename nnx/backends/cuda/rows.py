"""What a thread does with an element, and a team of threads with a row, as lines of a kernel."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..native.calls import Refused
from ..native.passes import Pass
from ..native.schedule import Shared
from .expressions import Axes, Expressions, Values, cast, indented, key_of, row_key
from .formulas import literal, type_name

REDUCERS = {"add": "Add", "maximum": "Max", "minimum": "Min"}


class Rows(Expressions):
    """The lines. makers: the passes that make the elements of the rows, by their buffers."""

    def __init__(self, held: set[int], passes: Sequence[Pass]) -> None:
        super().__init__(held)
        self.makers = {p.op.output.buffer: p for p in passes if not p.reduced and p.columns > 1}

    def _item(self, item: Shared, rows: Axes) -> list[str]:
        first = item.passes[0]
        if first.within_row:
            return self._row_total(first, rows)
        if first.columns > 1:
            last = len(first.shape) - 1
            body = self._made([*self._again(item.passes), *item.passes], [*rows, (last, "j")], {})
            return [f"for (I j = T::lane(); j < {first.columns}; j += T::lanes()) {{", *indented(body), "}"]
        lines: list[str] = []
        values: Values = {}
        stores: Values = {}
        for p in item.passes:
            name = self._new("v")
            value = cast(p.op.output.dtype, self._formula(p, rows, values))
            lines.append(f"const {type_name(p.op.output.dtype)} {name} = {value};")
            values[key_of(p, p.op.output)] = self.row_values[row_key(p, p.op.output)] = name
            if p.op.output.buffer not in self.held:
                stores[key_of(p, p.op.output)] = f"  {self._element(p, p.op.output, rows)} = {name};"
        if stores:
            lines += ["T::sync();", "if (T::lane() == 0) {", *stores.values(), "}"]
        return lines

    def _row_total(self, p: Pass, rows: Axes) -> list[str]:
        last, kind, reducer = len(p.shape) - 1, sum_type(p), REDUCERS[p.op.function.__name__]
        total, name, dtype = self._new("s"), self._new("v"), p.op.output.dtype
        axes: Axes = [*rows, (last, "j")]
        values: Values = {}
        body = self._made(self._again([p]), axes, values)
        start = "0" if reducer == "Add" else literal(least(dtype) if reducer == "Max" else most(dtype))
        lines = [
            f"{kind} {total} = {start};",
            f"for (I j = T::lane(); j < {p.columns}; j += T::lanes()) {{",
            *indented([*body, f"{total} = {reducer}()({total}, ({kind}){self._formula(p, axes, values)});"]),
            "}",
            f"const {type_name(dtype)} {name} = {cast(dtype, f'T::all({total}, {reducer}())')};",
        ]
        self.row_values[row_key(p, p.op.output)] = name
        if p.op.output.buffer not in self.held:
            lines.append(f"if (T::lane() == 0) {self._element(p, p.op.output, rows)} = {name};")
        return lines

    def _again(self, passes: Sequence[Pass]) -> list[Pass]:
        """What makes again the elements that these passes read and no memory holds, in the order it is needed."""
        found: list[Pass] = []
        made = {p.op.output.buffer for p in passes}

        def need(p: Pass) -> None:
            for view in p.op.reads:
                if view.buffer in self.held and view.buffer in self.makers and view.buffer not in made:
                    made.add(view.buffer)
                    need(self.makers[view.buffer])
                    found.append(self.makers[view.buffer])

        for p in passes:
            need(p)
        return found

    def _loop_body(self, item: Shared, axes: Axes) -> list[str]:
        return self._made(item.passes, axes, {})

    def _made(self, passes: Sequence[Pass], axes: Axes, values: Values) -> list[str]:
        """Lines that compute an element of each pass, held in variables that `values` then names, and store it."""
        lines = []
        last = {key_of(p, p.op.output): p for p in passes}
        for p in passes:
            name, dtype = self._new("v"), p.op.output.dtype
            lines.append(f"const {type_name(dtype)} {name} = {cast(dtype, self._formula(p, axes, values))};")
            values[key_of(p, p.op.output)] = name
            if p.op.output.buffer not in self.held and last[key_of(p, p.op.output)] is p:
                lines.append(f"{self._target(p, axes)} = {name};")
        return lines


def is_sum(p: Pass) -> bool:
    """Whether it is a sum of floats."""
    return p.op.function.__name__ == "add" and p.op.output.dtype.kind == "f"


def sum_type(p: Pass) -> str:
    """What a total is kept in: sums of floats in float64."""
    kind = np.dtype("float64") if is_sum(p) else p.op.output.dtype
    if kind.itemsize < 4:
        raise Refused(f"a total of {kind}")
    return type_name(kind)


def least(dtype: Any) -> Any:
    """The number that no other of the type is below."""
    return -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def most(dtype: Any) -> Any:
    """The number that no other of the type is above."""
    return math.inf if dtype.kind == "f" else int(np.iinfo(dtype).max)
