"""Monotone columns: no prediction ever goes the wrong way, whatever the parameters are, from a layer to the command."""

import numpy as np
import pytest

import nnx

pytestmark = pytest.mark.filterwarnings("ignore:.*(converge|TOTAL NO)")  # short fits do not
ULPS = 4  # a prediction is a sum in floats: what rows differ by when it is added up in another order


def paths(rows, column, low, high, steps=200):
    """Each row `steps` times, with one column along a grid."""
    many = np.repeat(rows[:, None, :], steps, axis=1)
    many[:, :, column] = np.linspace(low, high, steps)
    return many.reshape(-1, rows.shape[1])


def falls(predicted, sign, steps=200):
    """By how much the predictions of `paths` go the wrong way at most, over what rounding explains."""
    y = np.asarray(predicted, dtype=np.float64).reshape(-1, steps)
    room = ULPS * np.finfo(np.asarray(predicted).dtype).eps * np.abs(y).max()
    return float(np.max(-sign * np.diff(y, axis=1))) - room


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "selu", "softplus", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_parameters_make_an_output_go_the_wrong_way(activation, dtype):
    net = nnx.monotone_mlp((12, 7), 2, rising=(0, 3), falling=(4,), activation=activation, free_outputs=1)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        params = nnx.init(net, 6, seed=seed, dtype=dtype)
        params = {
            n: (p * 3.0 ** rng.uniform(-2, 3) + rng.normal(size=p.shape)).astype(dtype) for n, p in params.items()
        }
        rows = rng.normal(size=(20, 6))
        for column, sign in ((0, 1), (3, 1), (4, -1)):
            y = nnx.predict(net, params, paths(rows, column, -6, 6).astype(dtype))
            assert falls(y[:, 1], sign) <= 0 and np.ptp(y[:, 1].reshape(20, 200), axis=1).max() > 0
            assert np.ptp(y[:, 0].reshape(20, 200), axis=1).max() <= ULPS * np.finfo(dtype).eps * np.abs(y[:, 0]).max()


def test_other_columns_are_free():
    x = np.random.default_rng(0).uniform(-1, 1, size=(400, 2))
    y = np.sin(5 * x[:, 1:]) * (1 + np.tanh(3 * x[:, :1])) - 2 * np.abs(x[:, 1:])
    net = nnx.monotone_mlp((32, 32), 1, rising=(0,))
    fit = nnx.fit(net, x, y, loss="squared_error", optimizer=nnx.Adam(0.01), epochs=150, batch_size=50)
    assert fit.history["loss"][-1] < 0.2 * y.var()  # falls and rises with x1; as well as it can where it falls with x0
    assert falls(fit.predict(paths(x[:30], 0, -2, 2)), 1) <= 0


def test_one_hidden_layer_bends_both_ways():
    """A sum of rising convex and concave functions of one number is a line where the truth is an S."""
    x = np.linspace(-1, 1, 200)[:, None]
    y = np.tanh(6 * x)
    line = np.mean((y - x * (x * y).sum() / (x * x).sum()) ** 2)
    net = nnx.monotone_mlp((48,), 1, rising=(0,), free=0.0)
    fit = nnx.fit(net, x, y, loss="squared_error", optimizer=nnx.Adam(0.01), epochs=300, batch_size=50)
    assert fit.history["loss"][-1] < 0.02 * line


def test_weights_act_by_their_size_and_the_sign_of_the_column():
    net = nnx.MonotoneDense(2, rising=(0,), falling=(2,), free=1)
    W = np.array([[-1.0, -2.0], [-3.0, -4.0], [5.0, -6.0]])
    y, saved = net.evaluate({"W": W, "b": np.zeros(2)}, np.eye(3))
    assert y.tolist() == [[0.0, 2.0], [-3.0, -4.0], [0.0, -6.0]]
    _, grads = net.backprop({"W": W, "b": np.zeros(2)}, saved, np.ones((3, 2)))
    assert grads["W"].tolist() == [[0.0, -1.0], [1.0, 1.0], [0.0, 1.0]]
    zero = {"W": np.zeros((3, 2)), "b": np.zeros(2)}
    _, grads = net.backprop(zero, net.evaluate(zero, np.eye(3))[1], np.ones((3, 2)))
    assert grads["W"].tolist() == [[0.0, 1.0], [1.0, 1.0], [0.0, -1.0]]  # a weight of 0 learns


