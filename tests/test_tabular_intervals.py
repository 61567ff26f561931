"""Intervals: values by hand, the definition, coverage on rows not seen, and what a model file holds of them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import Ridge

import nnx
from nnx.backends import backend
from nnx.tabular.intervals import KEPT, Residuals
from nnx.tabular.model import Held, _variance


def test_split_conformal_by_hand():
    one = Residuals.of([[0.5, -1.0, 2.0]])
    np.testing.assert_allclose(one.interval([[10.0, 0.0]], 0.75), [[8, 12], [-2, 2]])  # the third of three
    np.testing.assert_allclose(one.interval([[10.0]], 0.5), [[9, 11]])
    np.testing.assert_array_equal(one.interval([[10.0]], 0.8), [[-np.inf, np.inf]])  # three rows do not tell


def test_members_by_hand():
    two = Residuals.of([[1.0], [3.0, 2.0]])  # for predictions of 0 and 10: above 1, 12, 13, below -1, 8, 7
    np.testing.assert_allclose(two.interval([[0.0], [10.0]], 0.75), [[-1, 13]])
    np.testing.assert_allclose(two.interval([[0.0], [10.0]], 0.5), [[7, 12]])


def test_it_is_the_definition_of_the_paper():
    rng = np.random.default_rng(0)
    errors = [rng.normal(size=n) for n in (30, 40, 31)]
    y = rng.normal(size=(3, 20))
    found, n = Residuals.of(errors).interval(y, 0.9), 101
    for i in range(20):
        above = np.sort(np.concatenate([y[m, i] + abs(e) for m, e in enumerate(errors)]))
        below = np.sort(np.concatenate([y[m, i] - abs(e) for m, e in enumerate(errors)]))
        k = int(np.ceil(0.9 * (n + 1)))
        np.testing.assert_allclose(found[i], [below[n - k], above[k - 1]])


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_split_conformal_has_its_coverage_in_the_mean(coverage):
    rng, hits = np.random.default_rng(0), []
    for _ in range(400):
        ends = Residuals.of([rng.standard_t(3, size=40)]).interval(np.zeros((1, 100)), coverage)
        new = rng.standard_t(3, size=100)
        hits.append(np.mean((ends[:, 0] <= new) & (new <= ends[:, 1])))
    exact = np.ceil(coverage * 41) / 41
    assert np.mean(hits) == pytest.approx(exact, abs=3 * np.std(hits) / 20)


def tables():
    yield "diabetes", *datasets.load_diabetes(return_X_y=True)
    yield "friedman", *datasets.make_friedman1(600, noise=1.0, random_state=0)
    yield "linear", *datasets.make_regression(400, 10, noise=30.0, random_state=0)


@pytest.mark.parametrize("name", ["diabetes", "friedman", "linear"])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_members_that_leave_out_rows_cover_rows_not_seen(name, coverage):
    x, y = next((x, y) for table, x, y in tables() if table == name)
    hits, widths = [], []
    for seed in range(10):
        rows = np.random.default_rng(seed).permutation(len(y))
        train, test = rows[: len(y) // 2], rows[len(y) // 2 :]
        errors, predicted = [], []
        for fold in np.array_split(train, 5):
            fit = Ridge(1e-3).fit(x[np.setdiff1d(train, fold)], y[np.setdiff1d(train, fold)])
            errors.append(y[fold] - fit.predict(x[fold]))
            predicted.append(fit.predict(x[test]))
        ends = Residuals.of(errors).interval(predicted, coverage)
        hits.append(np.mean((ends[:, 0] <= y[test]) & (y[test] <= ends[:, 1])))
        widths.append(np.mean(ends[:, 1] - ends[:, 0]))
    assert abs(np.mean(hits) - coverage) < 0.025  # three standard errors of ten splits, 0.008 each at most
    assert np.mean(widths) < 1.1 * np.mean(np.quantile(y, (1 + coverage) / 2) - np.quantile(y, (1 - coverage) / 2))


def test_many_residuals_are_thinned_and_say_the_same():
    rng = np.random.default_rng(0)
    errors, y = [rng.normal(size=n) for n in (30_000, 20_000, 7)], rng.normal(size=(3, 50)) / 10
    thinned = Residuals.of(errors)
    assert sum(map(len, thinned.members)) <= KEPT and thinned.rows == 50_007 and min(map(len, thinned.members)) == 1
    whole = Residuals(tuple(tuple(np.sort(abs(e)).tolist()) for e in errors), thinned.rows)
    for coverage in (0.1, 0.5, 0.9, 0.99):
        # a quantile in steps of 1 / 4096 where the density of |e| is 0.03 at least
        np.testing.assert_allclose(thinned.interval(y, coverage), whole.interval(y, coverage), atol=0.04)


def test_blocks_of_rows_are_as_all_together(monkeypatch):
    rng = np.random.default_rng(0)
    residuals, y = Residuals.of([rng.normal(size=20), rng.normal(size=30)]), rng.normal(size=(2, 17))
    whole = residuals.interval(y, 0.8)
    monkeypatch.setattr("nnx.tabular.intervals.ROOM", 200)
    np.testing.assert_array_equal(residuals.interval(y, 0.8), whole)
    assert residuals.interval(y[:, :0], 0.8).shape == (0, 2)


def test_members_that_differ_have_a_mean_that_is_wrong_by_less():
    """Errors of a part that all members share and a part of each, of deviations 1 and 2: 5 of one, 2 of four's mean."""
    rng, hits, wide, shrinks = np.random.default_rng(0), [], [], []
    for _ in range(100):
        rows = [rng.permutation(300)[:100] for _ in range(4)]
        noise, own = rng.normal(size=300), 2 * rng.normal(size=(4, 300))
        errors = [noise[r] + own[m, r] for m, r in enumerate(rows)]
        residuals = Residuals.of(errors, rows)
        shrinks.append(residuals.shrink)
        y, new = 2 * rng.normal(size=(4, 200)), rng.normal(size=200)
        ends, plus = residuals.interval(y, 0.9), Residuals.of(errors).interval(y, 0.9)
        hits.append([np.mean((i[:, 0] <= new) & (new <= i[:, 1])) for i in (ends, plus)])
        wide.append([np.mean(i[:, 1] - i[:, 0]) for i in (ends, plus)])
    assert np.mean(shrinks) == pytest.approx(np.sqrt(2 / 5), rel=0.03)
    assert Residuals.of(errors, variance=4.0).shrink == pytest.approx(np.sqrt(2 / 5), rel=0.1)
    assert abs(np.mean(hits, axis=0)[0] - 0.9) < 0.015 and np.mean(hits, axis=0)[1] > 0.97
    assert np.mean(wide, axis=0)[0] < 0.7 * np.mean(wide, axis=0)[1]


