"""Sources of rows: a table in memory, or a file read in blocks. Every block is an Arrow record batch."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any, Protocol

from ...backends import backend_of, is_array, is_host
from ...errors import DataError, unknown
from ...inputs import check_holder, keeps_no_zeros, on_host
from ..kinds.cells import BadCell, arrow, kind_of, missing_option
from ..kinds.kinds import as_kind, check_kind, remedy, sample
from ..reading import Reading

BLOCK = 65_536  # rows in a block of a table in memory


@dataclass
class Scan:
    """The result of one pass over all rows: the kind of each column, the number of rows, and notes for the user."""

    kinds: dict[str, str]
    rows: int
    notes: list[str] = field(default_factory=list)


class Source(Protocol):
    """Rows that can be read again and again."""

    @property
    def name(self) -> str:
        """Its name in a run folder."""
        ...

    @property
    def place(self) -> str:
        """Its name in a message."""
        ...

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        ...

    @property
    def target(self) -> str | None:
        """The column to predict, where the source says so itself."""
        ...

    @property
    def size(self) -> int:
        """Bytes that it would take in memory, about."""
        ...

    @property
    def reading(self) -> Reading:
        """How it is read: what was asked for and, of a text file, what was found out."""
        ...

    @property
    def digest(self) -> str | None:
        """sha256 of its files, in hexadecimal; None where there is none."""
        ...

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """The kinds of the columns; those given are not looked for.

        faults: is given what is wrong with a column, which is then "drop"; without it a DataError is raised.
        """
        ...

    def batches(self, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Arrow record batches with these columns. Raises: DataError.

        kinds: what their cells will be read as; a column may come as the numbers that this gives.
        """
        ...

    def where(self, row: int) -> str:
        """The place of a row, counted from 0, for a message: "data.csv, line 7"."""
        ...


