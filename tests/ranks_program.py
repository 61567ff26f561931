"""A program that a launcher starts on several ranks: each word names a case, whose weights are printed as a hash."""

import hashlib
import os
import sys
import time
import warnings

import numpy as np

import nnx

rng = np.random.default_rng(0)
X = rng.normal(size=(230, 10)).astype("float32")  # with batches of 48 and a fifth held out: three, and one of 40 rows
LABELS = rng.integers(0, 3, 230)
VALUES = X @ rng.normal(size=10)
WEIGHT = rng.uniform(0.1, 2.0, 230)
NORMED = nnx.Chain(nnx.Dense(24), nnx.LayerNorm(), nnx.ReLU(), nnx.Dropout(0.2), nnx.Dense(3))
BATCHED = nnx.Chain(nnx.Dense(17), nnx.BatchNorm(), nnx.Tanh(), nnx.Dropout(0.2), nnx.Dense(3))
WIDE = nnx.Chain(nnx.Dense(160), nnx.LayerNorm(), nnx.GELU(), nnx.Dense(120), nnx.ReLU(), nnx.Dense(3))
SEQUENCES = nnx.Chain(nnx.Reshape((5, 2)), nnx.Conv1D(8, 3, padding="same"), nnx.Tanh(), nnx.Dense(3))
FITS = {  # by name: the network, and its settings
    "normed": (NORMED, dict(optimizer=nnx.AdamW(1e-2), validation=0.2, metrics=["accuracy"])),
    "weighted": (BATCHED, dict(optimizer=nnx.WeightDecay(nnx.Momentum(0.05), 0.01), sample_weight=WEIGHT)),
    "averaged": (BATCHED, dict(optimizer=nnx.ClipNorm(nnx.RMSProp(1e-3), 1.0), average=nnx.EMA(0.9), validation=0.2)),
    "wide": (WIDE, dict(optimizer=nnx.Adam(1e-3), batch_size=100)),
    "plain": (NORMED, dict(optimizer=nnx.Lion(1e-3), compile=False)),
    "wide plain": (WIDE, dict(compile=False, epochs=1)),
    "compiled": (BATCHED, dict(optimizer=nnx.AdamW(1e-2), compile=True, sample_weight=WEIGHT)),
    "frozen": (WIDE, dict(frozen="0.*", rate_factors={"3.*": 0.3}, batch_size=64)),
    "eleven": (WIDE, dict(micro_batches=11, batch_size=50)),
    "class weights": (NORMED, dict(loss=nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 0.5)))),
    "positions": (
        SEQUENCES,
        dict(validation=0.2, metrics=["accuracy"], sample_weight=WEIGHT[:, None] * (X[:, :5] > -1)),
    ),
    "wider floats": (BATCHED, dict(dtype="float64")),
}


def settings_of(name, **more):
    net, own = FITS[name]
    usual = dict(loss="softmax_cross_entropy", epochs=3, batch_size=48, micro_batches=8, seed=3)
    return net, usual | own | more


def trained(name, ranks, **more):
    """The weights and the history of a fit, but for its times."""
    net, settings = settings_of(name, **more)
    y = (LABELS[:, None] + (X[:, 5:] > 0)) % 3 if net is SEQUENCES else LABELS
    fit = nnx.fit(net, X, y, ranks=ranks, **settings)
    history = [(k, v) for k, v in fit.history.items() if "seconds" not in k and "samples" not in k]
    return [fit.backend.to_numpy(p) for p in fit.params.values()], history, fit.stopped


def streamed(ranks):
    net, settings = settings_of("weighted", sample_weight=None)
    parts = [(X[i : i + 48], LABELS[i : i + 48], WEIGHT[i : i + 48]) for i in range(0, 230, 48)]
    return list(nnx.fit(net, parts, ranks=ranks, backend="numpy", **settings).params.values())


def population(ranks):
    net, settings = settings_of("averaged", micro_batches=1, epochs=8)
    settings |= dict(optimizer=nnx.AdamW((1e-3, 1e-2, 1e-1, 1.0, 3e-1)), early_stopping=nnx.EarlyStopping(2))
    found = nnx.fit(net, X, LABELS, members=5, ranks=ranks, backend="numpy", **settings)
    return [p for member in found for p in member.params.values()], [(m.stopped, m.best_epoch) for m in found]


def estimators(ranks):
    settings = dict(max_iter=4, ranks=ranks, micro_batches=8, random_state=0)
    one = nnx.MLPClassifier((16,), norm="batch", dropout=0.1, early_stopping=True, **settings).fit(X, LABELS)
    other = nnx.MLPRegressor(hidden_layer_sizes=(16,), solver="sgd", alpha=0.1, **settings)
    other.fit(X, VALUES, sample_weight=WEIGHT)
    several = nnx.EnsembleRegressor(nnx.MLPRegressor(max_iter=3), n_estimators=5, random_state=0, ranks=ranks)
    several.fit(X, VALUES)
    unseeded = nnx.MLPClassifier((8,), **settings | {"random_state": None}).fit(X, LABELS).coefs_
    assert len(set(ranks.gather(hashed(unseeded)))) == 1
    return [*one.coefs_, *other.coefs_, several.predict(X)], one.validation_scores_, other.loss_curve_