def test_rows_that_no_two_members_leave_out_shrink_nothing():
    assert Residuals.of([[1.0, 2.0], [3.0]], [[0, 1], [2]]).shrink is None
    assert Residuals.of([[1.0, 2.0], [3.0]], variance=0.0).shrink == 1
    assert Residuals.of([[0.0], [0.0]], variance=1.0).shrink is None  # there is no error
    with pytest.raises(nnx.DataError, match="2 numbers of rows for 3 errors"):
        Residuals.of([[1.0, 2.0], [3.0]], [[0, 1], []])


@pytest.mark.parametrize("rows", [None, [[0, 1], [1]]])
def test_a_file_gives_them_back(rows):
    residuals = Residuals.of([np.array([0.1, -3.0]), np.array([1e-30])], rows)
    assert Residuals.from_data(json.loads(json.dumps(residuals.to_data()))) == residuals


GOOD = {"rows": 3, "members": [[0.5, 1.0], [2.0]], "shrink": None}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        GOOD | {"more": 1},
        GOOD | {"members": []},
        GOOD | {"members": [[], [1.0]]},
        GOOD | {"members": [[1.0, 0.5]]},
        GOOD | {"members": [[-1.0, 0.5]]},
        GOOD | {"members": [[float("nan")]]},
        GOOD | {"members": [[float("inf")]]},
        GOOD | {"members": [["1"]]},
        GOOD | {"members": [[True]]},
        GOOD | {"members": 3},
        GOOD | {"rows": 2},
        GOOD | {"shrink": 1.5},
        GOOD | {"shrink": "1"},
        GOOD | {"rows": 3.0},
        GOOD | {"rows": 10**30},
        GOOD | {"rows": 10**5, "members": [[1.0] * (KEPT + 2)]},
    ],
)
def test_a_file_that_is_wrong_is_refused(data):
    assert Residuals.from_data(GOOD).rows == 3
    with pytest.raises(nnx.ModelFileError):
        Residuals.from_data(data)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Residuals.of([]), "expected for each member one or more finite numbers"),
        (lambda: Residuals.of([[1.0], []]), "expected for each member one or more finite numbers"),
        (lambda: Residuals.of([[np.nan]]), "expected for each member one or more finite numbers"),
        (lambda: Residuals.of([[1.0]]).interval([[1.0], [2.0]], 0.9), r"of 1 members \(members, rows\), got \(2, 1\)"),
        (lambda: Residuals.of([[1.0]]).interval([[1.0]], 90), "coverage must lie between 0 and 1, got 90"),
    ],
)
def test_what_gives_no_interval_is_one_line(make, text):
    with pytest.raises((nnx.DataError, nnx.SettingError), match=text):
        make()


def test_the_variance_of_networks_is_that_of_those_that_did_not_hold_a_row_out():
    fits = [SimpleNamespace(backend=backend("numpy"), predict=lambda x, add=add: x + add) for add in (0.0, 1.0, 3.0)]
    parts = [Held(None, np.zeros((n, 1)), None) for n in (1, 1, 2)]
    assert _variance(fits, parts, 2.0) == pytest.approx(4 * (2 + 4.5 + 2 * 0.5) / 4)
    assert _variance(fits[:2], parts[:2], 2.0) == 0 and _variance(fits[:1], parts[:1], 2.0) is None


def test_the_mean_of_several_networks_has_narrower_intervals_than_cv_plus():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    model = nnx.TabularRegressor(members=3, epochs=3).fit(X, X[:, 0] + rng.normal(size=90)).model_
    assert 0 < Residuals.from_data(model.about["residuals"]).shrink < 1