@dataclass
class Memory:
    """A table in memory."""

    table: Any  # pyarrow.Table
    name: str = "table"
    place: str = "table"
    target: str | None = None
    first: int = 1  # the number that messages give to the first row
    reading: Reading = field(default_factory=Reading)
    files: tuple[Path, ...] = ()

    @property
    def digest(self) -> str | None:
        return digest(self.files)

    @property
    def columns(self) -> list[str]:
        return [str(name) for name in self.table.column_names]

    @property
    def size(self) -> int:
        return int(self.table.nbytes)

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """The kinds that the types of the columns say."""
        return Scan(typed_kinds(self.table.schema, kinds, faults), self.table.num_rows)

    def batches(self, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The rows in blocks."""
        yield from self.table.select(list(columns)).to_batches(max_chunksize=BLOCK)

    def where(self, row: int) -> str:
        """The place of a row."""
        return f"{self.place}, row {row + self.first}"


def digest(files: Sequence[Path]) -> str | None:
    """sha256 of files one after another, in hexadecimal; None of none."""
    if not files:
        return None
    total = sha256()
    for path in files:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                total.update(part)
    return total.hexdigest()


def typed_kinds(schema: Any, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> dict[str, str]:
    """The kind of each column of an Arrow schema, unless it is given. faults: as in `Source.scan`."""
    check_kinds(schema.names, kinds)
    found = dict(kinds)
    for field_ in schema:
        try:
            if field_.name not in found:
                found[field_.name] = kind_of(field_.name, field_.type)
            elif found[field_.name] == "date" and kind_of(field_.name, field_.type) == "number":
                found[field_.name] = "date:%s"  # seconds since 1970
        except DataError as error:
            if faults is None:
                raise
            faults[field_.name], found[field_.name] = str(error), "drop"
    return {name: found[name] for name in schema.names}


def check_kinds(columns: Sequence[str], kinds: Mapping[str, str]) -> None:
    """Raise DataError for a kind that is none, or of a column that is not there."""
    for name, kind in kinds.items():
        if name not in columns:
            raise DataError(unknown("column", name, list(columns)) + " (in the kinds given)")
        check_kind(name, kind)


def check_columns(place: str, columns: Sequence[str]) -> None:
    """Raise DataError if two columns have one name."""
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            raise DataError(f"{place}: two columns are named {name!r}; rename one")
        seen.add(name)


def need_columns(source: Source, names: Iterable[str]) -> None:
    """Raise DataError for a column that a model needs and the source has not."""
    absent = [name for name in names if name not in source.columns]
    if absent:
        near = get_close_matches(absent[0], source.columns, n=1, cutoff=0.7)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(source.columns)}"
        others = f"{len(absent) - 1} other{'s' * (len(absent) > 2)}"
        more = f" (nor {others})" if len(absent) > 1 else ""
        raise DataError(f"{source.place}: no column {absent[0]!r}, which the model needs{more}; {hint}")


def cells(source: Source, batch: Any, name: str, kind: str, first: int, *, coded: bool = False) -> Any:
    """One column of a batch as its kind's cells; `first` is the number of the batch's first row.

    coded: a text may be an Arrow dictionary.
    Raises: DataError naming the place of a cell that is not of the kind.
    """
    try:
        column = as_kind(batch.column(name), kind)
        return column if coded or not hasattr(column, "dictionary_decode") else column.dictionary_decode()
    except BadCell as bad:
        place = source.where(first + bad.row)
        if bad.large:
            what = f"has a number too large to learn from: {bad.text[:40]}; mend it, or --drop {quote(name)}"
        else:
            ways = ["mend it", *filter(None, [remedy(kind, bad.text) or missing_option(bad.text)])]
            what = f"holds {bad.text[:40]!r}, expected {sample(kind)}; {', or '.join(ways)}"
        raise DataError(f"{place}: column {name!r} {what}") from None


def from_python(x: Any) -> Memory:
    """A table of Python: arrays of any library, pandas, polars, pyarrow, a dictionary of columns, or lists of rows.

    Raises: DataError.
    """
    pa = arrow()
    try:
        table = _to_arrow(pa, x)
    except DataError:
        raise
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        text = str(error.args[0] if error.args else error).splitlines()[0][:120]
        if column := re.search(r"column (.{1,60}) with type object", str(error)):
            text = f"column {column[1]!r} holds values of several types: .astype(str) makes them texts"
        raise DataError(f"the table cannot be read: {text}") from None
    check_columns("the table", table.column_names)
    return Memory(table, first=0)


def _to_arrow(pa: Any, x: Any) -> Any:
    check_holder("the table", x)
    if hasattr(x, "tocsr"):
        _host(x)
    if isinstance(x, pa.Table):
        return x
    if isinstance(x, pa.RecordBatch):
        return pa.Table.from_batches([x])
    if type(x).__module__.partition(".")[0] == "pandas":
        if x.ndim != 2:
            raise DataError(f"expected a table, got a pandas {type(x).__name__}: give x.to_frame()")
        x = x.rename(columns=str)
        strange = [i for i, kind in enumerate(x.dtypes) if "interval" in str(getattr(kind, "categories", kind)).lower()]
        for i in strange:  # intervals, which Arrow has no type for
            x = x.assign(**{x.columns[i]: x.iloc[:, i].astype(str).astype("category")})
        return pa.Table.from_pandas(x, preserve_index=False)
    if hasattr(x, "__arrow_c_stream__"):
        return pa.table(x)
    if isinstance(x, Mapping):
        return pa.table({str(name): _column(pa, values) for name, values in x.items()})
    if isinstance(x, (list, tuple)) and x and all(isinstance(row, Mapping) for row in x):
        return pa.Table.from_pylist([dict(row) for row in x])
    if isinstance(x, (list, tuple)):
        widths = {len(row) if isinstance(row, (list, tuple)) else -1 for row in islice(x, 1_000_000)}
        if len(widths) > 1 or -1 in widths:
            raise DataError("the table must have rows of one length, or be a dictionary of columns")
        return pa.table({f"x{i}": pa.array(column) for i, column in enumerate(zip(*x, strict=True))})
    if not is_array(x) and hasattr(x, "__array__"):
        x = on_host("the table", x)
    if not is_array(x):
        raise DataError(f"expected a table or an array (rows, columns), got {type(x).__name__}")
    return table_of_array(x)


def _column(pa: Any, values: Any) -> Any:
    check_holder("the table", values)
    return pa.array(_host(values) if is_array(values) else values, from_pandas=True)


def _host(x: Any) -> Any:
    """An array of any library on the host. Raises DataError for elements that no column can hold."""
    if keeps_no_zeros(x):
        raise DataError("sparse matrices are not supported: give X.toarray()")
    x = on_host("the table", x if is_host(x) else backend_of(x, "float32").to_numpy(x))
    if x.dtype.kind == "c":
        raise DataError("Complex data not supported: give real and imaginary parts as columns")
    if x.dtype.names:
        raise DataError("a structured array is no table here: give pandas.DataFrame(x)")
    return x


def table_of_array(x: Any) -> Any:
    """An array (rows, columns) as an Arrow table with columns x0, x1, ..."""
    pa, x = arrow(), _host(x)
    if x.ndim != 2:
        raise DataError(f"expected an array (rows, columns), got shape {tuple(x.shape)}. Reshape your data")
    if 0 in x.shape:
        raise DataError(
            f"the table is empty: {x.shape[1]} feature(s) (shape={x.shape}) while a minimum of 1 is required."
        )
    if x.dtype.kind not in "fiubUSO":
        raise DataError(f"expected numbers or text, got an array of {x.dtype}")
    names = [f"x{i}" for i in range(x.shape[1])]
    return pa.table(
        [pa.array(x[:, i].tolist() if x.dtype.kind in "USO" else x[:, i]) for i in range(x.shape[1])], names
    )
