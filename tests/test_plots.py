"""Pictures hold the data they are given; the report is one page that holds everything and trusts nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import nnx
from nnx.evaluation import Evaluation, Importance, scores

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from nnx import plots
from nnx.training import rate_range

RNG = np.random.default_rng(0)
HISTORY = {
    "epoch": [1, 2, 3, 4],
    "loss": [2.0, 1.0, 0.5, 0.3],
    "validation_loss": [2.1, 1.2, 0.8, 0.9],
    "validation_accuracy": [0.2, 0.5, 0.8, 0.7],
    "rate": [0.1] * 4,
    "seconds": [0.1] * 4,
    "samples_per_second": [9.0] * 4,
}
TARGET = RNG.integers(0, 3, 80)
P = np.eye(3)[TARGET] * 0.7 + 0.1
P[::7] = [0.2, 0.5, 0.3]
HOSTILE = "<script>alert(1)</script>"


def texts(figure):
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


# ---- figures


def test_the_curves_are_the_history():
    losses, metrics = plots.curves(HISTORY, best_epoch=3).axes
    assert [list(line.get_ydata()) for line in losses.lines[:2]] == [HISTORY["loss"], HISTORY["validation_loss"]]
    assert list(metrics.lines[0].get_ydata()) == HISTORY["validation_accuracy"]
    assert list(losses.lines[2].get_xdata()) == [3, 3]


@pytest.mark.parametrize("ending, head", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_written_where_there_is_a_path(tmp_path, ending, head):
    plots.curves({"epoch": [1], "loss": [0.0]}, tmp_path / f"a.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes().startswith(head)


def test_a_figure_shows_itself_in_a_notebook_without_pyplot():
    import subprocess
    import sys

    code = (
        "import sys; from nnx import plots; f = plots.residuals([1., 2.], [1., 3.]); data, size = f._repr_png_(); "
        "assert data[:4] == b'\\x89PNG' and size['width'] == 540; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_drawing_leaves_matplotlibs_settings_alone():
    from matplotlib import rcParams

    before = dict(rcParams)
    plots.curves(HISTORY)
    assert dict(rcParams) == before


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(nnx.NNXError, match=r"pip install 'nnx-array\[plot\]'"):
        plots.curves(HISTORY)


def test_the_confusion_matrix_counts_the_rows():
    figure = plots.confusion_matrix(TARGET, P, ["a", "b", "c"])
    counts = {(int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text()) for t in figure.axes[0].texts}
    guess = P.argmax(axis=1)
    expected = {(i, j): int(((i == TARGET) & (guess == j)).sum()) for i in range(3) for j in range(3)}
    assert counts == {pair: n for pair, n in expected.items() if n}
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]


def test_one_column_of_probabilities_is_that_of_the_second_class():
    target, p = np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.9, 0.8, 0.7, 0.2])
    for given in (p, p[:, None], np.stack([1 - p, p], axis=1), (p > 0.5).astype(int)):
        figure = plots.confusion_matrix(target, given, ["no", "yes"])
        assert [t.get_text() for t in figure.axes[0].texts] == ["1", "1", "1", "2"]
        assert plots.calibration(target, p).axes[0].get_title(loc="left").endswith("error 0.460")
    with pytest.raises(nnx.DataError, match="class numbers from 0 to 1, got 2"):
        plots.confusion_matrix(target + 1, target, ["no", "yes"])


def test_of_many_classes_the_most_confused_are_drawn_and_the_picture_says_so():
    k = 50
    target = np.repeat(np.arange(k), 3)
    guess = target.copy()
    guess[target == 40] = 7
    figure = plots.confusion_matrix(target, guess, [f"c{i}" for i in range(k)])
    shown = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert len(shown) == 30 and {"c7", "c40"} <= set(shown)
    assert "the 30 most confused of 50 classes" in texts(figure)


def test_the_reliability_diagram_is_scikit_learns():
    import sklearn.calibration as calibration

    p = RNG.uniform(size=500)
    target = (RNG.uniform(size=500) < p**2).astype(int)
    found = plots.reliability(target, p)
    happened, said = calibration.calibration_curve(target, p, n_bins=10)
    np.testing.assert_allclose(found.happened, happened, rtol=1e-12)
    np.testing.assert_allclose(found.said, said, rtol=1e-12)
    assert found.rows.sum() == 500
    line = plots.calibration(target, p).axes[0].lines[1]
    np.testing.assert_array_equal(line.get_ydata(), found.happened)


def test_the_calibration_error_by_hand():
    found = plots.reliability([0, 1, 1, 2], [[0.9, 0.1, 0.0]] * 2 + [[0.2, 0.6, 0.2]] * 2)  # right, wrong, right, wrong
    np.testing.assert_allclose(found.said, [0.6, 0.9])
    np.testing.assert_allclose(found.happened, [0.5, 0.5])
    assert found.error == pytest.approx(0.5 * 0.1 + 0.5 * 0.4)


def test_a_regression_is_drawn_point_by_point():
    t, y = RNG.normal(size=50), RNG.normal(size=50)
    points = plots.predicted_against_true(t, y).axes[0].lines[1]
    np.testing.assert_array_equal(points.get_xydata(), np.stack([t, y], axis=1))
    left, right = plots.residuals(t, y[:, None]).axes
    np.testing.assert_allclose(left.lines[1].get_xydata(), np.stack([y, t - y], axis=1))
    assert sum(bar.get_width() for bar in right.patches) == 50


def test_of_many_rows_some_are_drawn_and_the_picture_says_so():
    t = RNG.normal(size=5000)
    figure = plots.predicted_against_true(t, t)
    assert len(figure.axes[0].lines[1].get_xdata()) == 2000
    assert "2,000 of 5,000 rows, chosen by chance" in texts(figure)


def test_importance_is_sorted_and_says_how_many_columns_there_are():
    mean = RNG.permutation(30) / 30
    figure = plots.importance([f"c{i}" for i in range(30)], mean, np.full(30, 0.01), score="R²")
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == sorted(mean, reverse=True)[:20]
    assert figure.axes[0].get_yticklabels()[0].get_text() == f"c{mean.argmax()}"
    assert {"the first 20 of 30 columns", "fall of the R² when shuffled"} <= set(texts(figure))


X2 = RNG.normal(size=(60, 2))
Y2 = (X2[:, 0] > 0).astype(int)


def fitted():
    return nnx.fit(
        nnx.mlp((8,), 2), X2, Y2, loss="softmax_cross_entropy", epochs=40, batch_size=16, optimizer=nnx.Adam(0.02)
    )


def estimator():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    words = np.where(Y2 == 1, "yes", "no")
    model = nnx.MLPClassifier((8,), solver="lbfgs", max_iter=50, random_state=0)
    return model.fit(X2, words), words


@pytest.mark.parametrize(
    "model",
    [
        lambda x: (x[:, 0] > 0).astype(int),
        lambda x: 1 / (1 + np.exp(-9 * x[:, 0])),
        lambda x: 1 / (1 + np.exp(-9 * x[:, :1])),
        fitted(),
    ],
    ids=["classes", "probability", "one column", "fit"],
)
def test_the_boundary_is_where_the_model_changes_its_mind(model):
    axes = plots.decision_boundary(model, X2, Y2).axes[0]
    (contours,) = [c for c in axes.collections if hasattr(c, "levels")]
    line = np.concatenate([path.vertices for path in contours.get_paths()])
    assert abs(line[:, 0]).mean() < 0.35
    drawn = np.concatenate([c.get_offsets() for c in axes.collections if not hasattr(c, "levels")])
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, X2))


def test_the_boundary_of_an_estimator_names_its_classes():
    model, words = estimator()
    assert {"no", "yes"} <= set(texts(plots.decision_boundary(model, X2, words)))
    assert {"A", "B"} <= set(texts(plots.decision_boundary(model, X2, words, classes=["A", "B"])))


def test_what_has_no_boundary_is_one_line():
    with pytest.raises(nnx.ShapeError, match=r"expected x \(rows, 2\)"):
        plots.decision_boundary(fitted(), np.ones((4, 3)), np.ones(4))
    with pytest.raises(nnx.DataError, match="expected a Fit, an estimator or a function, got int"):
        plots.decision_boundary(3, X2, Y2)
    with pytest.raises(nnx.DataError, match="do not fit the 2 classes"):
        plots.decision_boundary(fitted(), X2, Y2 + 5)


def members(rates=(0.3, 0.03, 0.0), **settings):
    given = {"loss": "softmax_cross_entropy", "epochs": 12, "batch_size": 16, "validation": 0.25} | settings
    return nnx.fit(nnx.mlp((8,), 2), X2, Y2, members=len(rates), optimizer=nnx.Momentum(rates), **given)


def test_the_curves_of_a_population_are_its_histories_and_the_best_is_in_front():
    fit = members()
    axes, bar = plots.population(fit).axes
    lines = [list(line.get_ydata()) for line in axes.lines]
    order = sorted(range(3), key=lambda k: -fit.scores()[k])
    assert lines[:3] == [fit[k].history["validation_loss"] for k in order]
    assert list(axes.lines[3].get_xydata()[0]) == [fit[order[2]].best_epoch, min(fit.scores())]
    assert axes.lines[2].get_label() == f"best: member {order[2]}, {min(fit.scores()):.3g}"
    assert len({line.get_color() for line in axes.lines[:3]}) == 3
    assert bar.get_ylabel() == "validation loss of the weights kept"


def test_the_curves_of_a_population_are_of_the_figure_asked_for():
    fit = members(metrics=["accuracy"])
    axes, _ = plots.population(fit, monitor="validation_accuracy").axes
    best = fit.best("validation_accuracy")
    assert list(axes.lines[2].get_ydata()) == fit[best].history["validation_accuracy"]
    assert axes.get_ylabel() == "validation accuracy"
    with pytest.raises(nnx.SettingError, match="unknown monitor 'validation_acuracy'"):
        plots.population(fit, monitor="validation_acuracy")


def test_members_that_stopped_being_finite_end_in_a_cross_within_the_others_range():
    nets = [nnx.Member(nnx.mlp((8,), 1), nnx.SquaredError(), nnx.SGD(rate)) for rate in (1e-3, 1e-2, 0.05, 1e30)]
    fit = nnx.Population(nets).fit(X2, X2[:, :1] * 100, epochs=12, batch_size=16)
    assert set(fit.dropped) == {2, 3} and not fit[3].history
    axes, _ = plots.population(fit).axes
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert cross.get_xdata()[0] == fit[2].history["epoch"][-1]
    assert axes.get_ylim()[1] >= cross.get_ydata()[0] and axes.get_ylim()[1] < max(fit[2].history["loss"])
    assert "4 members, 2 stopped being finite" in texts(axes.figure)


def test_one_member_and_equal_members_can_be_drawn():
    assert len(plots.population(members((0.1,), epochs=1)).axes) == 1
    assert len(plots.population(members((0.1, 0.1), epochs=1, seed=(3, 3))).axes) == 1
    assert len(plots.decision_boundaries(members((0.1,), epochs=1), X2, Y2).axes) == 1


def test_the_boundaries_of_a_population_have_their_scores_and_a_frame_for_the_best():
    fit = members()
    axes = [a for a in plots.decision_boundaries(fit, X2, Y2, classes=["no", "yes"]).axes if a.get_visible()]
    assert [a.get_title() or a.get_title(loc="left") for a in axes] == [
        f"{k}: {score:#.3g}" for k, score in enumerate(fit.scores())
    ]
    assert [a.spines["top"].get_visible() for a in axes] == [k == fit.best() for k in range(3)]
    wrong = [int((fit[k].predict(X2).argmax(axis=1) != Y2).sum()) for k in range(3)]
    for a, n, k in zip(axes, wrong, range(3), strict=True):
        words = ["best"] * (k == fit.best()) + [f"{n} wrong"] * (n > 0)
        assert a.get_title(loc="right") == ", ".join(words)
    (contours,) = [c for c in axes[fit.best()].collections if hasattr(c, "levels")]
    line = np.concatenate([path.vertices for path in contours.get_paths()])
    assert abs(line[:, 0]).mean() < 0.35
    assert {"no", "yes", "3 members and their validation loss"} <= set(texts(axes[0].figure))


def test_of_many_members_those_from_the_best_to_the_worst_have_their_boundaries_drawn(monkeypatch):
    from nnx.plots import boundary

    monkeypatch.setattr(boundary, "MEMBERS", 3)
    fit = members((0.0, 0.3, 0.01, 0.1, 0.003))
    axes = [a for a in plots.decision_boundaries(fit, X2, Y2, resolution=20).axes if a.get_visible()]
    shown = [int(a.get_title(loc="left").partition(":")[0]) for a in axes]
    order = sorted(range(5), key=lambda k: fit.scores()[k])
    assert shown == [order[0], order[2], order[4]]
    words = "3 of the 5 members and their validation loss, from the best to the worst"
    assert words in texts(axes[0].figure)


def test_boundaries_of_what_has_none_are_one_line():
    with pytest.raises(nnx.ShapeError, match=r"decision_boundaries: expected x \(rows, 2\)"):
        plots.decision_boundaries(members(), np.ones((4, 3)), np.ones(4))
    with pytest.raises(nnx.DataError, match="do not fit the 2 classes"):
        plots.decision_boundaries(members(), X2, Y2 + 5)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_the_values_of_the_layers_are_those_of_a_training_step(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    net = nnx.Chain(nnx.Dense(5), nnx.BatchNorm(), nnx.ReLU(), nnx.Dropout(0.2), nnx.Dense(2))
    params = nnx.init(net, 2, seed=0, backend=backend)
    host = nnx.backend(backend).to_numpy
    before = {name: host(p).copy() for name, p in params.items()}
    layers = plots.layer_values(net, params, X2, Y2, "softmax_cross_entropy", seed=3)
    on_host = nnx.init(net, 2, seed=0)
    z, values = net.evaluate(on_host, X2.astype("float32"), train=True, key=nnx.key(3, 0))
    loss = nnx.SoftmaxCrossEntropy()
    _, grads = net.backprop(on_host, values, loss.backprop(loss.evaluate(z, Y2)[1]))
    np.testing.assert_allclose(layers[-1].output, z, rtol=1e-4, atol=1e-6)
    found = {f"{i}.{name}": g for i, layer in enumerate(layers) for name, g in layer.gradients.items()}
    assert set(found) == set(grads) == {f"{i}.{n}" for i, layer in enumerate(layers) for n in layer.weights}
    for name, g in grads.items():
        np.testing.assert_allclose(found[name], g, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(before[name], host(params[name]))
    assert [layer.name for layer in layers][2:4] == ["2 ReLU", "3 Dropout"]


def test_histograms_have_a_row_for_each_layer_and_say_what_is_dead():
    net = nnx.mlp((6, 6), 2)
    figure = plots.histograms(net, nnx.init(net, 2, seed=0), X2, Y2, nnx.SoftmaxCrossEntropy())
    assert len(figure.axes) == 3 * 5
    assert any(re.fullmatch(r"\d+ % zeros", text) for text in texts(figure))
    deep = nnx.mlp((4,) * 10, 2)
    figure = plots.histograms(deep, nnx.init(deep, 2), X2, Y2, "softmax_cross_entropy")
    assert len(figure.axes) == 3 * 12 and "the first and last 6 of 21 layers" in texts(figure)


# ---- the range test


def test_the_range_test_suggests_a_rate_that_trains_and_is_below_the_ruin():
    x = RNG.normal(size=(300, 4)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    found = rate_range(nnx.mlp((32,), 2), x, y, loss="softmax_cross_entropy", optimizer=nnx.Adam())
    assert 1e-4 < found.suggestion < found.lowest < 10
    ratios = found.rates[1:] / found.rates[:-1]
    np.testing.assert_allclose(ratios, ratios[0])
    fit = nnx.fit(nnx.mlp((32,), 2), x, y, loss="softmax_cross_entropy", optimizer=nnx.Adam(found.suggestion), epochs=9)
    assert fit.history["loss"][-1] < 0.5 * fit.history["loss"][0]


def test_the_range_test_is_plain_gradient_descent_at_growing_rates():
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    schedule = nnx.Cosine(warmup=5)  # does not matter
    settings = {"smallest": 1e-3, "largest": 0.1, "steps": 10, "backend": "numpy"}
    optimizer = nnx.ClipNorm(nnx.SGD(9.0, schedule), norm=1e9)
    found = rate_range(nnx.mlp((), 1), x, y, loss="squared_error", optimizer=optimizer, **settings)
    net, loss, losses = nnx.mlp((), 1), nnx.SquaredError(), []
    params = nnx.init(net, 3, seed=0)
    for rate in found.rates:  # all 20 rows in each batch, so that their order does not matter
        z, values = net.evaluate(params, x.astype("float32"))
        value, saved = loss.evaluate(z, y[:, None].astype("float32"))
        losses.append(value)
        params = {n: params[n] - rate * g for n, g in net.backprop(params, values, loss.backprop(saved))[1].items()}
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)


def test_a_rate_that_is_too_large_ends_the_range_test_early():
    x, y = RNG.normal(size=(50, 3)), RNG.normal(size=50)
    found = rate_range(nnx.mlp((8,), 1), x, y, loss="squared_error", optimizer="sgd", largest=1e6)
    assert len(found.losses) < 150 and np.all(np.isfinite(found.losses)) and found.lowest < 10


def test_the_rate_finder_draws_the_numbers_of_the_range_test():
    settings = {"loss": "softmax_cross_entropy", "steps": 40, "backend": "numpy"}
    found = rate_range(nnx.mlp((8,), 2), X2, Y2, **settings)
    axes = plots.rate_finder(nnx.mlp((8,), 2), X2, Y2, **settings).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), np.stack([found.rates, found.losses], axis=1))
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), found.smoothed)


# ---- a search over settings

RESULTS = {
    "param_rate": [1e-3, 1e-2, 1e-1, 1.0],
    "param_hidden": [(64,), (128,), (64, 32), (128,)],
    "param_activation": ["relu", "tanh", "relu", "tanh"],
    "mean_test_score": [0.5, 0.9, 0.7, np.nan],
    "std_test_score": [0.1, 0.05, 0.2, np.nan],
}


def test_a_search_is_a_panel_for_each_parameter_with_every_candidate_and_the_best_marked():
    figure = plots.search(RESULTS, score="accuracy")
    rate, hidden, activation = figure.axes
    assert [axes.get_xlabel() for axes in figure.axes] == ["rate", "hidden", "activation"]
    assert rate.get_ylabel() == "accuracy" and "1 of 4 not finite" in texts(figure)
    assert rate.get_xscale() == "log" and hidden.get_xscale() == "linear"
    points, best = rate.lines[0], rate.lines[-1]
    np.testing.assert_allclose(points.get_xydata(), [[1e-3, 0.5], [1e-2, 0.9], [1e-1, 0.7]])
    np.testing.assert_allclose(best.get_xydata(), [[1e-2, 0.9]])
    assert [t.get_text() for t in hidden.get_xticklabels()] == ["64", "64x32", "128"]
    assert list(hidden.lines[0].get_xdata()) == [0, 2, 1]
    assert [t.get_text() for t in activation.get_xticklabels()] == ["relu", "tanh"]


def test_the_best_of_a_search_is_what_the_ranks_say_and_the_parameters_are_those_asked_for():
    figure = plots.search(RESULTS | {"rank_test_score": [1, 3, 2, 4]}, parameters=["activation"])
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[-1].get_xydata(), [[0, 0.5]])
    with pytest.raises(nnx.DataError, match="unknown parameter 'rat': did you mean 'rate'"):
        plots.search(RESULTS, parameters=["rat"])
    with pytest.raises(nnx.DataError, match="no mean_test_score"):
        plots.search({"param_rate": [1.0]})


def test_the_results_of_scikit_learns_searches_can_be_drawn(tmp_path):
    import sklearn.model_selection as selection
    from sklearn.svm import SVC

    grid = [{"C": [0.1, 1.0, 10.0], "kernel": ["rbf"], "gamma": ["scale", 0.1]}, {"kernel": ["linear"]}]
    results = selection.GridSearchCV(SVC(), grid, cv=2).fit(X2, Y2).cv_results_
    figure = plots.search(results, tmp_path / "search.svg", parameters=["C", "kernel"])
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0.1", "1", "10", "not set"]
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == ["linear", "rbf"]
    assert (tmp_path / "search.svg").exists()


def test_a_search_in_which_nothing_was_finite_is_drawn_empty():
    plots.search({"param_rate": [1.0, 2.0], "mean_test_score": [np.nan, np.inf]})._repr_png_()


# ---- the report


class Page(HTMLParser):
    """The tags that are open, the attributes and texts, of a page; an error for a tag that is not closed in order."""

    VOID = ("meta", "link", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.data = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


def write(tmp_path, evaluation, **other):
    given = {"title": "a run", "facts": {"rows": 80}, "history": HISTORY, "config_text": "epochs = 4"} | other
    plots.report(tmp_path / "report.html", evaluation=evaluation, **given)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    return text, Page(text)


def classified(classes=("a", "b", "c")):
    importance = Importance(("width", "height"), np.array([0.3, 0.1]), np.array([0.02, 0.01]))
    return Evaluation.of("classification", TARGET, P, classes=classes, importance=importance)


def test_the_report_of_a_classification_holds_every_part(tmp_path):
    e = classified()
    _, page = write(tmp_path, e, best_epoch=3)
    parts = [
        "a run",
        "rows",
        "80",
        "Loss",
        "Validation",
        "Confusion",
        "Calibration",
        "Importance",
        "width",
        "epochs = 4",
    ]
    assert set(parts) <= set(page.data)
    assert {f"{e.scores['accuracy']:.4f}", f"{e.scores['log_loss']:.4f}"} <= set(page.data)
    assert page.tags.count("svg") == 5 and "details" in page.tags


def test_the_report_of_a_regression_holds_every_part(tmp_path):
    e = Evaluation.of("regression", np.arange(9.0), np.arange(9.0) + 0.5)
    _, page = write(tmp_path, e)
    assert {"R²", "Predicted against true", "Residuals", "0.5"} <= set(page.data)
    assert "Confusion" not in page.data and "Importance" not in page.data and page.tags.count("svg") == 4


def test_the_report_of_a_run_without_test_rows_has_what_there_is(tmp_path):
    _, page = write(tmp_path, None, history={"epoch": [1], "loss": [0.5]}, config_text="")
    assert page.tags.count("svg") == 1 and "details" not in page.tags
    write(tmp_path, None, history={})


def test_the_report_fetches_nothing_and_runs_nothing(tmp_path):
    text, page = write(tmp_path, classified())
    assert not {"script", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "src", "xlink:href", "action"):
            assert value.startswith(("#", "data:,")), value
    assert not re.search(r"https?://|@import|url\((?!#)", text)


def test_the_ids_of_a_report_are_all_different_and_its_references_point_at_them(tmp_path):
    text, page = write(tmp_path, classified())
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]*)\)", text)) | set(re.findall(r'href="#([^"]*)"', text)) <= set(ids)


def test_hostile_names_are_shown_and_do_nothing(tmp_path):
    names = (HOSTILE, 'b" onload="alert(1)', "$\\frac{1}{0}$ <!--")
    e = classified(names)
    e = Evaluation.of(
        "classification", TARGET, P, classes=names, importance=Importance((HOSTILE,), np.ones(1), np.ones(1))
    )
    facts, config = {HOSTILE: "</dl>" + HOSTILE}, f"</pre>{HOSTILE}"
    text, page = write(tmp_path, e, title=HOSTILE, facts=facts, config_text=config)
    assert "script" not in page.tags and not any(name.startswith("on") for name, _ in page.attributes)
    assert "<script" not in text and "<!--" not in text
    assert page.data.count(HOSTILE) >= 4 and "</dl>" + HOSTILE in page.data and config in page.data
    assert "$\\frac{1}{0}$ <!--" in page.data  # no formula, and no error of its parser


def test_names_in_any_script_and_of_any_length_are_fine(tmp_path):
    _, page = write(tmp_path, classified(("漢字", "🦆" * 40, "x" * 500)))
    assert "漢字" in page.data and "x" * 17 + "…" in page.data


def test_the_smallest_and_dullest_runs_have_a_report(tmp_path):
    write(tmp_path, Evaluation.of("regression", [3.0], [3.0]))
    write(tmp_path, Evaluation.of("regression", np.full(5, 2.0), np.full(5, 1.0)))
    write(tmp_path, Evaluation.of("classification", [1], [[0.0, 1.0]], classes=["a", "b"]))
    nothing = Importance(("a", "b"), np.zeros(2), np.zeros(2))
    write(tmp_path, Evaluation.of("classification", [0, 0], [0.5, 0.5], classes=["a", "b"], importance=nothing))


def test_the_page_of_plots_names_them_all():
    text = (Path(__file__).parent.parent / "docs" / "plots.md").read_text()
    assert all(f"`{name}" in text or f", `{name}`" in text for name in plots.__all__)


def test_the_report_follows_the_readers_light_or_dark(tmp_path):
    text, _ = write(tmp_path, classified())
    assert "screen and (prefers-color-scheme: dark)" in text and "@media print" in text
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r"(fill|stroke): #", pictures)  # every colour is one of the page's


def test_a_confusion_matrix_of_names_is_that_of_numbers():
    classes = ("no", "yes")
    figure = plots.confusion_matrix(["no", "yes", "yes"], np.asarray(["no", "no", "yes"]), classes)
    numbers = plots.confusion_matrix(np.asarray([0, 1, 1]), np.asarray([0, 0, 1]), classes)
    texts = [[t.get_text() for t in f.axes[0].texts] for f in (figure, numbers)]
    assert texts[0] == texts[1]
    with pytest.raises(nnx.DataError, match="'maybe' is none of the 2 classes"):
        plots.confusion_matrix(["maybe"], ["no"], classes)


def test_residuals_that_are_all_one_can_be_drawn():
    y = np.arange(9.0) * 1e6
    plots.residuals(y, y + 0.1)


def test_labels_of_a_reliability_diagram_are_matched_with_the_classes():
    numbers, p = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.7, 0.2])
    names, values = np.array(["no", "yes"]), np.array([3, 7])
    expected = plots.reliability(numbers, p).error
    cases = [(numbers > 0, None), (numbers.astype(float), None), (numbers.astype(object), None), (numbers, ("a", "b"))]
    cases += [(names[numbers], names), (names[numbers].tolist(), ("no", "yes")), (values[numbers], values)]
    for target, classes in cases:
        assert plots.reliability(target, p, classes=classes).error == expected, (target, classes)
        title = plots.calibration(target, p, classes=classes).axes[0].get_title(loc="left")
        assert title.endswith(f"{expected:.3f}")
    for target in (names[numbers], values[numbers], 2 * numbers - 1, numbers + 0.5, np.where(numbers, np.nan, 0.0)):
        with pytest.raises(nnx.DataError, match="classes="):
            plots.reliability(target, p)
    with pytest.raises(nnx.DataError, match="'yes' is none of the 2 classes"):
        plots.reliability(names[numbers], p, classes=["no", "maybe"])
    with pytest.raises(nnx.DataError, match="3 names for 2 classes"):
        plots.reliability(names[numbers], p, classes=["no", "yes", "maybe"])


# ---- what is no data

SHARES = np.linspace(0.1, 0.9, 40)
WRONG = {
    "masked": (np.ma.masked_array(SHARES, SHARES > 0.5), "masked"),
    "complex": (SHARES + 1j, "complex"),
    "text": (SHARES.astype(str), "text|none of the 2 classes"),
    "dates": (np.arange(40).astype("M8[D]"), "expected"),
    "nothing": (None, "."),
    "missing": ([None] * 40, "."),
    "not a number": (np.where(SHARES > 0.5, np.nan, SHARES), "got nan|class numbers"),
    "short": (SHARES[:5].round(), "."),
    "a mapping": ({"a": 1}, "."),
    "cubes": (np.ones((40, 2, 2)), "."),
    "objects": ([object()] * 40, "."),
    "empty": ([], "."),
}
LABELS = np.arange(40) % 2
COLUMNS = [f"c{i}" for i in range(40)]
DOORS = {
    "scores: target": lambda b: scores("classification", b, SHARES),
    "scores: predicted": lambda b: scores("classification", LABELS, b),
    "reliability: target": lambda b: plots.reliability(b, SHARES),
    "reliability: probabilities": lambda b: plots.reliability(LABELS, b),
    "calibration": lambda b: plots.calibration(LABELS, b),
    "confusion_matrix: target": lambda b: plots.confusion_matrix(b, SHARES, ["a", "b"]),
    "confusion_matrix: predicted": lambda b: plots.confusion_matrix(LABELS, b, ["a", "b"]),
    "predicted_against_true: target": lambda b: plots.predicted_against_true(b, SHARES),
    "predicted_against_true: predicted": lambda b: plots.predicted_against_true(SHARES, b),
    "residuals": lambda b: plots.residuals(SHARES, b),
    "importance: mean": lambda b: plots.importance(COLUMNS, b, SHARES),
    "importance: std": lambda b: plots.importance(COLUMNS, SHARES, b),
    "population": lambda b: plots.population(b),
    "decision_boundaries": lambda b: plots.decision_boundaries(b, X2, Y2),
    "decision_boundary: x": lambda b: plots.decision_boundary(one_sided, b, Y2),
    "decision_boundary: y": lambda b: plots.decision_boundary(one_sided, X2[:40], b),
    "decision_boundary: model": lambda b: plots.decision_boundary(b, X2, Y2),
    "decision_boundary: predicted": lambda b: plots.decision_boundary(lambda x: b, X2, Y2),
    "curves": lambda b: plots.curves({"epoch": list(range(40)), "loss": b}),
}


def one_sided(x):
    return (x[:, 0] > 0).astype(int)


@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_data_is_one_line_at_every_picture(door):
    for name, (given, text) in WRONG.items():
        if door == "curves" and name in ("missing", "not a number"):  # a figure may be none in an epoch
            continue
        text = "." if door.startswith(("population", "decision")) else text
        with pytest.raises(nnx.NNXError, match=text) as found:
            DOORS[door](given)
            pytest.fail(f"{name} was taken")
        assert "\n" not in str(found.value) and len(str(found.value)) <= 200


@pytest.mark.parametrize("p", [SHARES * 50, SHARES - 1, np.stack([SHARES, SHARES + 1], axis=1)])
@pytest.mark.parametrize(
    "door", ["scores: predicted", "reliability: probabilities", "calibration", "confusion_matrix: predicted"]
)
def test_what_is_no_probability_is_one_line(door, p):
    with pytest.raises(nnx.DataError, match="must be probabilities, from 0 to 1"):
        DOORS[door](p)


def test_a_fit_of_one_network_is_no_population():
    for draw in (plots.population, lambda fit: plots.decision_boundaries(fit, X2, Y2)):
        with pytest.raises(nnx.SettingError, match="expected a PopulationFit"):
            draw(fitted())


def test_residuals_of_small_integers_do_not_wrap():
    figure = plots.residuals(np.array([2, 250], "uint8"), np.array([250, 2], "uint8"))
    assert sorted(figure.axes[0].lines[1].get_ydata()) == [-248, 248]


def test_a_film_is_one_file_that_asks_for_nothing(tmp_path):
    from PIL import Image

    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    reports = []
    settings = dict(loss="softmax_cross_entropy", epochs=3, validation=0.3, callbacks=[reports.append])
    fit = nnx.fit(nnx.mlp((4,), 2), x, y, **settings)
    film = plots.animate(fit, tmp_path / "film.gif", reports=reports, x=x, y=y, seconds=1)
    with Image.open(tmp_path / "film.gif") as picture:
        assert picture.n_frames == len(film.frames) == 3 and len(set(film.frames)) == 3
    film.save(tmp_path / "film.html")
    text = (tmp_path / "film.html").read_text()
    assert "http" not in text and text.count("<img") == 1 and film._repr_html_() in text
    assert len(plots.animate(fit, seconds=1).frames) == 3
    with pytest.raises(nnx.SettingError, match=r"films cannot be \.mp4; expected \.gif or \.html"):
        film.save("film.mp4")
    with pytest.raises(nnx.DataError, match="with reports the rows x"):
        plots.animate(fit, reports=reports)


@pytest.mark.parametrize("kind", ["fit", "model", "classifier", "tabular", "layer"])
def test_a_network_is_drawn_from_whatever_holds_one(kind, tmp_path):
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    net = nnx.Chain(nnx.Dense(40), nnx.BatchNorm(), nnx.ReLU(), nnx.Dense(2))
    fit = nnx.fit(net, x, y, loss="softmax_cross_entropy", epochs=1)
    nnx.save(tmp_path / "model", fit)
    given = {
        "fit": lambda: fit,
        "model": lambda: nnx.load(tmp_path / "model"),
        "classifier": lambda: nnx.MLPClassifier((5,), max_iter=3, learning_rate=nnx.StepDecay(5)).fit(x, y),
        "tabular": lambda: nnx.TabularClassifier("fast", hidden=(5,), epochs=1, members=1).fit(
            {"a": x[:, 0], "y": y}, "y"
        ),
        "layer": lambda: net,
    }[kind]()
    more = {"params": fit.params} if kind == "layer" else {}
    figure = plots.network(given, tmp_path / "net.svg", names=["one"], **more)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "one" in words and any("Dense" in word for word in words)
    assert ("40 units" in words) == (kind in ("fit", "model", "layer"))


def test_what_is_no_network_is_not_drawn():
    for model, words in ((3, "expected a fit, an estimator or a network"), (nnx.ReLU(), "no layer with a matrix")):
        with pytest.raises(nnx.DataError, match=words):
            plots.network(model, params={})
    with pytest.raises(nnx.SettingError, match="needs its parameters"):
        plots.network(nnx.Dense(2))
    images = nnx.Chain(nnx.Conv2D(2, 3), nnx.Flatten(), nnx.Dense(2))
    for net, row in ((images, (5, 5, 1)), (nnx.Chain(nnx.Dense(25), nnx.Reshape((5, 5, 1)), images), 3)):
        with pytest.raises(nnx.DataError, match="several axes have no columns of units to draw"):
            plots.network(net, params=nnx.init(net, row))


def test_histograms_of_a_network_of_images_have_a_row_for_each_layer():
    net, x = nnx.Chain(nnx.Conv2D(2, 3), nnx.ReLU(), nnx.Flatten(), nnx.Dense(2)), np.ones((4, 5, 5, 1))
    layers = plots.layer_values(net, nnx.init(net, x), x, np.array([0, 1, 1, 0]), "softmax_cross_entropy")
    assert [layer.output.shape for layer in layers] == [(4, 3, 3, 2), (4, 3, 3, 2), (4, 18), (4, 2)]
    figure = plots.histograms(net, nnx.init(net, x), x, np.array([0, 1, 1, 0]), "softmax_cross_entropy")
    assert len(figure.axes) == 12


def test_an_estimator_has_curves_too():
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    est = nnx.MLPClassifier((5,), max_iter=3, early_stopping=True, learning_rate=nnx.StepDecay(5)).fit(x, y)
    figure = plots.curves(est)
    assert [len(line.get_xdata()) for axes in figure.axes for line in axes.lines] == [len(est.loss_curve_)] * 3