def test_rising_from_a_number_on_is_all_columns_from_it_on():
    params = nnx.init(nnx.MonotoneDense(4, rising=2, free=1), 5)
    x = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
    several = (nnx.predict(nnx.MonotoneDense(4, rising=r, free=1), params, x) for r in (2, (2, 3, 4)))
    assert np.array_equal(*several)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nnx.MonotoneDense(3, rising=(0,), falling=(0,)), "cannot both rise and fall with column"),
        (lambda: nnx.MonotoneDense(3, rising=1, falling=(4,)), "cannot both rise and fall with column"),
        (lambda: nnx.MonotoneDense(3, free=4), "free must be at most units = 3, got 4"),
        (lambda: nnx.MonotoneDense(3, rising=(2, 1)), "columns must ascend"),
        (lambda: nnx.init(nnx.MonotoneDense(3, rising=(5,)), 4), "x has 4 features, rising and falling name column 5"),
        (lambda: nnx.MonotoneDense(3, rising=5).shapes((4,)), "x has 4 features, rising and falling name column 4"),
        (lambda: nnx.MonotoneActivation(nnx.GELU()), "activation must rise everywhere"),
        (lambda: nnx.init(nnx.MonotoneActivation(nnx.ReLU(), free=9), 4), "x has 4 columns, free says 9"),
        (lambda: nnx.monotone_mlp((8,), 1, rising=(0,), activation="silu"), "activation must rise everywhere"),
        (lambda: nnx.monotone_mlp((8,), 1, rising=(0,), free=1.0), "free must be at least 0 and below 1"),
    ],
)
def test_a_wrong_setting_is_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


X = np.random.default_rng(0).normal(size=(300, 4))
Z = np.tanh(2 * X[:, 0]) - X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * np.random.default_rng(1).normal(size=300)
SIGNS = {0: 1, 1: -1}


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn is not installed")


def estimators():
    quick = dict(monotonic_cst=[1, -1, 0, 0], max_iter=25, random_state=0)
    yield lambda **own: nnx.MLPRegressor(**quick | own), Z, lambda model, x: model.predict(x)
    yield lambda **own: nnx.MLPClassifier(**quick | own), Z > 0, lambda model, x: model.predict_proba(x)[:, 1]


@pytest.mark.parametrize("task", [0, 1])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"hidden_layer_sizes": (16, 8), "activation": ["tanh", "elu"], "dropout": 0.1, "solver": "adamw"},
        {"solver": "lbfgs", "activation": "logistic"},
        {"hidden_layer_sizes": (), "alpha": 10.0},
        {"early_stopping": True, "warm_start": True},
    ],
)
def test_an_estimator_is_monotone(sklearn, task, settings):
    make, y, predict = list(estimators())[task]
    model = make(**settings).fit(X, y)
    for column, sign in SIGNS.items():
        assert falls(predict(model, paths(X[:40], column, -6, 6)), sign) <= 0


def test_least_squares_are_monotone(sklearn):
    model = nnx.MLPRegressor(hidden_layer_sizes=(9,), solver="lm", monotonic_cst=[1, -1, 0, 0], max_iter=30).fit(X, Z)
    assert all(falls(model.predict(paths(X[:40], column, -6, 6)), sign) <= 0 for column, sign in SIGNS.items())
    assert model.score(X, Z) > 0.6


def test_a_network_without_a_sign_is_the_usual_one_bit_for_bit(sklearn):
    settings = dict(max_iter=5, random_state=0, tol=1e9)
    with_zeros, plain = (nnx.MLPRegressor(monotonic_cst=c, **settings).fit(X, Z) for c in ([0] * 4, None))
    assert all(np.array_equal(a, b) for a, b in zip(with_zeros.coefs_, plain.coefs_, strict=True))


def test_columns_of_a_frame_are_named(sklearn):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    settings = dict(max_iter=5, random_state=0)
    named = nnx.MLPRegressor(monotonic_cst={"b": -1, "a": 1}, **settings).fit(frame, Z)
    listed = nnx.MLPRegressor(monotonic_cst=[1, -1, 0, 0], **settings).fit(X, Z)
    assert np.array_equal(named.predict(frame), listed.predict(X))
    with pytest.raises(ValueError, match="unexpected feature names"):
        nnx.MLPRegressor(monotonic_cst={"price": 1}).fit(frame, Z)


