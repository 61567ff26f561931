"""Sessions: the trainings of several estimators side by side are those of each alone."""

import warnings
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.base import clone

import nnx
from nnx.estimators.session import How, Session
from nnx.estimators.stochastic import Training
from nnx.training.interrupt import Interrupt

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
X = rng.normal(size=(130, 4))
Y = {"classes": np.digitize(X[:, 0], [-0.5, 0.5]), "numbers": X @ [1.0, -2.0, 3.0, 0.5]}
SMALL = dict(hidden_layer_sizes=(6,), max_iter=12, batch_size=32, random_state=3)
MODELS = {
    "classes": nnx.MLPClassifier(**SMALL, dropout=0.2),
    "held out": nnx.MLPClassifier(**SMALL, early_stopping=True, n_iter_no_change=2, tol=0.02, norm="batch"),
    "numbers": nnx.MLPRegressor(**SMALL, solver="sgd", learning_rate="adaptive", n_iter_no_change=1, tol=10.0),
    "in order": nnx.MLPRegressor(**SMALL, shuffle=False, early_stopping=True, validation_fraction=0.3),
    "watched": nnx.MLPClassifier(**SMALL, callbacks=lambda model: model.n_iter_ == 5 and model.coefs_[0].ndim == 2),
}


def target(model):
    return Y["classes" if isinstance(model, nnx.MLPClassifier) else "numbers"]


def session_of(model):
    how = How("fit", model.max_iter)
    X_, y, sample_weight, held, _ = model._prepare(X, target(model), None, None, None, how)
    return Session(model, X_, y, sample_weight, held, how, None)


def state(model):
    """All that a fit has left, as bytes."""
    arrays = [*model.coefs_, *model.intercepts_, *model.layer_params_.values(), *model._best_coefs]
    arrays += [
        p for slot in model._optimizer.state.values() for p in (slot.values() if isinstance(slot, dict) else [slot])
    ]
    counts = [model.n_iter_, model.t_, model._random_state.get_state()[2]]
    return [np.asarray(p).tobytes() for p in arrays], [*model.loss_curve_, *(model.validation_scores_ or []), *counts]


def test_interleaved_trainings_have_the_bits_of_each_alone():
    alone = {name: clone(model).fit(X, target(model)) for name, model in MODELS.items()}
    sessions = {name: session_of(clone(model)) for name, model in MODELS.items()}
    trainings = {name: Training(session) for name, session in sessions.items()}
    with ExitStack() as stack:
        for name, session in sessions.items():
            session.give_back = trainings[name].give_back
            stack.enter_context(session)
        running = list(sessions)
        while running:
            orders = {name: sessions[name].begin_epoch() for name in running}
            totals = {name: trainings[name].epoch(orders[name], Interrupt()) for name in reversed(running)}
            running = [name for name in running if not sessions[name].end_epoch(totals[name])]
    assert len({session.est.n_iter_ for session in sessions.values()}) > 2  # they end at different epochs
    for name, session in sessions.items():
        session.finish()
        assert state(session.est) == state(alone[name]), name


def test_a_session_asks_for_totals_and_weights_alone():
    """Whoever computes the epochs: here nobody does, and the weights stay what they are."""
    model = clone(MODELS["held out"]).set_params(max_iter=4, n_iter_no_change=10)
    session, given = session_of(model), []
    before = [p.copy() for p in model.coefs_]
    session.give_back = lambda: given.append(model.n_iter_)
    with session:
        for epoch in range(4):
            order = session.begin_epoch()
            assert session.end_epoch(2.5 * len(order)) == (epoch == 3)
    session.finish()
    assert given == [0, 1, 2, 3, 4] and model.loss_curve_ == [2.5] * 4
    assert all(np.array_equal(p, q) for p, q in zip(model.coefs_, before, strict=True))


def test_rows_held_out_are_numbers_and_x_is_shared():
    given = [session_of(clone(MODELS[name])) for name in ("classes", "held out", "in order")]
    assert all(session.data.X is X for session in given)
    for session in given[1:]:
        trained, held = session.begin_epoch(), session.validation.rows
        assert sorted([*trained, *held]) == list(range(130)) and session.data.count == len(trained)
        np.testing.assert_array_equal(session.validation.X, X[held])


def test_an_estimator_can_be_put_back_as_it_was():
    model = clone(MODELS["classes"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(warm_start=True).fit(X, Y["classes"])
    before, how = state(model), How("fit", 3)
    kept = model._snapshot(how)
    prepared = model._prepare(X, Y["classes"], None, None, None, how)
    model._train(prepared, how, None)
    assert state(model) != before
    model._restore(kept)
    assert state(model) == before
