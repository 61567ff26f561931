"""What is read in every small table of table_corpus.py, beside what a careful person reads in it."""

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from table_corpus import CASES, Found, grade, plain, write

from nnx.errors import DataError
from nnx.tables import Reading, cells, open_table
from nnx.tables.cells import parted


def found_in(path: str, reading: dict) -> tuple[Found, list[str]]:
    """The kind and the cells of each column that is read, and the notes."""
    source = open_table(path, Reading(**reading))
    scan = source.scan({})
    kinds = {name: kind for name, kind in scan.kinds.items() if kind != "drop"}
    found = {name: ("text" if parted(k)[0] in ("category", "words") else parted(k)[0], []) for name, k in kinds.items()}
    first = 0
    for batch in source.batches(list(kinds)):
        for name, kind in kinds.items():
            found[name][1].extend(plain(cells(source, batch, name, kind, first).tolist()))
        first += batch.num_rows
    assert first == scan.rows
    return found, scan.notes


@pytest.mark.parametrize("name", CASES)
def test_a_table_is_read_as_a_person_reads_it(name, tmp_path):
    """Of a workbook, with python-calamine; it is written with openpyxl."""
    case = CASES[name]
    path = write(case, tmp_path)
    try:
        found, notes = found_in(str(path), case.reading)
    except DataError as error:
        message = str(error)
        assert len(message) <= 220 + len(str(tmp_path)) and "\n" not in message
        assert case.may_refuse or (case.refused is not None and case.refused in message), message
        return
    assert case.refused is None, found
    assert grade(case, found) == ("right", ""), found
    assert list(found) == list(case.columns)
    for word in case.says:
        assert word in " | ".join(notes)
