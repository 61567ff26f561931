"""Tables in text: CSV and its kin. Cells are read as text; what each column holds is found from all of them."""

import csv
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from io import BufferedReader, TextIOWrapper
from itertools import chain, islice
from typing import Any

from ...errors import DataError
from ..kinds.cells import arrow
from ..reading import Reading
from .content import BROKEN, Content, Raw
from .headers import RULE
from .kept import Kept, as_floats, typed
from .names import distinct
from .parse import PIECE, Parsing, parsed
from .records import Records, lines_of
from .scanning import clean, gaps, in_blocks, scanned
from .source import Scan, digest
from .uneven import check

OTHER = "save the file as UTF-8, or say --encoding cp1252"
SOME = 100  # rows that are compared with the header
COLUMNS = 20_000  # more than these in a text file are taken for a mistake


class TextFile:
    """A table in text, read as a settled Reading says.

    Where that is what Arrow can read, blocks are read by it, else rows one by one by Python's csv module.
    """

    target: str | None = None

    def __init__(self, content: Content, reading: Reading, notes: Sequence[str] = (), memory: int = 0) -> None:
        self.memory, self.kept, self.types = memory, Kept(0), dict[str, Any]()
        self.content, self.reading, self.notes = content, reading, list(notes)
        self.place, self.name = content.place, content.name
        self.missing = gaps(reading)
        self.given: dict[str, str] = {}  # kinds of columns that the file tells
        self.checked = False  # its uneven rows
        self.regular = reading.comment == "none" and not reading.skip_footer and reading.delimiter != " "
        self.columns = self._header()
        self.regular = self.regular and self.width > 1  # else Arrow takes a line of blanks for a row
        self.size = content.path.stat().st_size * (10 if content.packing else 2)  # a guess, until `scan` has measured

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        return digest([self.content.path])

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """Look at all cells of the columns whose kind is not given."""
        small = self.content.path.stat().st_size <= self.memory
        self.kept = Kept(self.memory if small else 0)
        found, self.size = scanned(self, {**self.given, **kinds}, faults, self.notes, self._first)
        self.kept.whole = True
        return found

    def batches(self, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The rows in blocks, every cell as text without white space around it, or null.

        Texts may be coded, and fractions floats where they will be read as numbers.
        """
        kept = self.kept.serve(columns, kinds or {})
        if kept is not None:
            yield from kept
            return
        fine = {name for name in columns if as_floats((kinds or {}).get(name, "text"))}
        types = {n: t for n, t in self.types.items() if n in fine or not arrow().types.is_floating(t)}
        yield from self._cleaned(columns, types)

    def _first(self, columns: Sequence[str]) -> Iterator[Any]:
        """The rows in blocks, the first of text, then each column of the type that is best for it.

        They are kept while there is room.
        """
        with closing(self._cleaned(columns, {})) as batches:
            some = [*islice(batches, 2)]
        left: Iterable[Any] = some[:1]
        if len(some) > 1:
            self.types = typed(some[0])
            left = chain(left, _after(some[0].num_rows, self._cleaned(columns, self.types)))
        for batch in left:
            self.kept.add(batch)
            yield batch

    def _cleaned(self, columns: Sequence[str], types: Mapping[str, Any]) -> Generator[Any, None, None]:
        numbers = {self.first + self.columns.index(name): types.get(name, arrow().string()) for name in columns}
        for batch in self._blocks(numbers) if self.regular else self._one_by_one(list(numbers)):
            cleaned = [clean(column, self.missing, parsed=self.regular) for column in batch.columns]
            yield arrow().RecordBatch.from_arrays(cleaned, list(columns))

    def where(self, row: int) -> str:
        """The line in the file, found by reading it again."""
        try:
            with closing(self._rows()) as rows:
                first = next(islice(rows, row, None), (0,))[0]
            if first:
                return f"{self.place}, line {first}"
        except (*BROKEN, UnicodeError, csv.Error):
            pass
        return f"{self.place}, row {row + 1}"

    def _blocks(self, numbers: dict[int, Any]) -> Iterator[Any]:
        pa, done = arrow(), 0
        try:
            with closing(self.content.text(self.reading.encoding)) as file:
                self._skip(file)
                if not file.peek(1):
                    return
                for batch in parsed(file, self._parsing(numbers)):
                    done += batch.num_rows
                    yield batch
            return
        except (pa.ArrowInvalid, *BROKEN, UnicodeError) as error:
            if "Expected" not in str(error):
                raise self._fault(str(error)) from None
        self.regular = False
        yield from self._one_by_one(list(numbers), done)

    def _skip(self, file: Any) -> None:
        """Go to the first row."""
        if file.seekable():
            file.seek(self.start, 1)
        else:
            left = self.start
            while left and (part := file.read(min(left, PIECE))):
                left -= len(part)

    def _parsing(self, numbers: dict[int, Any]) -> Parsing:
        from pyarrow import csv as arrow_csv

        reading, names = self.reading, [str(i) for i in range(self.width)]
        options = arrow_csv.ParseOptions(
            delimiter=reading.delimiter,
            quote_char=False if reading.quote == "none" else reading.quote,
            escape_char=False if reading.escape == "none" else reading.escape,
            newlines_in_values=True,
        )
        return Parsing(names, {names[i]: kind for i, kind in numbers.items()}, options, ["", *self.missing])

    def _one_by_one(self, numbers: list[int], done: int = 0) -> Iterator[Any]:
        """The rows after the first so many, where Arrow cannot read them: comments, a footer, uneven rows."""
        try:
            with closing(self._rows()) as rows:
                even = (self._even(row) for _, row in islice(rows, done, None))
                yield from in_blocks(even, numbers, [str(i) for i in numbers])
        except (*BROKEN, UnicodeError, csv.Error) as error:
            raise self._fault(str(error)) from None

    def _even(self, row: list[str]) -> Sequence[str | None]:
        """A row with as many cells as the header has. Raises: DataError."""
        if len(row) == self.width:
            return row
        if not self.checked:
            with closing(self._rows()) as rows:
                self.notes += check(rows, self.width, self.place, self.reading)
            self.checked = True
        return [*row, *[None] * (self.width - len(row))][: self.width]

    def _rows(self) -> Generator[tuple[int, list[str]], None, None]:
        """The rows one by one, each with the line it begins on."""
        late: deque[tuple[int, list[str]]] = deque()
        with closing(text_of(self.content, self.reading.encoding)) as file:
            records = Records(lines_of(file), self.reading)
            rows, first = iter(records), 1
            try:
                for _ in range((self.reading.header == "yes") + self.rule):
                    next(rows, None)
                for first, _, row in rows:
                    late.append((first, row))
                    if len(late) > (self.reading.skip_footer or 0):
                        yield late.popleft()
            except csv.Error:
                raise self._too_long(records.first) from None
            if records.odd:
                raise DataError(f"{self.place}, line {first}: is a quote left open? The cell goes on to the end")

    def _header(self) -> list[str]:
        """The names of the columns. It finds their places too, and where the first row begins."""
        taken: list[str] = []
        self.rule = False  # under the names
        try:
            with closing(text_of(self.content, self.reading.encoding)) as file:
                records = Records(_noted(lines_of(file), taken), self.reading)
                rows = iter(records)
                names = next(rows)[2] if self.reading.header == "yes" else []
                begin = len(taken) if names else self.reading.skip_rows or 0
                some = [row for _, _, row in islice(rows, SOME)]
                if names and some and all(RULE.fullmatch(cell.strip()) for cell in some[0]):
                    self.rule, some = True, some[1:]
                    begin += next(i for i, line in enumerate(taken[begin:], 1) if line.strip())
                self.start = sum(len(line.encode("utf-8", "surrogateescape")) for line in taken[:begin])
        except StopIteration:
            raise DataError(f"{self.place}: the file is empty") from None
        except UnicodeError:
            raise DataError(f"{self.place}: the header is not {self.reading.encoding} text; {OTHER}") from None
        except BROKEN as error:
            raise DataError(f"{self.place}: cannot be read: {error}") from None
        except csv.Error:
            raise self._too_long(records.first) from None
        if any("\udc80" <= c <= "\udcff" for c in "".join(names)):
            raise DataError(f"{self.place}: the header is not {self.reading.encoding} text; {OTHER}")
        apart = f"{self.reading.delimiter} {self.reading.quote}"  # a quote after a blank is none for Arrow
        self.regular = self.regular and not any(apart in line for line in taken)
        return self._placed(names, some)

    def _placed(self, names: list[str], some: list[list[str]]) -> list[str]:
        """The names as they are above these first rows, which may have a cell more."""
        names = names or [""] * (len(some[0]) if some else 1)
        if names[0].startswith("# ") and not any(name.startswith("#") for name in names[1:]):
            names = [names[0].removeprefix("# "), *names[1:]]  # in a comment
        self.width, self.first = len(names), 0
        if some and all(len(row) == len(names) + 1 for row in some):
            self.width += 1
            if any(row[-1].strip() for row in some):  # as R writes it: the names of the rows have none
                self.first = int([row[0] for row in some] == [str(i) for i in range(1, len(some) + 1)])
                names = names if self.first else ["", *names]
        if self.width > COLUMNS:
            raise DataError(f"{self.place}: {self.width} columns; a text file may have {COLUMNS}: use Parquet or NPZ")
        return distinct(self.place, names, self.notes)

    def _fault(self, text: str) -> DataError:
        """The error for a file that cannot be read, with the line where it is known."""
        if "UTF8" in text or "codec" in text:
            return DataError(f"{self._bad_line()} is not {self.reading.encoding} text; {OTHER}")
        if "straddling" in text or "field larger" in text or "left open" in text:
            return self._long_cell()
        return DataError(f"{self.place}: {(text.splitlines() or ['it cannot be read'])[0][:120]}")

    def _long_cell(self) -> DataError:
        """The error for a cell that is too long or does not end, with its line where it is found again."""
        with suppress(*BROKEN, UnicodeError), closing(self._rows()) as rows:
            try:
                deque(rows, 0)
            except DataError as error:
                return error
        return self._too_long()

    def _too_long(self, line: int = 0) -> DataError:
        place = f"{self.place}, line {line}" if line else self.place
        return DataError(f"{place}: a cell is longer than {PIECE >> 20} MiB; is a quote left open?")

    def _bad_line(self) -> str:
        with suppress(*BROKEN), BufferedReader(Raw(self.content.open())) as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode(self.reading.encoding)
                except UnicodeDecodeError:
                    return f"{self.place}, line {number}"
        return self.place


def text_of(content: Content, encoding: str) -> TextIOWrapper:
    """A file as text; bytes that are none are half of a pair of UTF-16."""
    return TextIOWrapper(content.text(encoding), "utf-8", errors="surrogateescape", newline="")


def _after(rows: int, batches: Iterable[Any]) -> Iterator[Any]:
    """The batches without the first so many rows."""
    for batch in batches:
        if rows < batch.num_rows:
            yield batch.slice(rows)
        rows = max(rows - batch.num_rows, 0)


def _noted(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """The lines, each put into a list as it is taken."""
    for line in lines:
        taken.append(line)
        yield line
