"""Looking into networks: what each layer gave, what it costs, and derivatives by the input."""

from html.parser import HTMLParser

import numpy as np
import pytest
from tables import LAYERS

import nnx
from nnx.inspection import size_of

X = np.random.default_rng(0).normal(size=(6, 4))
NESTED = nnx.Chain(
    nnx.Dense(5),
    nnx.BatchNorm(),
    nnx.Residual(nnx.Chain(nnx.Dense(5), nnx.GELU(), nnx.Dropout(0.1))),
    nnx.Concat(nnx.Dense(3), nnx.Chain(nnx.Dense(2), nnx.Tanh())),
    nnx.ParametricActivation(nnx.ReLU()),
    nnx.Dense(3),
)
NETS = {
    "nested": NESTED,
    "one layer": nnx.Dense(3),
    "tabm": nnx.tabm((5,), 3, members=2),
    "ensemble": nnx.Ensemble(nnx.mlp((5,), 3), 2),
    "committee": nnx.Committee(nnx.Ensemble(nnx.mlp((5,), 3), 2), nnx.mlp((), 3)),
    "thrice around": nnx.Chain(nnx.Residual(nnx.Residual(nnx.Residual(nnx.Dense(4)))), nnx.Dense(3)),
}
"""By name networks of 4 inputs and 3 outputs."""


@pytest.fixture(params=NETS)
def net(request):
    return NETS[request.param]


def test_a_trace_ends_with_the_output_and_names_each_layer(net):
    params = nnx.init(net, X)
    found = nnx.trace(net, params, X)
    np.testing.assert_array_equal(list(found.values())[-1], net.evaluate(params, X)[0])
    for name in net.names:
        place = name.rpartition(".")[0]
        assert any(key.split()[0] == (place or key.split()[0]) for key in found), (name, list(found))


def test_a_trace_of_training_drops_as_the_step_does():
    net = nnx.Chain(nnx.Dense(50), nnx.Dropout(0.5))
    params, key = nnx.init(net, X), nnx.key(3, 1)
    found = nnx.trace(net, params, X, train=True, key=key)
    np.testing.assert_array_equal(found["1 Dropout"], net.evaluate(params, X, train=True, key=key)[0])
    assert (found["1 Dropout"] == 0).mean() > 0.3 and np.all(found["0 Dense"] != 0)


def test_the_gradient_is_a_central_difference(net):
    params = nnx.init(net, X, seed=1)
    whole = nnx.gradient(net, params, X, output="all")
    assert whole.shape == (6, 3, 4)
    for i in range(4):
        step = 1e-6 * np.eye(4)[i]
        sides = [nnx.predict(net, params, X + s).reshape(6, net.copies, 3).mean(axis=1) for s in (step, -step)]
        np.testing.assert_allclose(whole[..., i], (sides[0] - sides[1]) / 2e-6, atol=2e-9)
    for k in range(3):
        np.testing.assert_array_equal(nnx.gradient(net, params, X, output=k), whole[:, k])
    with pytest.raises(nnx.ShapeError, match=r"has 3 outputs: give output=0 to 2"):
        nnx.gradient(net, params, X)
    with pytest.raises(nnx.SettingError, match=r"a column from 0 to 2, got 3"):
        nnx.gradient(net, params, X, output=3)


