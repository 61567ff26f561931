"""Seven tables that a user would expect to work (data/tables/shared/README.md says what is right for each)."""

import json
from pathlib import Path

import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from table_corpus import D, by_nnx

from nnx.errors import DataError

FOLDER = Path(__file__).parent / "data" / "tables" / "shared"


@pytest.fixture
def trained(nnx, tmp_path):
    """The figures of a short training, and the notes and the model card."""

    def train(name, target="y", *options):
        out = tmp_path / "run"
        command = ["train", FOLDER / name, "--target", target, "--json", "--out", out, *options]
        code, printed, said = nnx(*command)
        assert code == 0, said
        return json.loads(printed.splitlines()[-1]), said, (out / "README.md").read_text()

    return train


def test_percent_words_for_gaps_and_days_first_are_numbers_and_dates(trained):
    figures, said, _ = trained("percent_repeats.csv", "y", "--epochs", "100")
    assert figures["test_r2"] > 0.9, said


def test_a_cross_or_a_blank_is_a_feature(trained):
    figures, said, _ = trained("checkbox.csv", "y", "--epochs", "60")
    assert figures["test_r2"] > 0.9, said


def test_the_index_of_pandas_is_no_feature(trained):
    figures, said, _ = trained("pandas_shuffled.parquet", "y", "--epochs", "20")
    assert figures["test_r2"] < 0.5, said


def test_years_of_two_digits_turn_at_69(nnx):
    found, _ = by_nnx(str(FOLDER / "two_digit_years.csv"), {})
    assert found["d"][0] == "date"
    assert found["d"][1][:3] == list(D("1997-07-04", "1997-04-27", "2001-01-15").cells)
    code, out, _ = nnx("inspect", FOLDER / "two_digit_years.csv")
    assert code == 0 and "1996-01-24 to 2006-12-09" in out


def test_columns_without_names_hold_their_own_cells():
    found, _ = by_nnx(str(FOLDER / "two_unnamed.csv"), {})
    assert {name: cells[:2] for name, (_, cells) in found.items()} == {
        "column 1": [1, 2],
        "column 2": [7, 1],
        "y": [14.5, 2.5],
    }


def test_thousands_with_points_are_thousands_or_refused():
    try:
        found, _ = by_nnx(str(FOLDER / "german_thousands_silent.csv"), {"delimiter": ";", "decimal": ","})
    except DataError as error:
        assert "--thousands ." in str(error)
    else:
        assert found["umsatz"][1][:3] == [2872, 346, 2234]
        assert found["y"][1][:2] == [287.2, 34.6]


def test_a_word_in_an_eighth_of_the_numbers_is_named_with_its_remedy(trained):
    _, said, card = trained("unknown_12_percent.csv", "price", "--epochs", "20")
    assert "'unknown'" in said and "--missing unknown" in said
    assert "unknown" in card
    assert not any("'area'" in line and "left out" in line for line in said.splitlines())
