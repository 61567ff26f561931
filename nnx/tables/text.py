"""Tables in text: CSV, TSV. Cells are read as text; what each column holds is found from all of them."""

import csv
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from ..errors import DataError
from .cells import MISSING, arrow
from .reading import Reading
from .settle import guesses_for, settle
from .source import Scan, check_columns, check_kinds, digest

BLOCK = 1 << 22  # bytes read at once
LINE = 1 << 24  # bytes that the first line may have
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
COLUMNS = 20_000  # more than these in a text file are taken for a mistake


class TextFile:
    """A CSV or TSV file with a header, perhaps compressed (.csv.gz)."""

    target: str | None = None

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path, self.place, self.name = path, str(path), path.name.partition(".")[0]
        suffixes = [s.lower() for s in path.suffixes]
        self.delimiter = reading.delimiter.replace("\\t", "\t") or ("\t" if ".tsv" in suffixes else ",")
        self.encoding, self.missing, self.asked = reading.encoding or "utf-8", reading.missing, reading
        self.reading = replace(
            reading, delimiter=self.delimiter, encoding=self.encoding, decimal=reading.decimal or "."
        )
        self.plain = suffixes[-1:] not in ([".gz"], [".bz2"], [".zst"])
        if self.plain:
            self._sniff()
        self._check_first_line()
        self.columns = self._header()
        self.size = self.path.stat().st_size * (2 if self.plain else 10)  # a guess, until `scan` has measured it

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        return digest([self.path])

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
        found, notes, wrong = settle(guesses, self.asked, self.where, kinds)
        if wrong and faults is None:
            raise DataError(next(iter(wrong.values())))
        (faults if faults is not None else {}).update(wrong)
        found = {**kinds, **found}
        return Scan({name: found[name] for name in self.columns}, rows, notes)

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """The rows in blocks, every cell as text."""
        pa = arrow()
        reader = self._open(list(columns))
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowInvalid, OSError) as error:
                raise self._fault(str(error)) from None
            yield batch.rename_columns(list(columns))

    def where(self, row: int) -> str:
        """The line in the file, found by reading it again."""
        try:
            with closing(self._lines()) as lines:
                for number, (line, _) in enumerate(lines):
                    if number == row + 1:
                        return f"{self.place}, line {line}"
        except (OSError, UnicodeError, csv.Error):
            pass
        return f"{self.place}, row {row + 1}"

    def _open(self, columns: list[str]) -> Any:
        pa = arrow()
        from pyarrow import csv as arrow_csv

        text, names = pa.string(), [self.written[self.columns.index(name)] for name in columns]
        try:
            return arrow_csv.open_csv(
                self.path,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    encoding=self.encoding,
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    strings_can_be_null=True,
                    null_values=[*MISSING, *self.missing],
                    column_types=dict.fromkeys(names, text),
                    include_columns=names,
                ),
            )
        except (pa.ArrowException, OSError) as error:
            raise self._fault(str(error)) from None

    def _header(self) -> list[str]:
        try:
            with closing(self._lines()) as lines:
                _, names = next(lines)
        except StopIteration:
            raise DataError(f"{self.place}: the file is empty") from None
        except UnicodeError:
            raise DataError(f"{self.place}: the header is not {self.encoding} text; {self._other_encoding}") from None
        except LookupError:
            raise DataError(f"{self.place}: no such encoding: {self.encoding!r}") from None
        except OSError as error:
            raise DataError(f"{self.place}: cannot be read: {error.strerror or error}") from None
        except csv.Error as error:
            raise DataError(f"{self.place}: the header cannot be read: {error}") from None
        if any("\udc80" <= c <= "\udcff" for c in "".join(names)):
            raise DataError(f"{self.place}: the header is not {self.encoding} text; {self._other_encoding}")
        other = [mark for mark in SEPARATORS if mark != self.delimiter and mark in names[0]] if len(names) == 1 else []
        if other:
            mark = "\\t" if other[0] == "\t" else other[0]
            raise DataError(
                f"{self.place}: one column named {names[0][:40]!r}; if a {SEPARATORS[other[0]]} parts the columns: "
                f"--delimiter '{mark}'"
            )
        if len(names) > COLUMNS:
            raise DataError(f"{self.place}: {len(names)} columns; a text file may have {COLUMNS}: use Parquet or NPZ")
        if names and all(_is_number(name) for name in names):
            raise DataError(f"{self.place}: the first line holds numbers, not names: put a header line above the rows")
        self.written, names = names, [name or f"column {i + 1}" for i, name in enumerate(names)]
        check_columns(self.place, names)
        return names

    @property
    def _other_encoding(self) -> str:
        return "save the file as UTF-8, or say --encoding latin-1"

    def _lines(self) -> Generator[tuple[int, list[str]], None, None]:
        """The rows that are not blank, each with the number of the line it ends on; slow, for messages."""
        encoding = "utf-8-sig" if self.encoding.lower().replace("-", "") == "utf8" else self.encoding
        raw: Any = open(self.path, "rb") if self.plain else arrow().input_stream(str(self.path))  # noqa: SIM115
        limit = csv.field_size_limit(1 << 26)
        try:
            with raw, TextIOWrapper(raw, encoding, errors="surrogateescape", newline="") as file:
                reader = csv.reader(file, delimiter=self.delimiter)
                for row in reader:
                    if row:
                        yield reader.line_num, row
        finally:
            csv.field_size_limit(limit)

    def _fault(self, text: str) -> DataError:
        """The error for a file that pyarrow cannot read, with the line where it is known."""
        if "UTF8" in text or "encoding" in text.lower():
            return DataError(f"{self._bad_line()} is not {self.encoding} text; {self._other_encoding}")
        if "straddling" in text:
            return DataError(f"{self.place}: a cell is longer than {BLOCK >> 20} MiB; is a quote left open?")
        try:
            with closing(self._lines()) as lines:
                fault = self._uneven(lines)
            if fault is not None:
                return fault
        except (OSError, UnicodeError, csv.Error):
            pass
        return DataError(f"{self.place}: {text.splitlines()[0][:120]}")

    def _uneven(self, lines: Iterator[tuple[int, list[str]]]) -> DataError | None:
        """The error for the first row that has not as many cells as the header."""
        last, expected = 0, len(self.columns)
        for line, row in lines:
            n = len(row)
            if n != expected:
                quote = n < expected and line > last + 1  # the row spans lines
                cells = f"{n} cell{'s' * (n != 1)}, the header has {expected}"
                hint = "is a quote left open?" if quote else "mend or remove it"
                return DataError(f"{self.place}, line {last + 1 if quote else line}: {cells}; {hint}")
            last = line
        return None

    def _bad_line(self) -> str:
        if self.plain:
            with open(self.path, "rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        line.decode(self.encoding)
                    except UnicodeDecodeError:
                        return f"{self.place}, line {number}"
        return self.place

    def _sniff(self) -> None:
        """Raise DataError for files that are no text."""
        try:
            with open(self.path, "rb") as file:
                head = file.read(4096)
        except OSError as error:
            raise DataError(f"{self.place}: cannot be read: {error.strerror}") from None
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") and "16" not in self.encoding:
            raise DataError(f"{self.place}: this is UTF-16 text; save it as UTF-8, or say --encoding utf-16")
        if head[:4] == b"PK\x03\x04":
            raise DataError(f"{self.place}: a ZIP or Excel file, not text; export the sheet as CSV")
        if b"\x00" in head and "16" not in self.encoding:
            raise DataError(f"{self.place}: not a text file (it holds zero bytes)")

    def _check_first_line(self) -> None:
        """Raise DataError for a file whose first line is too long to be a header."""
        try:
            with arrow().input_stream(str(self.path)) as file:
                for _ in range(LINE >> 16):
                    part = file.read(1 << 16)
                    if not part or b"\n" in part or b"\r" in part:
                        return
        except (arrow().ArrowException, OSError) as error:
            raise DataError(f"{self.place}: cannot be read: {str(error)[:100]}") from None
        raise DataError(f"{self.place}: the first line is longer than {LINE >> 20} MiB: no header of a table")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
