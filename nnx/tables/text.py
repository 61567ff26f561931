"""Tables in text: CSV and its kin. Cells are read as text; what each column holds is found from all of them."""

import csv
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from io import TextIOWrapper
from itertools import islice
from typing import Any

from ..errors import DataError
from .cells import MISSING, arrow, compute
from .content import Content
from .parse import PIECE, Parsing, parsed
from .reading import Reading
from .records import Records
from .settle import guesses_for, settle
from .source import Scan, check_kinds, digest

ROWS = 8192  # rows put together where they are read one by one
OTHER = "save the file as UTF-8, or say --encoding latin-1"
COLUMNS = 20_000  # more than these in a text file are taken for a mistake


class TextFile:
    """A table in text, read as a settled Reading says.

    Where that is what Arrow can read, blocks are read by it, else rows one by one by Python's csv module.
    """

    target: str | None = None

    def __init__(self, content: Content, reading: Reading, notes: Sequence[str] = ()) -> None:
        self.content, self.reading, self.notes = content, reading, list(notes)
        self.place, self.name = content.place, content.path.name.partition(".")[0]
        self.missing = sorted({*MISSING, *reading.missing} - {"", *reading.keep_text})
        self.regular = reading.comment == "none" and not reading.skip_footer and reading.delimiter != " "
        self.columns = self._header()
        self.size = content.path.stat().st_size * (10 if content.packing else 2)  # a guess, until `scan` has measured

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        return digest([self.content.path])

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """Look at all cells of the columns whose kind is not given."""
        check_kinds(self.columns, kinds)
        wanted = [name for name in self.columns if kinds.get(name) != "drop"]
        guesses = guesses_for(wanted, kinds)
        rows = size = 0
        for batch in self.batches(wanted or self.columns[:1]):
            rows, size = rows + batch.num_rows, size + batch.nbytes
            for name, guess in guesses.items():
                guess.see(batch.column(name))
        if rows == 0:
            raise DataError(f"{self.place}: no rows below the header")
        self.size = size
        found, notes, wrong = settle(guesses, self.reading, self.where, kinds)
        if wrong and faults is None:
            raise DataError(next(iter(wrong.values())))
        (faults if faults is not None else {}).update(wrong)
        found = {**kinds, **found}
        return Scan({name: found[name] for name in self.columns}, rows, [*self.notes, *notes])

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """The rows in blocks, every cell as text without white space around it, or null."""
        numbers = [self.columns.index(name) for name in columns]
        for batch in self._blocks(numbers) if self.regular else self._one_by_one(numbers):
            cleaned = [self._clean(column) for column in batch.columns]
            yield arrow().RecordBatch.from_arrays(cleaned, list(columns))

    def where(self, row: int) -> str:
        """The line in the file, found by reading it again."""
        try:
            with closing(self._rows()) as rows:
                first = next(islice(rows, row, None), (0,))[0]
            if first:
                return f"{self.place}, line {first}"
        except (OSError, EOFError, UnicodeError, csv.Error):
            pass
        return f"{self.place}, row {row + 1}"

    def _clean(self, column: Any) -> Any:
        """Cells without white space around them; those that are missing are null."""
        pa, pc = arrow(), compute()
        trimmed = pc.utf8_trim_whitespace(column)
        if self.regular and trimmed.equals(column):
            return column
        gaps = pc.is_in(trimmed, value_set=pa.array(["", *self.missing]))
        return pc.if_else(gaps, pa.scalar(None, pa.string()), trimmed)

    def _blocks(self, numbers: list[int]) -> Iterator[Any]:
        pa = arrow()
        try:
            with closing(self.content.text(self.reading.encoding)) as file:
                self._skip(file)
                if not file.peek(1):
                    return
                yield from parsed(file, self._parsing(numbers))
        except (pa.ArrowInvalid, OSError, EOFError, UnicodeError) as error:
            raise self._fault(str(error)) from None

    def _skip(self, file: Any) -> None:
        """Go to the first row."""
        if file.seekable():
            file.seek(self.start, 1)
        else:
            left = self.start
            while left and (part := file.read(min(left, PIECE))):
                left -= len(part)

    def _parsing(self, numbers: list[int]) -> Parsing:
        from pyarrow import csv as arrow_csv

        reading, names = self.reading, [str(i) for i in range(self.width)]
        options = arrow_csv.ParseOptions(
            delimiter=reading.delimiter,
            quote_char=False if reading.quote == "none" else reading.quote,
            escape_char=False if reading.escape == "none" else reading.escape,
            newlines_in_values=True,
        )
        return Parsing(names, {names[i]: arrow().string() for i in numbers}, options, ["", *self.missing])

    def _one_by_one(self, numbers: list[int]) -> Iterator[Any]:
        """The rows in blocks, where Arrow cannot read them: white space between columns, comments, a footer."""
        pa = arrow()
        try:
            with closing(self._rows()) as rows:
                while part := [row for _, row in islice(rows, ROWS)]:
                    if any(len(row) != self.width for row in part):
                        raise self._fault("")
                    columns = [pa.array([row[i] for row in part], pa.string()) for i in numbers]
                    yield pa.RecordBatch.from_arrays(columns, [str(i) for i in numbers])
        except (OSError, EOFError, UnicodeError, csv.Error) as error:
            raise self._fault(str(error)) from None

    def _rows(self) -> Generator[tuple[int, list[str]], None, None]:
        """The rows one by one, each with the line it begins on."""
        late: deque[tuple[int, list[str]]] = deque()
        with closing(self._text()) as file:
            rows = iter(Records(file, self.reading))
            if self.reading.header == "yes":
                next(rows, None)
            for first, _, row in rows:
                late.append((first, row))
                if len(late) > (self.reading.skip_footer or 0):
                    yield late.popleft()

    def _text(self) -> Any:
        """The lines of the file; bytes that are no text are half of a pair of UTF-16."""
        file = self.content.text(self.reading.encoding)
        return TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")

    def _header(self) -> list[str]:
        """The names of the columns. It finds their number too, and where the first row begins."""
        taken: list[int] = []
        try:
            with closing(self._text()) as file:
                rows = iter(Records(measured(file, taken), self.reading))
                names = next(rows)[2] if self.reading.header == "yes" else []
                self.start = sum(taken if names else taken[: self.reading.skip_rows])
                some = [len(row) for _, _, row in islice(rows, 100)]
        except StopIteration:
            raise DataError(f"{self.place}: the file is empty") from None
        except UnicodeError:
            raise DataError(f"{self.place}: the header is not {self.reading.encoding} text; {OTHER}") from None
        except (OSError, EOFError) as error:
            raise DataError(f"{self.place}: cannot be read: {error}") from None
        except csv.Error as error:
            raise DataError(f"{self.place}: the header cannot be read: {error}") from None
        if any("\udc80" <= c <= "\udcff" for c in "".join(names)):
            raise DataError(f"{self.place}: the header is not {self.reading.encoding} text; {OTHER}")
        if not names:
            names = [""] * (some[0] if some else 1)
        if some and all(n == len(names) + 1 for n in some):  # the names of the rows have none
            names = ["", *names]
        self.width = len(names)
        if len(names) > COLUMNS:
            raise DataError(f"{self.place}: {len(names)} columns; a text file may have {COLUMNS}: use Parquet or NPZ")
        return self._distinct([name.strip() or f"column {i + 1}" for i, name in enumerate(names)])

    def _distinct(self, names: list[str]) -> list[str]:
        """The names, with a number where one is there already."""
        found: dict[str, None] = {}
        for name in names:
            other, number = name, 1
            while other in found:
                number += 1
                other = f"{name} ({number})"
            if other != name:
                self.notes.append(f"{self.place}: two columns are named {name!r}; the later one is {other!r}")
            found[other] = None
        return list(found)

    def _fault(self, text: str) -> DataError:
        """The error for a file that cannot be read, with the line where it is known."""
        if "UTF8" in text or "codec" in text:
            return DataError(f"{self._bad_line()} is not {self.reading.encoding} text; {OTHER}")
        if "straddling" in text or "field larger" in text:
            return DataError(f"{self.place}: a cell is longer than {PIECE >> 20} MiB; is a quote left open?")
        try:
            with closing(self._rows()) as rows:
                fault = self._uneven(rows)
            if fault is not None:
                return fault
        except (OSError, EOFError, UnicodeError, csv.Error):
            pass
        return DataError(f"{self.place}: {(text.splitlines() or ['it cannot be read'])[0][:120]}")

    def _uneven(self, rows: Iterator[tuple[int, list[str]]]) -> DataError | None:
        """The error for the first row that has not as many cells as the header."""
        for line, row in rows:
            n = len(row)
            if n != self.width:
                quote = n < self.width and any("\n" in cell for cell in row)
                cells = f"{n} cell{'s' * (n != 1)}, the header has {self.width}"
                hint = "is a quote left open?" if quote else "mend or remove it"
                return DataError(f"{self.place}, line {line}: {cells}; {hint}")
        return None

    def _bad_line(self) -> str:
        if not self.content.packing:
            with open(self.content.path, "rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        line.decode(self.reading.encoding)
                    except UnicodeDecodeError:
                        return f"{self.place}, line {number}"
        return self.place


def measured(lines: Iterable[str], sizes: list[int]) -> Iterator[str]:
    """The lines, of each of which the number of bytes is put into a list as it is taken."""
    for line in lines:
        sizes.append(len(line.encode("utf-8", "surrogateescape")))
        yield line
