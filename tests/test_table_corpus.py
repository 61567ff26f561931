"""What is read in every small table of table_corpus.py, beside what a careful person reads in it."""

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from table_corpus import CASES, by_nnx, grade, write

from nnx.errors import DataError


@pytest.mark.parametrize("name", CASES)
def test_a_table_is_read_as_a_person_reads_it(name, tmp_path, monkeypatch):
    """Workbooks are written with openpyxl and read with python_calamine, other files with pandas and zstandard."""
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    write(case, tmp_path)
    try:
        found, notes = by_nnx(case.given, case.reading)
    except DataError as error:
        message = str(error)
        assert len(message) <= 200 and "\n" not in message, message
        assert case.may_refuse or (case.refused is not None and case.refused in message), message
        return
    assert case.refused is None, f"read: {found}"
    assert grade(case, found) == ("right", ""), f"{found}; {notes}"
    assert list(found) == list(case.columns)
    assert all(word in " | ".join(notes) for word in case.says), notes
