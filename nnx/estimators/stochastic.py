"""Epochs of stochastic descent in scikit-learn's order: split, shuffle, batches, stopping."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from ..backends import Plain, namespace
from ..backends.numpy import namespace as host_namespace
from ..random import seed_words
from ..training.flat import Flat
from ..training.step import Carry, gather
from .arrays import backend_for, is_foreign, own, to_host
from .network import Solver, as_lists, as_params, make_step, rule_of

np = host_namespace()
SMALLEST = 1e-6  # the rate at which an adaptive one stops


def fit(est: Any, X: Any, y: Any, sample_weight: Any, given: Any, *, incremental: bool) -> None:
    """Train the estimator on checked data; y (rows, outputs). given: X and y to validate on, or None."""
    if est.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    training = Training(est, X.dtype, new=not incremental or not hasattr(est, "_optimizer"))
    if given is None:
        X, y, sample_weight, held = _split(est, X, y, sample_weight)
    else:
        held = Held(est, given[0], given[1], None)
    rows = X.shape[0]
    if est.batch_size == "auto":
        batch = min(200, rows)
    else:
        if est.batch_size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
        batch = min(est.batch_size, rows)
    data = Data(est, X, y, sample_weight, batch)
    training.begin(data, 1 if incremental else est.max_iter)
    order = np.arange(rows)
    try:
        est.n_iter_ = 0
        while est.n_iter_ < est.max_iter:
            if est.shuffle:
                order = order[_shuffled(rows, est._random_state)]
            total = training.epoch(data, order)
            if held is not None:
                training.give_back()
            est.n_iter_ += 1
            est.t_ += rows
            stop = _ended(est, total / rows, held, incremental)
            if est.callbacks:
                training.give_back()
                called = est.callbacks if isinstance(est.callbacks, (list, tuple)) else [est.callbacks]
                stop = any([callback(est) is True for callback in called]) or stop
            if stop:
                break
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    training.give_back()
    if est.early_stopping:
        est.coefs_, est.intercepts_ = est._best_coefs, est._best_intercepts


def _shuffled(rows: int, random_state: Any) -> Any:
    """The numbers that sklearn.utils.shuffle puts rows in order by."""
    order = np.arange(rows)
    random_state.shuffle(order)
    return order


def _split(est: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
    """The data to train on, and that held out for early stopping."""
    if not est.early_stopping:
        return X, y, sample_weight, None
    stratify = to_host(y) if est._is_classifier() and est.n_outputs_ == 1 else None
    given = [X, y] if sample_weight is None else [X, y, sample_weight]
    settings = {"random_state": est._random_state, "test_size": est.validation_fraction, "stratify": stratify}
    if is_foreign(X):
        rows = train_test_split(np.arange(X.shape[0]), **settings)
        place = backend_for(X)
        parts = [gather(a, place.integers(r)) if is_foreign(a) else a[r] for a in given for r in rows]
    else:
        parts = train_test_split(*given, **settings)
    held = (*parts[1::2], None)[:3]
    if held[0].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    X, y, sample_weight = (*parts[::2], None)[:3]
    return X, y, sample_weight, Held(est, *held)


class Held:
    """Data held out of training: its target as the loss takes it, and as `predict` gives it."""

    def __init__(self, est: Any, X: Any, y: Any, weight: Any) -> None:
        self.est, self.X, self.y, self.weight = est, X, y, weight
        self.shares = None if weight is None else weights(weight, X)
        self.target = est._targets(y, X.dtype)
        if est._is_classifier():
            yes = namespace(y).astype(y, X.dtype) if is_foreign(y) else y
            self.y = est._label_binarizer.inverse_transform(yes[:, 0] if is_foreign(yes) and yes.shape[1] == 1 else yes)

    def loss(self) -> float:
        """The loss of the data with the weights of now."""
        est = self.est
        objective = est._objective(sparse=hasattr(self.X, "tocsr"))
        return float(objective.measure(as_params(est.coefs_, est.intercepts_), self.X, self.target, self.shares))


def _ended(est: Any, loss: float, held: Any, incremental: bool) -> bool:
    """What comes at the end of an epoch: curves, the rate, and whether to stop."""
    est.loss_ = loss
    est.loss_curve_.append(loss)
    if est.verbose:
        print(f"Iteration {est.n_iter_}, loss = {loss:.8f}")
    _count(est, held)
    if est.solver == "sgd" and est.learning_rate == "invscaling":
        est._optimizer.learning_rate = est.learning_rate_init / (est.t_ + 1) ** est.power_t
    if est._no_improvement_count > est.n_iter_no_change:
        what = "Validation score" if est.early_stopping else "Training loss"
        text = f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs."
        if _stops(est, text):
            return True
        est._no_improvement_count = 0
    if incremental:
        return True
    if est.n_iter_ == est.max_iter:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the optimization hasn't converged "
            "yet.",
            ConvergenceWarning,
            stacklevel=5,
        )
    return False


def _count(est: Any, held: Any) -> None:
    """Count the epochs without improvement by tol, of the score on the data held out or of the loss."""
    if held is not None:
        est.validation_loss_curve_.append(held.loss())
    if est.early_stopping:
        score = est._score(held.X, held.y, sample_weight=held.weight)
        est.validation_scores_.append(score)
        if est.verbose:
            print(f"Validation score: {score:f}")
        est._no_improvement_count = est._no_improvement_count + 1 if score < est.best_validation_score_ + est.tol else 0
        if score > est.best_validation_score_:
            est.best_validation_score_ = score
            est._keep_best()
        return
    loss = est.loss_curve_[-1]
    est._no_improvement_count = est._no_improvement_count + 1 if loss > est.best_loss_ - est.tol else 0
    if loss < est.best_loss_:
        est.best_loss_ = loss


def _stops(est: Any, text: str) -> bool:
    """Whether an epoch without improvement too many ends the training, or lowers an adaptive rate."""
    rate = est._optimizer.learning_rate
    if est.solver != "sgd" or est.learning_rate != "adaptive":
        ending = " Stopping."
    elif rate <= SMALLEST:
        ending = " Learning rate too small. Stopping."
    else:
        est._optimizer.learning_rate = rate / 5.0
        if est.verbose:
            print(f"{text} Setting learning rate to {rate / 5.0:f}")
        return False
    if est.verbose:
        print(text + ending)
    return True


def weights(sample_weight: Any, X: Any) -> Any:
    """The weights of the rows where X is, in its type."""
    return backend_for(X).floats(sample_weight) if is_foreign(X) else sample_weight.astype(X.dtype, copy=False)


class Data:
    """Rows of X and what the loss takes of y, in batches of one size and a smaller last one."""

    def __init__(self, est: Any, X: Any, y: Any, sample_weight: Any, batch: int) -> None:
        self.X = X.tocsr() if hasattr(X, "tocsr") else X
        self.target = est._targets(y, X.dtype)
        self.place = backend_for(X) if is_foreign(X) else None
        self.weight = None if sample_weight is None else weights(sample_weight, X)
        self.batch = batch

    def batches(self, order: Any) -> list[Any]:
        """The row numbers of the batches as one or two matrices."""
        full = len(order) // self.batch * self.batch
        parts = order[:full].reshape(-1, self.batch), order[full:].reshape(1, -1)
        return [part if self.place is None else self.place.integers(part) for part in parts if part.size]


class Training:
    """The parameters of an estimator while they are trained."""

    def __init__(self, est: Any, dtype: Any, *, new: bool) -> None:
        self.est, self.backend = est, est._backend()
        params = as_params(est.coefs_, est.intercepts_)
        rule = rule_of(est)
        self.layout = Flat(params, tuple(params), apart=rule.decays)
        vectors = self.layout.pack(params)
        if new:
            est._optimizer = Solver(rule, rule.init(vectors))
        seed = int(est._random_state.randint(2**31 - 1)) if est.dropout else 0
        zero = self.backend.floats(0.0)
        self.carry = Carry(vectors, {}, est._optimizer.state, seed_words(seed, self.backend), zero)

    def begin(self, data: Data, epochs: int) -> None:
        """Get ready for so many epochs."""
        sparse = hasattr(data.X, "tocsr")
        step = make_step(self.est._objective(sparse=sparse), self.est._optimizer.rule, self.layout)
        self.loop = Plain(step) if sparse or epochs == 1 else self.backend.loop(step, "auto", epochs)

    def epoch(self, data: Data, order: Any) -> float:
        """Train on the rows in this order; the sum over the batches of loss times rows."""
        solver = self.est._optimizer
        self.carry = self.carry._replace(total=self.backend.floats(0.0), state=solver.state)
        for rows in data.batches(order):
            self.carry = self.loop(self.carry, data.X, data.target, data.weight, rows, 0, int(rows.shape[0]))
        solver.state = self.carry.state
        return float(self.carry.total)

    def give_back(self) -> None:
        """The estimator's coefs_ and intercepts_: own arrays with the weights of now."""
        params = {name: own(p) for name, p in self.carry.params(self.layout).items()}
        self.est.coefs_, self.est.intercepts_ = as_lists(params, len(self.est.coefs_))
