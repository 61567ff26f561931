"""What users write, for type checkers: each use must pass, and each result must have the type that is asserted.

mypy and pyright read this file (`ci/check`, `ci/types`); nothing runs it.
"""

from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np

import nnx
from nnx.training import RateRange, rate_range

x = np.zeros((8, 3))
y = np.zeros(8, dtype=int)

# parts: names and objects
net = nnx.mlp((8, 8), 2, activation=nnx.GELU(), dropout=0.1)
assert_type(net, nnx.Chain)
nnx.mlp([8], 2, activation="silu")
nnx.tabm((8,), 2, members=4, activation=nnx.SiLU())
nnx.realmlp((8,), 2, activation="mish", embedding=nnx.PLREmbedding(4, 8))
nnx.Chain(nnx.Dense(4, weight=nnx.HeNormal()), nnx.Residual(nnx.Dense(4)), nnx.Concat(nnx.Dense(1), nnx.Tanh()))
nnx.Adam(rate=(1e-3, 1e-2))
nnx.AdamW(1e-3, schedule=nnx.Cosine(warmup=10), weight_decay=0.1)
nnx.ClipNorm(nnx.SGD(0.1), 1.0)

# the step
params = nnx.init(net, x, seed=0)
assert_type(params, dict[str, Any])
loss = nnx.SoftmaxCrossEntropy(label_smoothing=0.1)
optimizer = nnx.Adam(rate=0.01)
state = optimizer.init(params)
z, values = net.evaluate(params, x, train=True, key=nnx.key(0, 1))
value, saved = loss.evaluate(z, y)
dz = loss.backprop(saved)
dx, grads = net.backprop(params, values, dz, need_dx=False)
params, state = optimizer.update(params, grads, state)

# looking into a network
assert_type(nnx.summary(net, x).parameters, int)
print(nnx.summary(net, 3), nnx.summary(net, (8, 3)))
assert_type(nnx.trace(net, params, x), dict[str, Any])
assert_type(nnx.jvp(net, params, x, dx=x), tuple[Any, Any])
assert_type(nnx.hvp(net, params, x, y, params, loss=loss), dict[str, Any])
print(nnx.gnvp(net, params, x, y, params, loss="softmax_cross_entropy"))
print(nnx.gradient(net, params, x, output=0), nnx.gradient(net, params, x, output="all"))

# training
reports: list[nnx.Report] = []


def stop(report: nnx.Report) -> bool:
    return report.figures["loss"] < 0.1 and report.epoch > 2


fit = nnx.fit(
    net,
    x,
    y,
    loss="softmax_cross_entropy",
    optimizer="adamw",
    validation=(x, y),
    metrics=["accuracy", nnx.balanced_accuracy],
    early_stopping=nnx.EarlyStopping(patience=3, monitor="validation_accuracy"),
    callbacks=[reports.append, stop, nnx.CSVLogger("figures.csv")],
    average=nnx.EMA(0.99),
    frozen="0.*",
    compile="auto",
    dtype="float64",
    backend=nnx.backend("numpy"),
)
assert_type(fit, nnx.Fit)
assert_type(fit.history["loss"], list[float])
assert_type(fit.stopped, str)
fit.predict(x)
nnx.fit(net, [(x, y), (x, y)], loss=loss)
nnx.fit(net, lambda: iter([(x, y)]), loss=loss, epochs=1)
several = nnx.fit(net, x, y, loss=loss, members=4, seed=[0, 1, 2, 3])
assert_type(several, nnx.PopulationFit)
assert_type(several[several.best()], nnx.Fit)
assert_type(nnx.Population([nnx.Member(net, "softmax_cross_entropy")]).fit(x, y), nnx.PopulationFit)
assert_type(rate_range(net, x, y, loss="softmax_cross_entropy", optimizer="adam"), RateRange)

# files
nnx.save("file", net, params, loss=loss)
nnx.save("file", fit)
model = nnx.load("file", backend="numpy")
assert_type(model, nnx.Model)
assert_type(model.net, nnx.Layer)
assert_type(model.loss, nnx.Loss | None)

# scikit-learn's estimators
classifier = nnx.MLPClassifier(
    (32, 16),
    activation=nnx.GELU(),
    solver=nnx.AdamW(1e-3),
    loss=nnx.SoftmaxCrossEntropy(label_smoothing=0.1),
    learning_rate=nnx.Cosine(),
    class_weight="balanced",
    random_state=0,
)
assert_type(classifier.fit(x, y), nnx.MLPClassifier)
classifier.fit(x, y).predict_proba(x)
assert_type(classifier.partial_fit(x, y, classes=[0, 1]), nnx.MLPClassifier)
assert_type(nnx.MLPRegressor(hidden_layer_sizes=[8], loss="huber").fit(x, y), nnx.MLPRegressor)
assert_type(nnx.EnsembleRegressor(n_estimators=4).fit(x, y), nnx.EnsembleRegressor)
assert_type(nnx.EnsembleClassifier(n_estimators=4).fit(x, y), nnx.EnsembleClassifier)
search = nnx.PopulationSearchCV(nnx.MLPClassifier(), {"alpha": [0.1, 0.01]}, cv=3)
assert_type(search.fit(x, y), nnx.PopulationSearchCV)

# tables
table: Mapping[str, Any] = {"a": [1.0, 2.0], "b": ["x", "y"], "price": [1.0, 2.0]}
assert_type(nnx.TabularRegressor("fast", random_state=0).fit(table, "price"), nnx.TabularRegressor)
assert_type(nnx.TabularClassifier(activation="gelu").fit("data.csv", "kind"), nnx.TabularClassifier)
assert_type(nnx.TableEncoder().fit(table), nnx.TableEncoder)
nnx.to_onnx(fit, "model.onnx")

# pictures
nnx.plots.curves(fit, "curves.png")
nnx.plots.curves(classifier)
nnx.plots.network(fit, names=["a", "b"])
nnx.plots.decision_boundary(classifier, x, y)

# a layer of one's own


class Twice(nnx.Layer):
    def evaluate(
        self, params: Mapping[str, Any], x: Any, *, train: bool = False, key: nnx.Key | None = None
    ) -> tuple[Any, Any]:
        return 2.0 * x, None

    def backprop(
        self, params: Mapping[str, Any], saved: Any, dy: Any, *, need_dx: bool = True
    ) -> tuple[Any, dict[str, Any]]:
        return 2.0 * dy, {}


nnx.check(Twice(), x)
nnx.register(Twice)
nnx.Chain(Twice(), nnx.Dense(2))