def test_the_gradient_is_the_same_on_every_library(library):
    net = nnx.mlp((5,), 1, activation="tanh")
    params = nnx.init(net, X, seed=1)
    with library.scope():
        found = library.host(nnx.gradient(net, library.arrays(params), library.array(X)))
    np.testing.assert_allclose(found, nnx.gradient(net, params, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_a_summary_has_the_shapes_and_parameters_of_every_layer(name):
    layer, features = LAYERS[name]
    x = np.zeros((6, *nnx.contract.as_row(features)), dtype="float32")
    params = nnx.init(layer, x, seed=0)
    found = nnx.summary(layer, x)
    assert found.rows == 6 and found.parameters == size_of(params) and found.bytes == 4 * found.parameters
    assert tuple(found.layers[-1].output) == layer.evaluate(params, x)[0].shape
    assert found.operations is not None


def test_the_operations_of_dense_are_those_of_its_formula():
    found = nnx.summary(nnx.Dense(5), (7, 3))
    assert found.operations == 2 * 7 * 3 * 5 + 7 * 5


def test_nothing_is_computed_for_a_summary():
    huge = nnx.summary(nnx.mlp((10**6,), 10**6), 10**3)
    assert huge.parameters == 10**3 * 10**6 + 10**6 + 10**12 + 10**6


class ByValue(nnx.Layer):
    """A layer whose operations depend on values."""

    def evaluate(self, params, x, *, train=False, key=None):
        return (2.0 * x if float(x[0, 0]) > -1 else x), None

    def backprop(self, params, saved, dy, *, need_dx=True):
        return 2.0 * dy, {}


def test_a_layer_that_looks_at_values_has_no_count():
    found = nnx.summary(nnx.Chain(nnx.Dense(2), ByValue()), 3)
    assert found.operations is None and "?" in repr(found) and found.layers[1].output == (1, 2)


class Tags(HTMLParser):
    """The tags that are open, and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def shown():
    fit = nnx.fit(NESTED, X, [0, 1, 2] * 2, loss="softmax_cross_entropy", epochs=3, batch_size=3, validation=0.4)
    several = nnx.fit(nnx.mlp((3,), 3), X, [0, 1, 2] * 2, loss="softmax_cross_entropy", epochs=3, members=30)
    return {
        "fit": (fit, ["3 epochs", "2 Residual", "validation_loss of epoch"]),
        "population": (several, ["30 members", "and 6 more"]),
        "backend": (fit.backend, ["Backend numpy", "float32"]),
        "net": (NESTED, ["Chain", "Dropout(rate=0.1)"]),
        "summary": (nnx.summary(NESTED, X), ["2.0 Dense", "gain (5,)"]),
    }


def test_what_a_person_looks_at_shows_itself_in_a_line_and_in_a_notebook(tmp_path):
    cases = shown()
    fit = cases["fit"][0]
    nnx.save(tmp_path / "model", fit.net, fit.params, loss=fit.loss)
    cases["model"] = nnx.load(tmp_path / "model"), ["Model", "SoftmaxCrossEntropy()"]
    for name, (value, words) in cases.items():
        assert name == "summary" or ("\n" not in repr(value) and len(repr(value)) < 600), name
        page = Tags(value._repr_html_())
        assert not page.open and not [word for word in words if word.split()[-1] not in " ".join(page.text)], name


def test_a_repr_is_what_one_would_write():
    for value in (
        NESTED,
        nnx.AdamW(0.1, schedule=nnx.Cosine(warmup=5)),
        nnx.Huber(),
        nnx.EarlyStopping(monitor="loss"),
    ):
        assert eval(repr(value), vars(nnx)) == value
    assert repr(nnx.Chain(nnx.Dense(8), nnx.ReLU())) == "Chain(Dense(8), ReLU())"
    assert repr(nnx.Dropout(0.2)) == "Dropout(rate=0.2)"


def test_a_long_network_is_named_in_a_part_of_a_line():
    fit = nnx.fit(nnx.mlp((4,) * 60, 1), X, X[:, :1], loss="squared_error", epochs=1)
    assert len(repr(fit)) < 400 and "121 layers" in repr(fit)


def test_names_in_a_notebook_are_text():
    from nnx.markup import table

    assert "<script>" not in table(("<script>",), [("<script>", 1)])


def test_the_public_names_are_what_dir_lists_and_submodules_are_attributes():
    assert dir(nnx) == sorted(nnx.__all__)
    for name in ("training", "layers", "losses", "optimizers", "plots", "tables", "files", "random"):
        assert getattr(nnx, name).__name__ == f"nnx.{name}"


def test_the_namespace_of_an_array_is_its_librarys(library):
    with library.scope():
        x = library.array(X)
        assert nnx.namespace(x).sum(x).shape == ()


def test_what_comes_again_at_one_place_has_a_name_of_its_own():
    net = NETS["thrice around"]
    found = nnx.trace(net, nnx.init(net, X), X)
    assert list(found) == ["0 Dense", "0 Residual", "0 Residual (2)", "0 Residual (3)", "1 Dense"]


def test_a_look_into_a_network_may_be_traced_by_jax():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    net, x = nnx.mlp((5,), 2), jax.numpy.asarray(X)
    params = nnx.init(net, x)
    for look in (
        lambda x: nnx.gradient(net, params, x, output=1),
        lambda x: nnx.predict(net, params, x),
        lambda x: nnx.trace(net, params, x)["1 ReLU"],
    ):
        np.testing.assert_allclose(jax.jit(look)(x), look(x), rtol=1e-6)


def test_a_summary_takes_shapes_with_a_population_and_without_rows():
    net = nnx.mlp((5,), 2)
    assert nnx.summary(net, (2, 6, 4)).operations == 2 * nnx.summary(net, (6, 4)).operations
    assert nnx.summary(net, (0, 4)).operations == 0


def test_names_of_the_users_cannot_break_the_line():
    def odd(y, target):
        return nnx.accuracy(y, target)

    odd.__name__ = "odd\n\x1b[31m"
    fit = nnx.fit(
        nnx.mlp((3,), 3), X, [0, 1, 2] * 2, loss="softmax_cross_entropy", epochs=1, validation=0.5, metrics=[odd]
    )
    assert repr(fit).isprintable()
