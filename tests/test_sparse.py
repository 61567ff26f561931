"""Sparse rows in nnx.fit train as the same rows in an array do, and stay sparse."""

import numpy as np
import pytest

import nnx

sparse = pytest.importorskip("scipy.sparse")
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 30)) * (rng.random((120, 30)) < 0.1)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
KINDS = ["csr_matrix", "csc_matrix", "coo_matrix", "lil_array", "csr_array", "bsr_array", "dok_array"]
NETS = {
    "dense": nnx.Dense(2),
    "chain": nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.ReLU(), nnx.Dropout(0.2), nnx.Dense(2)),
    "nested": nnx.Chain(nnx.Chain(nnx.Dense(6), nnx.Tanh()), nnx.Residual(nnx.Dense(6)), nnx.Dense(2)),
}
SETTINGS = dict(loss="softmax_cross_entropy", epochs=3, batch_size=32, seed=1, dtype="float64")


@pytest.fixture
def never_dense(monkeypatch):
    """No sparse matrix is made an array, but one row to tell the data by."""
    base = sparse.csr_array.__mro__[1]
    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix, base):
        for name in ("toarray", "todense"):
            whole = getattr(kind, name)

            def checked(self, *given, whole=whole, **more):
                assert self.shape[0] <= 1, "made dense"
                return whole(self, *given, **more)

            monkeypatch.setattr(kind, name, checked)


def close(a, b):
    for name, p in a.params.items():
        np.testing.assert_allclose(p, b.params[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_rows_of_every_kind_train_as_the_same_rows_in_an_array(kind, never_dense):
    rows = getattr(sparse, kind)(X)
    settings = SETTINGS | dict(validation=0.2, metrics=["accuracy"])
    found, expected = nnx.fit(NETS["chain"], rows, Y, **settings), nnx.fit(NETS["chain"], X, Y, **settings)
    close(found, expected)
    np.testing.assert_allclose(found.history["validation_loss"], expected.history["validation_loss"], rtol=1e-9)
    np.testing.assert_allclose(found.predict(rows), expected.predict(X), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    "settings",
    [
        dict(micro_batches=3),
        dict(sample_weight=rng.random(120)),
        dict(average=nnx.EMA(0.9)),
        dict(frozen="*.b", validation=(sparse.csr_matrix(X), Y)),
        dict(optimizer=nnx.ClipNorm(nnx.AdamW(), 0.5), validation=(X, Y)),
    ],
    ids=["micro batches", "weights", "average", "frozen", "clipped"],
)
def test_what_else_a_training_may_have_works_with_sparse_rows(name, settings, never_dense):
    if "frozen" in settings and name == "dense":
        settings = settings | {"frozen": "b"}
    rows = sparse.csr_matrix(X)
    close(*(nnx.fit(NETS[name], x, Y, **SETTINGS | settings) for x in (rows, X)))


def test_streams_of_sparse_batches_train():
    rows = sparse.csr_array(X)
    parts = [slice(0, 60), slice(60, 120)]
    settings = dict(loss="softmax_cross_entropy", epochs=2, dtype="float64")
    close(*(nnx.fit(NETS["dense"], [(x[p], Y[p]) for p in parts], **settings) for x in (rows, X)))


def test_a_training_on_sparse_rows_resumes_to_the_bit(tmp_path, never_dense):
    rows, path = sparse.csr_matrix(X), tmp_path / "c"
    whole = nnx.fit(NETS["chain"], rows, Y, **SETTINGS | dict(epochs=4))
    nnx.fit(
        NETS["chain"],
        rows,
        Y,
        **SETTINGS | dict(epochs=4),
        checkpoint=nnx.Checkpoint(path),
        callbacks=[lambda r: r.epoch == 2],
    )
    resumed = nnx.fit(NETS["chain"], rows, Y, **SETTINGS | dict(epochs=4), resume=path)
    for name, p in whole.params.items():
        np.testing.assert_array_equal(resumed.params[name], p)


def test_a_saved_network_and_an_own_loop_take_sparse_rows(tmp_path, never_dense):
    rows, net = sparse.csr_matrix(X), NETS["chain"]
    fit = nnx.fit(net, rows, Y, **SETTINGS)
    nnx.save(tmp_path / "m", net, fit.params, loss=fit.loss)
    np.testing.assert_array_equal(nnx.load(tmp_path / "m").predict(rows), fit.predict(rows))
    layer, params = nnx.Dense(3), nnx.init(nnx.Dense(3), 30, dtype="float64")
    (y, saved), (y2, saved2) = (layer.evaluate(params, x) for x in (rows, X))
    np.testing.assert_allclose(y, y2, rtol=1e-12, atol=1e-14)
    for found, expected in zip(
        *(layer.backprop(params, s, y, need_dx=False)[1].values() for s in (saved, saved2)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_matrix_that_would_not_fit_as_an_array_trains(never_dense):
    places = (np.arange(2000), rng.integers(0, 10**6, 2000))
    wide = sparse.csr_matrix((np.ones(2000), places), shape=(2000, 10**6))  # 16 GB as an array
    fit = nnx.fit(nnx.Dense(1), wide, np.arange(2000.0), loss="squared_error", epochs=1, batch_size=500)
    assert fit.predict(wide[:3]).shape == (3, 1)


def spoilt():
    rows = sparse.csr_matrix(X)
    rows.data[3] = np.nan
    return rows


ROWS = sparse.csr_matrix(X)
REFUSED = {
    "another first layer": (dict(net=nnx.Chain(nnx.ReLU(), nnx.Dense(2))), "the first layer must be Dense, not ReLU"),
    "rows held out": (
        dict(net=nnx.Chain(nnx.ReLU(), nnx.Dense(2)), x=X, validation=(ROWS, Y)),
        "the first layer must be Dense, not ReLU",
    ),
    "another library": (dict(backend="torch"), "computed with by NumPy, not by torch"),
    "compiled": (dict(compile=True), "steps on sparse x cannot be compiled"),
    "a population": (dict(members=2), "a population needs x as an array"),
    "complex": (dict(x=ROWS.astype(complex)), "expected real numbers, got complex numbers"),
    "nan": (dict(x=spoilt()), r"x has 1 values that are not finite, the first in row \d+, column \d+"),
    "no rows": (dict(x=ROWS[:0]), "x is empty"),
    "other rows": (dict(x=ROWS[:50]), "y has 120 rows, x has 50"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_sparse_rows_cannot_do_is_one_line(name):
    given, message = REFUSED[name]
    if given.get("backend") == "torch":
        pytest.importorskip("torch")
    settings = dict(net=NETS["dense"], x=ROWS, y=Y, loss="softmax_cross_entropy", epochs=1) | given
    with pytest.raises((nnx.NNXError), match=message) as caught:
        nnx.fit(**settings)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 200
