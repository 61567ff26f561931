"""Raw rows in: the ONNX model of a table predicts for its columns as `Model.predict_table` and `nnx predict` do."""

import csv
import datetime

import numpy as np
import pytest

import nnx
from nnx.errors import DataError, SettingError
from nnx.onnx import feeds
from nnx.tables import Target
from nnx.tables.encoding.columns import Hashed
from nnx.tables.encoding.murmur import murmur3

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

CLASSES = ("setosa", "Ölbaum", "10")
CLOCK = datetime.datetime(2019, 12, 30, 21, 15, tzinfo=datetime.UTC)


def session(made):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    given = made if isinstance(made, str) else made.SerializeToString()
    return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def run(made, fed):
    """The outputs of a model by name."""
    opened = session(made)
    names = [output.name for output in opened.get_outputs()]
    return dict(zip(names, opened.run(names, fed), strict=True))


def table(rows=200, seed=0):
    """A column of every kind, with and without gaps."""
    rng = np.random.default_rng(seed)

    def gaps(values, share=0.1):
        return [None if rng.uniform() < share else v for v in values]

    town = rng.choice(
        ["Oslo", "Rome", "São Paulo", "東京", "rare one", "rare two"], rows, p=[0.3, 0.3, 0.2, 0.18, 0.01, 0.01]
    )
    names = [f"käufer {i} {'é' * (i % 7)}" for i in rng.integers(min(60, rows // 3 + 1), size=rows)]
    return {
        "size (m²)": rng.normal(50, 20, rows).tolist(),
        "price": gaps(rng.lognormal(10, 3, rows).tolist()),
        "town": gaps(town.tolist()),
        "grade": rng.choice(["a", "b"], rows).tolist(),
        "buyer": gaps(names),
        "seller": names[::-1],
        "sold": gaps(rng.choice([True, False], rows).tolist()),
        "new": rng.choice([True, False], rows).tolist(),
        "born": gaps(
            [datetime.date(1990, 1, 1) + datetime.timedelta(days=int(d)) for d in rng.integers(9000, size=rows)]
        ),
        "rooms": rng.integers(1, 6, rows).tolist(),
        "floor": gaps([31, 32, *rng.integers(1, 6, rows).tolist()][:rows]),
        "lift": gaps(["x"] * rows, 0.5),
        "area": gaps([75.5] * rows, 0.5),
        "label": [CLOCK + datetime.timedelta(seconds=float(s)) for s in rng.uniform(0, 4e7, rows)],
    }


def strange(columns):
    """Rows with what the encoder never saw: other values, gaps in every column, markers of gaps, far numbers."""
    rows = {name: [*values[:20], None, None] for name, values in columns.items()}
    towns = ["Paris", "rome", "", "NA", "?", "rare one", "Rome ", "\t", None, "東"]
    buyers = ["", "NA", "?", "x", "ab", "abc", "abcd", "日本語", "🙂" * 9, "é" * 300, " ", None]
    rows["town"][: len(towns)], rows["buyer"][: len(buyers)] = towns, buyers
    rows["grade"][3:7] = ["c", "", None, "nan"]
    rows["floor"][:4] = rows["rooms"][:4] = [7, 2, -1, 31]
    rows["lift"][:4] = ["y", "NA", "", None]
    rows["price"][:4] = [1e30, -1e30, 0.0, -0.0]
    rows["label"][:2] = [
        datetime.datetime(1900, 3, 1, tzinfo=datetime.UTC),
        datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC),
    ]
    return rows


def model(path, encoder, target, *, hidden=8, dtype="float32", **options):
    """A model file with random weights, read back."""
    width = len(target.classes) or 1
    net = nnx.mlp((hidden,), width)
    loss = nnx.SoftmaxCrossEntropy() if target.classes else nnx.SquaredError()
    params = nnx.init(net, encoder.width, seed=3, dtype=dtype)
    nnx.save(path, net, params, loss=loss, encoder=encoder, target=target)
    return nnx.load(path, **options)


def agrees(made, model, rows):
    """The graph's outputs are those of the model for these rows."""
    found = list(run(made, feeds(model, rows)).values())
    if model.target.classes:
        np.testing.assert_array_equal(found[0], model.predict_table(rows))
        np.testing.assert_allclose(found[1], model.predict_table(rows, proba=True), rtol=0, atol=1e-6)
    else:
        np.testing.assert_allclose(found[0], model.predict_table(rows), rtol=1e-6, atol=1e-6 * model.target.scale)
        assert found[0].dtype == np.float64


TARGETS = {"classes": Target("kind", CLASSES), "values": Target("rent", (), 1234.5, 77.0)}


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("scale", ["robust", "standard"])
def test_raw_rows_are_predicted_as_by_the_model(tmp_path, scale, task, opset):
    columns = table()
    encoder = nnx.TableEncoder(scale=scale, buckets=16).fit(columns)
    assert {c.kind for c in encoder.columns_} == {
        "number",
        "levels",
        "category",
        "hashed",
        "boolean",
        "presence",
        "date",
    }
    assert {c.clock for c in encoder.columns_ if c.kind == "date"} == {True, False}
    loaded = model(tmp_path / "m.safetensors", encoder, TARGETS[task])
    made = nnx.to_onnx(loaded, tmp_path / "m.onnx", opset=opset)
    agrees(made, loaded, columns)
    agrees(str(tmp_path / "m.onnx"), loaded, strange(columns))


def test_codes_become_what_the_encoder_makes_of_them():
    columns = {name: table()[name] for name in ("town", "price")}
    encoder = nnx.TableEncoder(embed=2).fit(columns)
    assert encoder.columns_[0].kind == "coded"
    graph = nnx.onnx.Graph(dtype="float64")
    x = nnx.onnx.encode(graph, encoder, nnx.onnx.inputs(graph, encoder))
    graph.output("x", x, "float32", ["rows", encoder.width])
    for rows in (columns, {name: strange(table())[name] for name in columns}):
        np.testing.assert_allclose(
            run(graph.model("an encoder"), feeds(encoder, rows))["x"], encoder.transform(rows), rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_in_pieces_become_what_the_encoder_makes_of_them(dtype):
    rng = np.random.default_rng(0)
    columns = {
        "a": rng.normal(size=200),
        "b": rng.exponential(size=200),
        "day": np.datetime64("2024-01-01", "s") + 86400 * np.arange(200),
    }
    columns["b"][::7] = np.nan
    encoder = nnx.TableEncoder(bins=6, dtype=dtype).fit(columns)
    assert [c.kind for c in encoder.columns_] == ["pieces", "pieces", "date"]
    graph = nnx.onnx.Graph(dtype="float64")
    x = nnx.onnx.encode(graph, encoder, nnx.onnx.inputs(graph, encoder))
    graph.output("x", x, dtype, ["rows", encoder.width])
    columns["a"][:4] = [-1e9, 1e9, np.nan, 0.0]
    made = run(graph.model("an encoder"), feeds(encoder, columns))["x"]
    np.testing.assert_allclose(made, encoder.transform(columns), rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-6)


@pytest.mark.parametrize("name", list(table(1)))
def test_a_column_alone_becomes_what_the_encoder_makes_of_it(name):
    columns = {name: table()[name]}
    encoder = nnx.TableEncoder(buckets=8, dtype="float64").fit(columns)
    graph = nnx.onnx.Graph(dtype="float64")
    x = nnx.onnx.encode(graph, encoder, nnx.onnx.inputs(graph, encoder))
    graph.output("x", x, "float64", ["rows", encoder.width])
    made = graph.model("an encoder")
    for rows in (columns, {name: strange(table())[name]}):
        np.testing.assert_allclose(
            run(made, feeds(encoder, rows))["x"], encoder.transform(rows), rtol=1e-13, atol=1e-13
        )


@pytest.mark.parametrize("encoder_type", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_types_of_encoder_and_network_may_differ(tmp_path, encoder_type, dtype):
    columns = table(60)
    encoder = nnx.TableEncoder(buckets=8, dtype=encoder_type).fit(columns)
    loaded = model(tmp_path / "m.safetensors", encoder, TARGETS["classes"], dtype=dtype)
    made = nnx.to_onnx(loaded, dtype="float64")
    p = run(made, feeds(loaded, columns))["probabilities"]
    assert p.dtype == np.float64
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(p, loaded.predict_table(columns, proba=True), rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", [0, 5, 2**31 - 1, 2**31, 2**32 - 1, -1])
def test_hashes_are_those_of_the_tables(seed):
    texts = ["", "a", "ab", "abc", "abcd", "NA", "\0", "é", "日本", "🙂", "x" * 1000, "\ud7ff\uffff"]
    graph = nnx.onnx.Graph()
    v = graph.input("v", "str", ["rows", 1])
    for i, own in enumerate(Hashed("v", 8, seed, False).seeds):
        hashed = graph.node("MurmurHash3", v, domain="com.microsoft", seed=own, positive=1)
        graph.output(f"h{i}", graph.cast(hashed, "int64"), "int64", ["rows", 1])
    found = run(graph.model(""), {"v": np.asarray(texts, dtype=object)[:, None]})
    for i, own in enumerate(Hashed("v", 8, seed, False).seeds):
        np.testing.assert_array_equal(found[f"h{i}"][:, 0], murmur3(texts, own))


def test_missing_rows_of_hashed_text_are_zero_everywhere():
    encoder = nnx.TableEncoder(buckets=8, max_categories=2).fit({"t": [*"abcdefghij"] * 3 + [None]})
    graph = nnx.onnx.Graph()
    graph.output("x", nnx.onnx.encode(graph, encoder, nnx.onnx.inputs(graph, encoder)), "float32", ["rows", 9])
    x = run(graph.model(""), {"t": np.asarray([[""], ["a"], ["NA"]], dtype=object)})["x"]
    assert x[0].tolist() == [0] * 8 + [1]
    assert np.array_equal(x[1:], encoder.transform({"t": ["a", "NA"]})) and x[1:, 8].tolist() == [0, 0]


def test_free_text_and_folded_case_are_refused_in_one_line():
    texts = [f"red car {i % 3} of many" for i in range(40)]
    for encoder, message in (
        (nnx.TableEncoder(kinds={"t": "words"}), "column 't' is free text, .*: --drop t, or --kind t=category, and"),
        (nnx.TableEncoder(fold_case=True), "column 't' has its case folded, .*: no fold_case"),
    ):
        with pytest.raises(SettingError, match=message):
            nnx.onnx.inputs(nnx.onnx.Graph(), encoder.fit({"t": texts}))


def test_inputs_are_the_columns_in_any_spelling(tmp_path):
    rng = np.random.default_rng(0)
    names = [
        "label",
        "label_",
        "probabilities",
        "a b",
        "größe/€",
        "Concat",
        "constant",
        "rows",
        "x",
        '"',
        "名前:0",
        " ",
    ]
    columns = {name: rng.normal(size=30).tolist() for name in names}
    encoder = nnx.TableEncoder().fit(columns)
    loaded = model(tmp_path / "m.safetensors", encoder, TARGETS["classes"])
    made = nnx.to_onnx(loaded)
    opened = session(made)
    assert [i.name for i in opened.get_inputs()] == names
    assert [o.name for o in opened.get_outputs()] == ["label__", "probabilities_"]
    agrees(made, loaded, columns)
    reversed_ = {name: columns[name] for name in [*names[::-1]]} | {"other": [""] * 30}
    agrees(made, loaded, reversed_)


def test_an_input_says_what_it_takes(tmp_path):
    encoder = nnx.TableEncoder(buckets=8).fit(table())
    made = nnx.to_onnx(model(tmp_path / "m.safetensors", encoder, TARGETS["values"]))
    about = {i.name: i.doc_string for i in made.graph.input}
    assert about["born"] == "seconds since 1970-01-01 UTC; NaN is missing"
    assert about["town"].startswith("text; empty is missing")
    assert [o.name for o in made.graph.output] == ["prediction"]


def test_one_row_none_and_many(tmp_path):
    columns = table()
    loaded = model(tmp_path / "m.safetensors", nnx.TableEncoder(buckets=8).fit(columns), TARGETS["classes"])
    made = nnx.to_onnx(loaded)
    agrees(made, loaded, {name: values[:1] for name, values in columns.items()})
    agrees(made, loaded, {name: values * 20 for name, values in columns.items()})
    none = pa.table(columns).slice(0, 0)
    found = run(made, feeds(loaded, none))
    assert found["label_"].shape == (0,)
    assert found["probabilities"].shape == (0, 3)


def test_tables_of_many_libraries_make_the_same_feeds(tmp_path):
    pandas, columns = pytest.importorskip("pandas"), table(30)
    encoder = nnx.TableEncoder(buckets=8, min_count=1).fit(columns)
    wanted = feeds(encoder, columns)
    assert {v.shape for v in wanted.values()} == {(30, 1)}
    assert {v.dtype for v in wanted.values()} == {np.dtype("float64"), np.dtype(object)}
    pa.parquet = pytest.importorskip("pyarrow.parquet")
    pa.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    for other in (pa.table(columns), pandas.DataFrame(columns), tmp_path / "t.parquet", str(tmp_path / "t.parquet")):
        found = feeds(encoder, other)
        assert list(found) == list(wanted)
        for name in wanted:
            np.testing.assert_array_equal(found[name], wanted[name])


def test_columns_of_an_array_take_the_names_that_fit_saw(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    encoder = nnx.TableEncoder().fit(x)
    loaded = model(tmp_path / "m.safetensors", encoder, TARGETS["values"])
    fed = feeds(loaded, x)
    assert list(fed) == ["x0", "x1", "x2"]
    agrees(nnx.to_onnx(loaded), loaded, x)


def test_an_encoder_without_a_target_and_a_target_without_an_encoder(tmp_path):
    columns = table()
    encoder = nnx.TableEncoder(buckets=8).fit(columns)
    loaded = model(tmp_path / "m.safetensors", encoder, TARGETS["classes"])
    x, wanted = encoder.transform(columns), loaded.predict_table(columns)
    loaded.target = None
    found = run(nnx.to_onnx(loaded, classes=CLASSES), feeds(loaded, columns))
    np.testing.assert_array_equal(found["label_"], wanted)
    loaded.encoder, loaded.target = None, TARGETS["classes"]
    found = run(nnx.to_onnx(loaded), {"x": x})
    np.testing.assert_array_equal(found["label"], wanted)


def test_what_cannot_be_done_is_one_line(tmp_path):
    columns = {"a": [1.0, 2, 3, 4], "": [1.0, 5, 2, 7]}
    nameless = nnx.TableEncoder().fit(columns)
    with pytest.raises(SettingError, match=r"a column has the name '', which no input can have: rename it"):
        nnx.to_onnx(model(tmp_path / "m.safetensors", nameless, TARGETS["values"]))
    encoder = nnx.TableEncoder().fit({"a": columns["a"]})
    loaded = model(tmp_path / "m.safetensors", encoder, TARGETS["classes"])
    with pytest.raises(SettingError, match="the model has a target with its classes: leave classes= out"):
        nnx.to_onnx(loaded, classes=CLASSES)
    with pytest.raises(SettingError, match="opset must be from 13 to 21, got 12"):
        nnx.to_onnx(loaded, opset=12)
    with pytest.raises(DataError, match="no column 'a', which the model needs"):
        feeds(loaded, {"b": [1.0]})
    with pytest.raises(DataError, match="column 'a' holds 'x', expected a number"):
        feeds(loaded, {"a": ["1", "x"]})
    with pytest.raises(SettingError, match="expected a model saved with its encoder, or an encoder, got MLP"):
        feeds(nnx.MLPClassifier(), {"a": [1.0]})
    loaded.target = Target("kind", CLASSES[:2])
    with pytest.raises(SettingError, match="the target has 2 classes, the network 3 outputs"):
        nnx.to_onnx(loaded)
    loaded.encoder = nnx.TableEncoder().fit({"a": [1.0, None, 2.0, 5.0]})
    with pytest.raises(SettingError, match="the encoder gives 2 columns, the network expects 1"):
        nnx.to_onnx(loaded)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """`nnx` in this process, in a folder of its own: what it prints."""
    import nnx.cli as cli

    monkeypatch.chdir(tmp_path)

    def call(*args):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(a) for a in args])
        out, err = capsys.readouterr()
        assert not stopped.value.code, err
        return out

    return call


def raw(path, made):
    """The cells of a CSV file as the inputs of a model: text as it is written, but for NA; numbers by float()."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    fed = {}
    for i in onnx.load(made).graph.input:
        cells = [["" if row[i.name] == "NA" else row[i.name]] for row in rows]
        if i.type.tensor_type.elem_type == onnx.TensorProto.STRING:
            fed[i.name] = np.asarray(cells, dtype=object)
        else:
            fed[i.name] = np.asarray([[float(c) if c else np.nan] for (c,) in cells])
    return fed


def answers(text):
    return list(csv.DictReader(text.splitlines()))


def test_an_exported_run_predicts_a_csv_as_nnx_predict_does(command):
    import nnx.tables.sources.files as files

    data = str(files.resources.files("nnx.tables").joinpath("sets", "penguins.csv"))
    command("train", data, "--target", "species", "--out", "run", "--epochs", 8, "--hidden", 8, "-q")
    labels = [row["species"] for row in answers(command("predict", "run", data))]
    p = [[float(v) for v in row.values()] for row in answers(command("predict", "run", data, "--proba"))]
    assert set(labels) > {labels[0]}
    for opset in (13, 21):
        command("export", "run", "run.onnx", "--opset", opset)
        for fed in (raw(data, "run.onnx"), feeds(nnx.load("run/best.safetensors"), data)):
            found = run("run.onnx", fed)
            assert found["label"].tolist() == labels
            np.testing.assert_allclose(found["probabilities"], p, rtol=0, atol=1e-6)


def test_an_exported_regression_predicts_a_csv_as_nnx_predict_does(command):
    columns = {name: ["" if v is None else str(v) for v in values] for name, values in table(300).items()}
    columns["label"] = [v.replace("+00:00", "Z") for v in columns["label"]]
    rent = np.random.default_rng(1).normal(900, 300, 300) + 10 * np.asarray([float(v) for v in columns["size (m²)"]])
    for path, rows in (("train.csv", {**columns, "rent": rent}), ("new.csv", columns)):
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=";").writerows([list(rows), *zip(*rows.values(), strict=True)])
    command("train", "train.csv", "--target", "rent", "--delimiter", ";", "--out", "run", "--epochs", 5, "-q")
    wanted = [float(row["rent"]) for row in answers(command("predict", "run", "new.csv"))]
    loaded = nnx.load("run/best.safetensors")
    assert len({c.kind for c in loaded.encoder.columns_}) == 7
    for opset in (13, 21):
        command("export", "run", "run.onnx", "--opset", opset)
        found = run("run.onnx", feeds(loaded, "new.csv"))["prediction"]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("kind", ["classes", "yes or no", "values", "several values"])
def test_a_pipeline_of_an_encoder_and_an_estimator_is_exported_whole(kind, tmp_path):
    pipelines = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    rows = {name: column for name, column in table().items() if name != "label"}  # the name of an output
    rng = np.random.default_rng(1)
    y = {
        "classes": rng.choice(np.asarray(CLASSES), 200),
        "yes or no": rng.integers(0, 2, 200),
        "values": rng.normal(size=200),
        "several values": rng.normal(size=(200, 2)),
    }[kind]
    est = nnx.MLPRegressor if "values" in kind else nnx.MLPClassifier
    whole = pipelines.make_pipeline(nnx.TableEncoder(), est(hidden_layer_sizes=(5,), max_iter=3, random_state=0))
    with pytest.warns(UserWarning, match="Stochastic Optimizer"):
        whole.fit(rows, y)
    found = run(nnx.to_onnx(whole, dtype="float64"), feeds(whole, rows))
    if "values" in kind:
        np.testing.assert_allclose(found["prediction"], whole.predict(rows), rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(found["label"], whole.predict(rows))
        np.testing.assert_allclose(found["probabilities"], whole.predict_proba(rows), rtol=1e-5, atol=1e-6)
    with pytest.raises(SettingError, match="leave loss= out"):
        nnx.to_onnx(whole, loss=nnx.SquaredError())