def test_networks_trained_together_are_monotone(sklearn):
    make, y, _ = next(estimators())
    members = nnx.EnsembleRegressor(make(), n_estimators=3, random_state=0).fit(X, y)
    search = nnx.PopulationSearchCV(make(), {"alpha": [0.0, 1.0], "hidden_layer_sizes": [(9,), (16,)]}, cv=2).fit(X, y)
    for column, sign in SIGNS.items():
        assert falls(members.predict(paths(X[:20], column, -6, 6)), sign) <= 0
        assert falls(search.predict(paths(X[:20], column, -6, 6)), sign) <= 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "layer"}, "may turn the sign of a column"),
        ({"activation": "gelu"}, "activation must rise everywhere"),
        ({"out_activation": "silu"}, "needs an out_activation that rises everywhere"),
        ({"monotonic_cst": [1, 0]}, "has 4 features"),
        ({"monotonic_cst": [2, 0, 0, 0]}, "must be an array-like of -1, 0 or 1"),
    ],
)
def test_what_cannot_be_monotone_is_refused(sklearn, settings, message):
    with pytest.raises(ValueError, match=message):
        nnx.MLPRegressor(**{"monotonic_cst": [1, -1, 0, 0]} | settings).fit(X, Z)


def test_three_classes_and_scikit_learns_own_network_are_refused(sklearn):
    with pytest.raises(ValueError, match="two classes"):
        nnx.MLPClassifier(monotonic_cst=[1, 0, 0, 0]).fit(X, np.arange(300) % 3)
    with pytest.raises(ValueError, match="scikit-learn has no such network"):
        nnx.MLPRegressor(monotonic_cst=[1, 0, 0, 0], max_iter=2).fit(X, Z).to_sklearn()


def table(seed, rows=240):
    """Numbers with and without gaps, whole numbers of few values, truths, and text."""
    rng = np.random.default_rng(seed)
    price, age, rooms = rng.lognormal(3, 1, rows), rng.uniform(18, 60, rows), rng.integers(1, 6, rows)
    town, x, new = rng.choice(["Rome", "Oslo", "Bern"], rows), rng.normal(size=rows), rng.random(rows) < 0.5
    z = np.log(price) - 0.05 * age + rooms + (town == "Oslo") + np.sin(2 * x) + new + rng.normal(size=rows)
    gaps = [None if rng.random() < 0.1 else float(a) for a in age]
    columns = dict(price=price.tolist(), age=gaps, rooms=rooms.tolist(), new=new.tolist())
    return columns | dict(town=town.tolist(), x=x.tolist()), z