def search(ranks):
    grid = {"learning_rate_init": [1e-3, 1e-2, 1e-1], "alpha": [0.0, 1e-2]}
    found = nnx.PopulationSearchCV(nnx.MLPClassifier((8,), max_iter=5, random_state=0), grid, cv=2, ranks=ranks)
    found.fit(X, LABELS)
    return found.cv_results_["mean_test_score"], found.best_params_, found.best_estimator_.coefs_


def tables(ranks):
    one = nnx.TabularRegressor(epochs=2, ranks=ranks).fit(X, VALUES)
    settings = {"training.micro_batches": 8} if ranks.count == 1 else {}  # 8 are what ranks are given
    other = nnx.TabularRegressor(epochs=2, members=1, ranks=ranks, settings=settings)
    return one.predict(X), other.fit(X, VALUES).predict(X)


def hashed(found):
    """A hash of arrays, numbers and texts."""
    digest = hashlib.sha256()
    waiting = [found]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (list, tuple)):
            waiting += item
        else:
            digest.update(item.tobytes() if isinstance(item, np.ndarray) else repr(item).encode())
    return digest.hexdigest()[:16]


CASES = {function.__name__: function for function in (streamed, population, estimators, search, tables)}


# what goes wrong


def checkpointed(ranks, path, ends):
    """A fit with a checkpoint, in whose third epoch the last rank of four is killed if it `ends`."""

    def count(report):
        print(report.epoch, flush=True)

    net, settings = settings_of("normed", epochs=6, compile=False)
    if ends and ranks.number == ranks.count - 1:
        before = nnx.LayerNorm.evaluate
        seen = []

        def killed(*given, **more):
            seen.append(1)
            if len(seen) > 20:  # two in each of four steps of an epoch
                os.kill(os.getpid(), 9)
            return before(*given, **more)

        nnx.LayerNorm.evaluate = killed
    resume = path if os.path.exists(path) else None
    fit = nnx.fit(
        net, X, LABELS, ranks=ranks, backend="numpy", checkpoint=nnx.Checkpoint(path), resume=resume,
        callbacks=[count], **settings,
    )  # fmt: skip
    return list(fit.params.values()), fit.history["loss"], fit.history["validation_loss"]


def faulty(ranks, kind):
    """A training in which one rank does something else than the others."""
    last = ranks.number == ranks.count - 1
    more, x = {}, X
    if kind == "settings" and last:
        more["optimizer"] = nnx.AdamW(2e-2)
    if kind == "data" and last:
        x = X * 2
    if kind == "rows" and last:
        x = X[:-3]
    if kind == "code" and last:

        class Own(nnx.AdamW):
            pass

        more["optimizer"] = Own(1e-2)
    if kind == "raises":

        def raising(report):
            if report.epoch == 2:
                raise ValueError("a callback's fault")

        more["callbacks"] = [raising]
    if kind == "one raises" and last:
        x = X.copy()
        x[-1] = np.nan
    if kind == "stalls" and last:
        time.sleep(60)
    if kind == "few":
        more["micro_batches"] = 1
    net, settings = settings_of("normed", **more)
    nnx.fit(net, x, LABELS[: len(x)], ranks=ranks, backend="numpy", **settings)


def interrupted(ranks):
    """A long training, which says when it has begun; how many steps were done when a signal had ended it."""

    def told(report):
        if report.epoch == 1:
            print("begun", flush=True)

    net, settings = settings_of("normed", epochs=100_000, callbacks=[told])
    fit = nnx.fit(net, X, LABELS, ranks=ranks, backend="numpy", **settings)
    steps = ranks.gather(int(fit.state["step"]))
    return [fit.stopped], len(set(steps)), len(set(ranks.gather(hashed(list(fit.params.values())))))


def own_rows(ranks, folder):
    """A fit on a file of which each rank has another: the rows that it does not compute on are not numbers."""
    path = f"{folder}/{ranks.number}.bin"
    x = np.memmap(path, dtype="float32", mode="w+", shape=X.shape)
    x[:] = X
    if ranks.count > 1:
        for start in range(0, len(X), 48):
            n = min(48, len(X) - start)
            size = -(-n // 8)
            own = ranks.share(-(-n // size))
            others = np.ones(n, dtype=bool)
            others[own.start * size : own.stop * size] = False
            others[0] = others[0] and start > 0  # the first row of all is what tells the data from others
            x[start : start + n][others] = np.nan
    net, settings = settings_of("weighted", shuffle=False)
    return list(nnx.fit(net, x, LABELS, ranks=ranks, backend="numpy", **settings).params.values())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    ranks = nnx.ranks(timeout=float(os.environ.get("TIMEOUT", "100")))
    for word in sys.argv[1:]:
        name, *given = word.split("=")
        if name in CASES:
            found = CASES[name](ranks)
        elif name in FITS:
            found = trained(name, ranks, backend=given[0])
        else:
            found = globals()[name](ranks, *given)
        if ranks.is_first:
            shown = found if name == "interrupted" else hashed(found)
            print(word, shown, flush=True)
