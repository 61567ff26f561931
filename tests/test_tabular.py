"""TabularClassifier and TabularRegressor: scikit-learn's contract, any table, and the bits of the command."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from conftest import make

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnx

QUICK = dict(preset="fast", epochs=3)
rng = np.random.default_rng(0)
ROWS = 120
X = rng.normal(size=(ROWS, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
Z = X[:, 0] * 10 + 100


def classifier(**settings):
    return nnx.TabularClassifier(**QUICK | settings)


def regressor(**settings):
    return nnx.TabularRegressor(**QUICK | settings)


@pytest.fixture(scope="module")
def made():
    """A classifier of `X`, for tests that ask and do not change it."""
    return classifier().fit(X, Y)


@pytest.fixture(scope="module")
def framed():
    """One of `frame()`."""
    return classifier().fit(frame(), Y)


@cache
def fitted_on(backend):
    """A classifier in float64, trained once on each backend."""
    return classifier(backend=backend, dtype="float64", members=2).fit(X, Y)


def frame():
    """A table of pandas with text, dates, gaps and truths, in types and as text."""
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    own = np.random.default_rng(1)
    days = pd.date_range("2020-01-01", periods=ROWS, freq="D")
    return pd.DataFrame(
        {
            "number": X[:, 0],
            "gap": np.where(own.random(ROWS) < 0.2, np.nan, X[:, 1]),
            "colour": own.choice(["red", "green", "blue"], ROWS),
            "day": days.strftime("%d.%m.%Y"),
            "price": [f"{v:,.2f} EUR" for v in own.random(ROWS) * 5000],
            "flag": own.random(ROWS) < 0.5,
            "when": days,
        }
    )


# ---- scikit-learn

WEIGHTS = "mini-batches and rows held out: a row of weight 2 is not two rows"
EXPECTED = dict.fromkeys(
    ["check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"], WEIGHTS
)


@parametrize_with_checks(
    [classifier(epochs=5, dtype="float64"), regressor(epochs=8, rate=0.01, dtype="float64")],  # checks compare to 1e-7
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


def test_parameters_are_got_set_and_cloned():
    one = classifier(settings={"optimizer.weight_decay": 0.1}, drop=["a"])
    assert clone(one).get_params() == one.get_params()
    assert one.set_params(members=2).members == 2
    assert repr(classifier()) == "TabularClassifier(epochs=3, preset='fast')"


def test_it_is_searched_validated_piped_voted_with_and_calibrated():
    search = GridSearchCV(classifier(), {"epochs": [1, 3], "hidden": [(4,), (8,)]}, cv=2).fit(X, Y)
    assert set(search.best_params_) == {"epochs", "hidden"} and search.predict(X).shape == (ROWS,)
    assert np.isfinite(cross_val_score(regressor(), X, Z, cv=2)).all()
    assert make_pipeline(StandardScaler(), classifier()).fit(X, Y).predict_proba(X).shape == (ROWS, 2)
    voted = VotingClassifier([("a", classifier()), ("b", classifier(random_state=1))], voting="soft").fit(X, Y)
    np.testing.assert_allclose(
        voted.predict_proba(X), sum(e.predict_proba(X) for e in voted.estimators_) / 2, atol=1e-6
    )
    calibrated = CalibratedClassifierCV(classifier(), cv=2).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("copied", ["pickle", "joblib"])
def test_a_fitted_one_is_copied_by(copied, made, tmp_path):
    import joblib

    for one, method in ((made, "predict_proba"), (regressor().fit(X, Z), "predict")):
        if copied == "pickle":
            again = pickle.loads(pickle.dumps(one))
        else:
            joblib.dump(one, tmp_path / "estimator")
            again = joblib.load(tmp_path / "estimator")
        np.testing.assert_array_equal(getattr(again, method)(X), getattr(one, method)(X))


def test_before_fit_it_says_so():
    for method in ("predict", "predict_proba", "explain"):
        with pytest.raises(NotFittedError, match="not fitted"):
            getattr(classifier(), method)(X)
    with pytest.raises(NotFittedError):
        regressor().predict_interval(X)


def test_a_second_fit_forgets_the_first(made):
    one = classifier().fit(X, np.where(Y == 1, "yes", "no"))
    one.fit({"a": X[:, 0], "b": X[:, 1], "label": Y}, "label")
    assert one.classes_.tolist() == [0, 1] and set(one.predict({"a": X[:5, 0], "b": X[:5, 1]})) <= {0, 1}
    assert one.n_features_in_ == 2 and one.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(one.fit(X, Y).predict_proba(X), made.predict_proba(X))


def test_a_second_fit_to_an_array_forgets_the_names_of_columns():
    model = regressor().fit({"a": X[:, 0], "b": X[:, 1]}, Z)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert not hasattr(model.fit(X, Z), "feature_names_in_")


def test_random_states_are_what_scikit_learn_makes_of_them():
    def predicted(state):
        return classifier(random_state=state).fit(X, Y).predict_proba(X)

    np.testing.assert_array_equal(predicted(3), predicted(3))
    np.testing.assert_array_equal(predicted(np.random.RandomState(3)), predicted(np.random.RandomState(3)))
    assert (predicted(3) != predicted(4)).any() and (predicted(None) != predicted(None)).any()


# ---- tables


def forms():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    pl = pytest.importorskip("polars", reason="polars is not installed")
    import pyarrow as pa

    table = frame()
    plain = {name: table[name].tolist() for name in table.columns}
    plain["gap"] = [None if v != v else v for v in plain["gap"]]
    plain["when"] = [v.to_pydatetime() for v in plain["when"]]
    yield "pandas", table
    yield "nullable", table.convert_dtypes()
    yield "arrow types", table.convert_dtypes(dtype_backend="pyarrow")
    yield "polars", pl.DataFrame(plain)
    yield "pyarrow", pa.table(plain)
    yield "columns", plain
    yield "records", pd.DataFrame(plain).to_dict("records")
    yield "objects", table.astype(object)


@pytest.mark.parametrize("place", range(8))
def test_a_table_is_the_same_in_every_form(place, framed):
    name, table = list(forms())[place]
    made = classifier().fit(table, Y)
    assert {c: k.partition(":")[0] for c, k in made.model_.encoder.kinds_.items()} == {
        **dict(number="number", gap="number", colour="text", day="date", price="number", flag="boolean", when="date")
    }, name
    np.testing.assert_array_equal(made.predict_proba(table), framed.predict_proba(frame()))
    np.testing.assert_array_equal(made.predict_proba(frame()), framed.predict_proba(frame()))


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["rows", "sparse", "torch", "jax"])
def test_an_array_is_the_same_in_every_form(kind):
    table = X.astype("float32")
    if kind == "rows":
        given, y = table.tolist(), Y.tolist()
    elif kind == "sparse":
        from scipy import sparse

        given, y = sparse.csr_array(table), Y
    elif kind == "torch":
        torch = pytest.importorskip("torch")
        given, y = torch.asarray(table), torch.asarray(Y)
    else:
        jnp = pytest.importorskip("jax.numpy")
        given, y = jnp.asarray(table), jnp.asarray(Y)
    made, expected = classifier(backend="numpy").fit(given, y), classifier(backend="numpy").fit(table, Y)
    found = made.predict_proba(given)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, expected.predict_proba(table))
    assert made.predict(given).tolist() == expected.predict(table).tolist()


def test_a_sparse_matrix_that_does_not_fit_says_how_large_it_is():
    from scipy import sparse

    huge = sparse.csr_array((1_000_000, 1_000_000_000), dtype="float64")
    with pytest.raises(nnx.OutOfMemoryError, match=r"7,450,580\.6 GiB with its zeros"):
        classifier().fit(huge, Y)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_read_and_the_target_is_a_column_of_it(kind, tmp_path):
    table = frame() if kind == "csv" else frame().drop(columns=["day", "price"])  # text stays text where types are kept
    own, table, path = table, table.assign(label=Y), tmp_path / f"data.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    made, expected = classifier().fit(path, "label"), classifier().fit(table, "label")
    assert made.classes_.tolist() == [0, 1] and made.n_features_in_ == len(list(own))
    np.testing.assert_array_equal(made.predict_proba(path), expected.predict_proba(table))
    np.testing.assert_array_equal(made.predict_proba(str(path)), classifier().fit(own, Y).predict_proba(own))
    assert made.score(path, Y) == expected.score(own, Y)


def test_columns_of_several_types_are_read_as_their_texts():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    mixed = [3, "four", None, 2.5, True, float("nan")] * 20
    table = pd.DataFrame({"a": X[:, 0], "mixed": pd.Series(mixed, dtype=object)})
    made = classifier().fit(table, Y)
    assert made.model_.encoder.kinds_["mixed"] == "text"
    columns = {"a": X[:, 0], "mixed": mixed}
    np.testing.assert_array_equal(classifier().fit(columns, Y).predict_proba(columns), made.predict_proba(table))


def test_columns_are_found_by_name_and_others_may_be_there(framed, made):
    expected = framed.predict_proba(frame())
    np.testing.assert_array_equal(framed.predict_proba(frame()[list(frame())[::-1]].assign(other=1)), expected)
    np.testing.assert_array_equal(framed.predict_proba(frame().assign(target=Y)), expected)
    with pytest.raises(nnx.DataError, match="no column 'gap', which the model needs"):
        framed.predict(frame().drop(columns="gap"))
    assert framed.feature_names_in_.tolist() == list(frame()) and framed.n_features_in_ == 7
    assert not hasattr(made, "feature_names_in_")
    with pytest.raises(nnx.DataError, match="X has 3 features, but TabularClassifier is expecting 4 features as input"):
        made.predict(X[:, :3])


LABELS = {
    "text": ["no", "yes"],
    "truths": [False, True],
    "numbers": [7, 20],
    "floats": [1.0, 2.0],
    "negative": [-1, 1],
    "words for gaps": ["?", "NA"],
    "capitals": ["A", "a"],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_keep_their_type(name, made):
    pairs = LABELS[name]
    y = np.asarray(pairs)[Y]
    own = classifier().fit(X, y)
    assert own.classes_.tolist() == sorted(pairs) and own.classes_.dtype.kind == y.dtype.kind
    found = own.predict(X)
    assert found.dtype.kind == y.dtype.kind and (found == y).mean() > 0.8
    assert own.score(X, y) == (found == y).mean()
    order = [own.classes_.tolist().index(c) for c in pairs]
    np.testing.assert_allclose(own.predict_proba(X)[:, order], made.predict_proba(X), atol=1e-6)


def test_labels_of_frames_keep_their_type(framed):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    series = pd.Series(Y, name="number")  # as a column of X is called
    for y in (series, series.astype("Int64"), series.astype("category"), series.to_frame()["number"], list(series)):
        again = classifier().fit(frame(), y)
        assert again.classes_.tolist() == [0, 1]
        np.testing.assert_array_equal(again.predict_proba(frame()), framed.predict_proba(frame()))
    for y in (series == 1, (series == 1).astype("boolean")):
        assert classifier().fit(frame(), y).classes_.tolist() == [False, True]
    assert classifier().fit(frame().assign(label=Y == 1), "label").predict(frame()).dtype == bool


WRONG = {
    "no target": (dict(y=None), "requires y to be passed, but the target y is None"),
    "lengths": (dict(y=Y[:-1]), r"inconsistent numbers of samples: \[120, 119\]"),
    "missing label": (dict(y=np.where(Y == 1, "a", None)), "y contains NaN or infinity, first in row"),
    "infinite label": (dict(y=np.where(Y == 1, np.inf, 0.0)), "y contains NaN or infinity"),
    "one class": (dict(y=np.zeros(ROWS)), "one class"),
    "labels of two kinds": (dict(y=[1, "1"] * 60), "labels must be of one kind, got text and numbers"),
    "labels of one number": (dict(y=["1", "1.0"] * 60), "spell one number, such as '1' and '1.0'"),
    "blank labels": (dict(y=np.where(Y == 1, "", "a")), "y: the label of row . is blank"),
    "dates as labels": (dict(y=np.datetime64("2020-01-01") + Y), "y must hold labels"),
    "several targets": (dict(y=np.stack([Y, Y], axis=1)), "y should be a 1d array"),
    "unknown column": (dict(X={"a": X[:, 0], "label": Y}, y="lable"), "unknown column 'lable': did you mean 'label'"),
    "empty": (dict(X=X[:0], y=Y[:0]), "the table is empty"),
    "one row": (dict(X=X[:1], y=Y[:1]), "1 sample"),
    "infinite": (dict(X=np.where(X > 2, np.inf, X)), "number too large to learn from: inf"),
    "complex": (dict(X=X + 1j), "Complex data not supported"),
    "three axes": (dict(X=X[None]), "expected an array"),
    "no axes": (dict(X=X[:, 0]), "expected an array"),
    "validation alone": (dict(X_val=X), "X_val needs y_val"),
    "targets alone": (dict(y_val=Y), "y_val is given without X_val"),
    "unknown validation class": (dict(X_val=X, y_val=Y + 1), "of no class that is trained on"),
    "one group": (dict(groups=np.ones(ROWS)), "all rows are of one group"),
    "groups": (dict(groups=np.arange(ROWS - 1)), "groups has 119 rows, X has 120"),
    "weights": (dict(sample_weight=np.ones(ROWS - 1)), "sample_weight has 119 rows, X has 120"),
    "negative weight": (dict(sample_weight=np.arange(ROWS) - 1.0), "sample_weight must be numbers from 0 on, got -1"),
    "NaN weight": (dict(sample_weight=np.full(ROWS, np.nan)), "sample_weight must be numbers from 0 on, got nan"),
    "weights of 0": (dict(sample_weight=np.zeros(ROWS)), "sample_weight is zero in every row"),
    "preset": (dict(preset="fastest"), "unknown preset 'fastest': did you mean 'fast'"),
    "metric": (dict(metric="acuracy"), "unknown metric 'acuracy': did you mean 'accuracy'"),
    "metric of a regression": (dict(metric="r2"), "metric 'r2' is none of a classification"),
    "setting": (dict(settings={"optimizer.wieght_decay": 1}), "did you mean 'optimizer.weight_decay'"),
    "setting of its own": (dict(settings={"data.test": 0.2}), "data.test is not for TabularClassifier"),
    "no settings": (dict(settings="fast"), "settings must be a dict"),
    "time": (dict(time_limit="abc"), "time_limit must be a duration such as 90s, 10m or 1h30m, got 'abc'"),
    "no time": (dict(time_limit=0), "time_limit must be seconds above 0"),
    "negative time": (dict(time_limit=-1.0), "time_limit must be seconds above 0"),
    "backend": (dict(backend="nympy"), "unknown backend 'nympy': did you mean 'numpy'"),
    "members": (dict(members=0), "members must be at least 1"),
    "kind": (dict(kinds={"x0": "numbers"}), "x0"),
    "drop": (dict(drop=["x9"]), "unknown column 'x9'"),
    "class weight": (dict(class_weight={2: 1.0}), "class_weight: unknown class '2'"),
    "weight of a class": (dict(class_weight={1: -1.0}), "class_weight: numbers from 0 on are expected, got -1.0"),
    "epochs": (dict(epochs="ten"), "epochs"),
    "seed": (dict(random_state="a"), "random_state|cannot be used to seed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line(name):
    given, message = WRONG[name]
    data = dict(X=X, y=Y) | {k: v for k, v in given.items() if k in ("X", "y", "X_val", "y_val", "groups")}
    data |= {k: v for k, v in given.items() if k == "sample_weight"}
    settings = {k: v for k, v in given.items() if k not in data}
    with pytest.raises((ValueError, nnx.NNXError), match=message) as caught:
        classifier(**settings).fit(**data)
    assert "\n" not in str(caught.value)


def test_rows_without_a_target_are_refused_or_left_out():
    table = {"a": X[:, 0].tolist(), "label": [None, *map(float, Z[1:])]}
    with pytest.raises(nnx.DataError, match="1 row has no target 'label'"):
        regressor().fit(table, "label")
    made = regressor(settings={"data.missing_target": "drop"}).fit(table, "label")
    assert any("left out" in note for note in made.notes_)


def test_score_takes_the_name_of_the_target_as_fit_does():
    table = frame()
    values, classes = regressor().fit(table, "number"), classifier().fit(table, "colour")
    assert values.score(table, "number") == pytest.approx(values.score(table, table["number"]), abs=1e-6)  # of float32
    assert classes.score(table, "colour") == classes.score(table, table["colour"])
    with pytest.raises(nnx.DataError, match="is of no class that was trained on"):
        classes.score(table.assign(colour="pink"), "colour")


def test_notes_and_errors_name_parameters_and_not_options_of_the_command():
    table = frame().assign(id=range(ROWS))
    notes = regressor().fit(table, "number").notes_
    assert any("kinds={'id': 'number'} keeps it" in note for note in notes) and not any("--" in note for note in notes)
    for settings, target, words in (
        ({"validation": 2.0}, "colour", "^validation must be"),
        ({"drop": ["x"]}, "colour", "^drop: unknown column 'x'"),
        ({}, "number", "too many for classes; for a quantity: TabularRegressor"),
    ):
        with pytest.raises(ValueError, match=words):
            classifier(**settings).fit(table, target)


def test_rows_to_validate_on_without_their_target_are_refused():
    table = frame()
    with pytest.raises(nnx.DataError, match="unknown column 'number'"):
        regressor().fit(table, "number", X_val=table.drop(columns="number"))


def test_an_evaluation_is_shown_by_its_scores():
    shown = repr(regressor().fit(X, Z).evaluation_)
    assert "'r2'" in shown and "array" not in shown


# ---- weights, groups, validation, time


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    weight = np.where(np.arange(ROWS) < 100, 1.0, 0.0)
    table = np.concatenate((X[:100], X[100:] * 1e6))
    made = regressor().fit(table, np.where(weight, Z, 1e9), sample_weight=weight)
    np.testing.assert_array_equal(
        made.predict(X), regressor().fit(X[:100], Z[:100], sample_weight=np.ones(100)).predict(X)
    )


def test_weights_of_classes_are_weights_of_their_rows():
    made = classifier(class_weight={1: 5}).fit(X, Y, sample_weight=np.ones(ROWS))
    np.testing.assert_array_equal(
        made.predict_proba(X), classifier().fit(X, Y, sample_weight=np.where(Y, 5.0, 1.0)).predict_proba(X)
    )
    assert classifier(class_weight="balanced").fit(X, Y).config_.training.class_weight == "balanced"


@pytest.mark.parametrize("kind", ["float64", "int64", "bool"])
def test_weights_of_classes_are_given_by_the_labels_that_y_has(kind):
    y = Y.astype(kind)
    given = classifier(class_weight=dict(zip(np.unique(y), (1, 3), strict=True))).fit(X, y)
    usual = classifier(class_weight={"0": 1, "1": 3}).fit(X, Y.astype(str))
    np.testing.assert_array_equal(given.predict_proba(X), usual.predict_proba(X))


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1"])
def test_the_evaluation_has_the_scores_of_what_is_predicted(metric):
    """The same rows are validated on by all networks, so that they are predicted once."""
    rare = (X[:, 0] > 1.0).astype(int)
    model = classifier(metric=metric, epochs=5).fit(X, rare, X_val=X, y_val=rare)
    assert model.model_.target.threshold != 0.5
    found, guess = model.evaluation_, model.predict(X)
    np.testing.assert_array_equal(found.guess, guess)
    assert found.scores["accuracy"] == pytest.approx((guess == rare).mean())
    shares = [(guess == rare)[rare == k].mean() for k in (0, 1)]
    assert found.scores["balanced_accuracy"] == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1"])
def test_a_metric_that_does_not_move_at_first_ends_no_training(metric):
    """All rows are predicted as the common class for ten epochs and more: the first is as good as those after it."""
    rare = (X[:, 0] + X[:, 1] > 1.9).astype(int)
    assert classifier(metric=metric, epochs=25, rate=1e-4).fit(X, rare).best_epoch_ == 25


def test_rows_of_one_group_are_named_as_a_person_would():
    with pytest.raises(nnx.DataError, match="all rows are of one group, '1'; a network"):
        classifier().fit(X, Y, groups=np.ones(ROWS, int))


def test_rows_of_a_group_are_never_trained_on_and_validated_on_by_one_network(monkeypatch):
    from nnx.tabular import base

    seen, own = [], base.fold

    def fold(prepared, config):
        own(prepared, config)
        seen.extend(prepared.folds)

    monkeypatch.setattr(base, "fold", fold)
    groups = np.arange(ROWS) // 7
    classifier(members=3).fit(X, Y, groups=[f"patient {g}" for g in groups])
    assert len(seen) == 3
    for rows, held in seen:
        assert len(held) and not set(groups[rows]) & set(groups[held])
        assert sorted([*rows, *held]) == list(range(ROWS))


def test_rows_to_validate_on_are_those_of_the_evaluation():
    other = np.random.default_rng(5).normal(size=(30, 4))
    labels = (other[:, 0] > 0).astype(int)
    made = classifier(members=2).fit(X, Y, X_val=other, y_val=labels)
    np.testing.assert_array_equal(made.evaluation_.target, labels)
    np.testing.assert_allclose(made.evaluation_.predicted, made.predict_proba(other), atol=1e-5)
    table = {"a": X[:, 0], "label": Y}
    again = classifier().fit(table, "label", X_val={"label": labels, "a": other[:, 0]})
    np.testing.assert_array_equal(again.evaluation_.target, labels)


def test_a_time_limit_ends_a_training_also_in_threads():
    slow = dict(hidden=(512, 512, 512), batch_size=8, epochs=400, patience=400)  # steps too few to be compiled

    def fitted(k):
        made = regressor(**slow, time_limit="0.5s", random_state=k).fit(X, Z)
        return made.stopped_, len(made.history_["epoch"]), made.predict(X)

    for stopped, epochs, predicted in (fitted(0), *ThreadPoolExecutor(2).map(fitted, range(2))):
        assert stopped == "time" and epochs < 400 and np.isfinite(predicted).all()


def test_fits_in_threads_are_those_one_after_another():
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda k: classifier(random_state=k).fit(X, Y).predict_proba(X), range(4)))
    for k in range(4):
        np.testing.assert_array_equal(found[k], classifier(random_state=k).fit(X, Y).predict_proba(X))


def test_verbose_shows_the_epochs_and_silence_is_silent(capsys):
    classifier().fit(X, Y)
    assert capsys.readouterr() == ("", "")
    classifier(verbose=True).fit(X, Y)
    assert "loss" in "".join(capsys.readouterr())


# ---- the command, files, ONNX, backends


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_it_has_the_bits_of_the_command(task, tmp_path, nnx):
    import nnx as library

    path, out = tmp_path / "data.csv", tmp_path / "run"
    y = np.where(Y == 1, "yes", "no") if task == "classification" else np.round(Z, 3)
    frame().assign(y=y).to_csv(path, index=False)
    code, *_ = nnx("train", path, "--target", "y", "--test", 0, "--seed", 0, "--out", out, "--set", "training.epochs=3")
    assert code == 0
    model = library.load(out / "best.safetensors")
    own = library.TabularClassifier if task == "classification" else library.TabularRegressor
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    for table in (path, pd.read_csv(path)):
        made = own(random_state=0, epochs=3).fit(table, "y")
        assert made.model_.params.keys() == model.params.keys() and len(model.params) > 2
        for name, p in model.params.items():
            np.testing.assert_array_equal(made.model_.params[name], p)
        proba = task == "classification"
        np.testing.assert_array_equal(
            made.model_.predict_table(frame(), proba=proba), model.predict_table(frame(), proba=proba)
        )


def test_a_saved_one_predicts_the_same(tmp_path):
    y = np.where(Y == 1, "yes", "no")
    made = nnx.TabularClassifier(epochs=3).fit(frame(), y)
    made.save(tmp_path / "model.safetensors")
    model = nnx.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.predict_table(frame(), proba=True), made.predict_proba(frame()))
    assert model.predict_table(frame()).tolist() == made.predict(frame()).tolist()
    other = nnx.TabularRegressor(epochs=3).fit(frame(), Z)
    other.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        nnx.load(tmp_path / "model.safetensors").predict_table(frame()), other.predict(frame())
    )


@pytest.mark.torch
@pytest.mark.parametrize("backend", ["torch", "jax", pytest.param("cupy", marks=pytest.mark.gpu)])
def test_backends_agree(backend, request):
    make(request, backend)
    made = fitted_on(backend)
    assert made.model_.backend.name == backend
    found = made.predict_proba(X)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, fitted_on("numpy").predict_proba(X), rtol=1e-9, atol=1e-9)


@pytest.mark.torch
@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_pickle_keeps_every_bit_of_float64(backend, request):
    make(request, backend)
    made = fitted_on(backend)
    again = pickle.loads(pickle.dumps(made))
    assert all("float64" in str(p.dtype) for p in again.model_.params.values())
    np.testing.assert_array_equal(again.predict_proba(X), made.predict_proba(X))


@pytest.mark.parametrize("kind", ["text", "numbers", "regression"])
def test_onnx_takes_the_columns_of_the_table_and_predicts_the_same(kind, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    table = frame()
    own, y = (nnx.TabularRegressor, Z) if kind == "regression" else (nnx.TabularClassifier, Y)
    made = own(epochs=5, members=3).fit(table, np.where(Y == 1, "yes", "no") if kind == "text" else y)
    written = made.to_onnx(tmp_path / "model.onnx")
    assert nnx.to_onnx(made).SerializeToString() == written.SerializeToString()
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, nnx.onnx.feeds(made.model_.encoder, table)), strict=True))
    assert {i.name for i in session.get_inputs()} == set(table)
    if kind == "regression":
        np.testing.assert_allclose(found["prediction"], made.predict(table), rtol=1e-5, atol=1e-3)
    else:
        np.testing.assert_allclose(found["probabilities"], made.predict_proba(table), atol=2e-6)
        assert found["label"].tolist() == [str(label) for label in made.predict(table).tolist()]


def test_onnx_of_what_is_not_fitted_says_so():
    with pytest.raises(nnx.SettingError, match="fit it first"):
        nnx.to_onnx(classifier())


def test_plots_take_what_it_has(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from nnx import plots

    made = classifier().fit(X[:, :2], Y)
    plots.decision_boundary(made, X[:, :2], Y, path=tmp_path / "boundary.png", resolution=20)
    plots.curves(made, path=tmp_path / "curves.png")
    held = made.evaluation_
    plots.confusion_matrix(held.target, held.predicted, held.classes, path=tmp_path / "confusion.png")
    plots.calibration(held.target, held.predicted, path=tmp_path / "calibration.png")
    made.report(tmp_path / "report.html")
    regressor().fit(X, Z).report(tmp_path / "regression.html")
    assert len(list(tmp_path.iterdir())) == 6


def test_weights_by_class_count_alike_in_training_validation_and_temperatures():
    rare = (X[:, 0] > 1.0).astype(int)
    counts = np.bincount(rare)
    weights = {k: len(rare) / (2 * n) for k, n in enumerate(counts.tolist())}
    found = [
        classifier(class_weight=own, epochs=5, calibrate=True).fit(X, rare, X_val=X[:90], y_val=rare[:90])
        for own in ("balanced", weights)
    ]
    for one, other in zip(*(m.history_["validation_loss"] for m in found), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    temperatures = [m.model_.about["temperatures"] for m in found]
    np.testing.assert_allclose(*temperatures, rtol=1e-3)
    usual = classifier(epochs=5, calibrate=True).fit(X, rare, X_val=X[:90], y_val=rare[:90])
    assert abs(found[0].history_["validation_loss"][-1] - usual.history_["validation_loss"][-1]) > 0.01


def test_a_word_that_a_file_would_have_as_a_gap_is_told_in_a_table_in_memory(tmp_path):
    table = {"a": list(np.linspace(0, 1, 90)), "city": ["Oslo", "Rome", "?"] * 30, "y": list(np.linspace(1, 2, 90))}
    told = [note for note in nnx.TabularRegressor("fast", epochs=1).fit(table, "y").notes_ if "a value here" in note]
    assert told == [
        "column 'city': '?' is a value here, in a file it would be missing; "
        "pandas.read_csv(..., na_values=['?']) reads it so"
    ]
    plain = table | {"city": ["Oslo", "Rome", "Bonn"] * 30}
    assert not [
        note for note in nnx.TabularRegressor("fast", epochs=1).fit(plain, "y").notes_ if "a value here" in note
    ]
    lines = ["a,city,y", *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    notes = nnx.TabularRegressor("fast", epochs=1).fit(str(tmp_path / "table.csv"), "y").notes_
    assert not [note for note in notes if "a value here" in note]