GRIDS = {"price": np.linspace(-20, 4000, 200), "age": np.linspace(0, 100, 200), "rooms": np.arange(200) // 8 - 5}
MONOTONE = {"price": 1, "age": -1, "rooms": 1, "new": 1}


def along(columns, name, grid, rows=12):
    """The first rows of a table, each with one column along a grid."""
    many = {n: [v for v in values[:rows] for _ in grid] for n, values in columns.items()}
    return many | {name: np.tile(grid, rows).tolist()}


@pytest.mark.parametrize(("seed", "settings"), [(0, {}), (1, {"activation": "tanh", "members": 1})])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_model_of_a_table_is_monotone(sklearn, task, seed, settings, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    columns, z = table(seed)
    kind = nnx.TabularRegressor if task == "regression" else nnx.TabularClassifier
    y = z if task == "regression" else z > np.median(z)
    model = kind("best", monotone=MONOTONE, **{"members": 4, "epochs": 8} | settings).fit(columns, y)
    model.save(tmp_path / "model.safetensors")
    read = nnx.load(tmp_path / "model.safetensors")
    for name, grid in GRIDS.items():
        rows = along(columns, name, grid)
        p = model.predict(rows) if task == "regression" else model.predict_proba(rows)[:, 1]
        assert falls(np.asarray(p, dtype="float32"), MONOTONE[name]) <= 0
        assert np.ptp(p) > 0 and np.array_equal(
            read.predict_table(rows), model.predict(rows).astype(str if y is not z else float)
        )
    if task == "regression":
        ends = model.predict_interval(along(columns, "price", GRIDS["price"]))
        assert max(falls(ends[:, k].astype("float32"), 1) for k in (0, 1)) <= 0
        no, yes = (model.predict(along(columns, "new", [new])) for new in (False, True))
        assert (no <= yes).all()


def test_a_model_of_a_table_exports_as_it_predicts(sklearn, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from nnx.onnx import feeds

    columns, z = table(2)
    model = nnx.TabularRegressor(monotone=MONOTONE, members=2, epochs=3).fit(columns, z)
    made = nnx.to_onnx(model, tmp_path / "model.onnx")
    rows = along(columns, "age", GRIDS["age"])
    opened = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    p = np.ravel(opened.run(None, feeds(model.model_, rows))[0])
    assert np.allclose(p, model.predict(rows), rtol=1e-4, atol=1e-4) and falls(p.astype("float32"), -1) <= 0


@pytest.mark.parametrize(
    ("monotone", "message"),
    [
        ({"town": 1}, "column 'town' holds (text|category); only a number, duration or boolean can be"),
        ({"prise": 1}, "did you mean 'price'"),
        ({"z": 1}, "'z' is the target"),
        ({"price": 2}, "rises by 1, falls by -1, is free by 0; got 2"),
        ({"x": 1}, "column 'x' is left out"),
    ],
)
def test_a_column_that_cannot_be_monotone_is_refused(sklearn, monotone, message):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    columns, z = table(0, rows=60)
    with pytest.raises(ValueError, match=message) as error:
        nnx.TabularRegressor(monotone=monotone, drop="x", epochs=1).fit(columns | {"z": z.tolist()}, "z")
    assert "\n" not in str(error.value)


def test_three_classes_of_a_table_and_an_activation_that_falls_are_refused(sklearn):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    columns, _ = table(0, rows=60)
    with pytest.raises(ValueError, match=r"monotone is for a regression or two classes; .* has 3"):
        nnx.TabularClassifier(monotone={"price": 1}, epochs=1).fit(columns, ["a", "b", "c"] * 20)
    with pytest.raises(ValueError, match="activation must rise everywhere"):
        nnx.TabularClassifier(monotone={"price": 1}, activation="gelu").fit(columns, ["a", "b"] * 30)


def test_the_command_takes_signs_of_columns(sklearn, tmp_path, monkeypatch, capsys):
    pytest.importorskip("click", reason="click is not installed")
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import csv

    from nnx.cli import main

    monkeypatch.chdir(tmp_path)
    columns, z = table(0)
    names = {"price": "price, net", "age": "age=years"}
    columns = {names.get(n, n): values for n, values in columns.items()} | {"z": z.tolist()}
    csv.write_csv(pa.table(columns), "data.csv")
    quick = ["--epochs", "3", "--out", "run", "--monotone", "price, net=+1,age=years=-1", "--monotone", "rooms=1"]
    try:
        main(["train", "data.csv", "--target", "z", "--quiet", "--test", "0", *quick])
    except SystemExit as end:
        assert not end.code
    signs = {"price, net": 1, "age=years": -1, "rooms": 1}
    from nnx.cli.config import of_run

    assert of_run(tmp_path / "run" / "config.toml")[0].data.monotone == signs
    read = nnx.load("run/best.safetensors")
    same = nnx.TabularRegressor(monotone=signs, epochs=3).fit("data.csv", "z")
    rows = {name: values[:50] for name, values in columns.items() if name != "z"}
    assert np.array_equal(read.predict_table(rows), same.predict(rows))


def test_a_picture_shows_the_weights_as_they_act(sklearn):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from nnx.plots.network import _columns, _parts

    model = nnx.MLPRegressor(hidden_layer_sizes=(6,), monotonic_cst=[1, -1, 0, 0], max_iter=2, random_state=0).fit(X, Z)
    assert (model.coefs_[0][:2] < 0).any() and (model.coefs_[0][:2] > 0).any()
    for net, params in (_parts(model, None), (model._objective().net, model._weights())):
        W, last = (w for _, w in _columns(net, params))
        assert (W[0] >= 0).all() and (W[1] <= 0).all() and np.array_equal(W[2:], model.coefs_[0][2:])
        assert (last[1:] >= 0).all()
