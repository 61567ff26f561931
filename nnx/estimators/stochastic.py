"""Epochs of stochastic descent in scikit-learn's order: split, shuffle, batches, stopping."""

import warnings
from typing import Any, NamedTuple

from sklearn.exceptions import ConvergenceWarning

from ..backends import Plain
from ..backends.numpy import namespace as host_namespace
from ..random import seed_words
from ..training.step import Carry
from .arrays import own
from .fixes import fixed
from .held import Held, split
from .rows import Data
from .solver import Solver, layout_of, make_step, rule_of
from .watch import Watchers

np = host_namespace()
SMALLEST = 1e-6  # the rate at which an adaptive one stops


class How(NamedTuple):
    """Which method trains: "fit", "initialize", "partial_fit" or "resume", and for how many epochs."""

    kind: str = "fit"
    epochs: int = 0

    @property
    def anew(self) -> bool:
        """Whether it begins at the first epoch."""
        return self.kind in ("fit", "initialize")


def fit(est: Any, X: Any, y: Any, sample_weight: Any, given: Any, how: How, context: Any) -> None:
    """Train the estimator on checked data; y (rows, outputs). given: X and y to validate on, or None."""
    if est.early_stopping and how.kind == "partial_fit":
        raise ValueError("partial_fit does not support early_stopping=True")
    if not hasattr(est, "loss_curve_") or bool(est.early_stopping) != (
        getattr(est, "validation_scores_", None) is not None
    ):
        est._begin_curves()  # another solver, or way to stop, than before
    done = _rewound(est, X.shape[0], how)
    watchers = Watchers(est, context, X, y, sample_weight, how.epochs)
    seed = int(est._random_state.randint(2**31 - 1)) if _is_random(est) else 0
    held = None if given is None else Held(est, given[0], given[1], None)
    rows = None
    if est.early_stopping and held is None:
        rows, held = split(est, X, y, sample_weight)
    data = Data(est, X, y, sample_weight, rows)
    new = not hasattr(est, "_optimizer") or (how.kind == "fit" and not (est.warm_start and fixed(est, "warm_start")))
    steps = None if how.kind == "partial_fit" else how.epochs * data.steps
    training = Training(est, data, how, seed, steps, new=new)
    best, fresh = getattr(est, "_best_coefs", None), est.t_ == 0
    order = np.arange(data.count)
    for _ in range(done if est.shuffle else 0):
        order = order[_shuffled(data.count, est._random_state)]
    est.n_iter_, last = done, done + how.epochs
    with watchers:
        try:
            while est.n_iter_ < last:
                watchers.begin()
                if est.shuffle:
                    order = order[_shuffled(data.count, est._random_state)]
                total = training.epoch(data, data.numbered(order))
                if held is not None or watchers.active:
                    training.give_back()
                est.n_iter_ += 1
                est.t_ += data.count
                stop = _ended(est, total / data.count, held, last, how)
                if watchers.end(data.count) or stop:
                    break
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
    training.give_back()
    training.layout.last = ({}, {})  # it is kept for the next fit, but not this one's weights
    if est.early_stopping:
        est._last = est._weights()
        if est._best_coefs is best and how.kind == "fit" and not fresh and not fixed(est, "warm_start"):
            est._keep_best()  # a warm start that did not improve keeps its last weights, as in scikit-learn
        est.coefs_, est.intercepts_, est.layer_params_ = est._best_coefs, est._best_intercepts, est._best_layer_params


def _rewound(est: Any, rows: int, how: How) -> int:
    """How many epochs have been done. To go on with a fit, the random numbers are drawn again from where it began."""
    if how.kind != "resume":
        est._resumable = how.kind == "fit" and (est._random_state.get_state(legacy=False), rows)
        if hasattr(est, "_last"):
            del est._last
        return 0
    if not getattr(est, "_resumable", False):
        raise ValueError("resume goes on with a fit: call fit first; after partial_fit, call partial_fit again")
    state, before = est._resumable
    if rows != before:
        raise ValueError(f"resume needs the data of fit, which had {before} rows, got {rows}")
    est._random_state = np.random.RandomState()
    est._random_state.set_state(state)
    if hasattr(est, "_last"):
        est._take(est._last)
    return int(est.n_iter_)


def _is_random(est: Any) -> bool:
    """Whether the network may need random numbers in training: for dropout, or for a layer of the user's."""
    given = est.activation if isinstance(est.activation, (list, tuple)) else [est.activation]
    return bool(est.dropout) or not all(isinstance(layer, str) for layer in given)


def _shuffled(rows: int, random_state: Any) -> Any:
    """The numbers that sklearn.utils.shuffle puts rows in order by."""
    order = np.arange(rows)
    random_state.shuffle(order)
    return order


def _ended(est: Any, loss: float, held: Any, last: int, how: How) -> bool:
    """What comes at the end of an epoch: curves, the rate, and whether to stop."""
    est.loss_ = loss
    est.loss_curve_.append(loss)
    if _prints(est):
        print(f"Iteration {est.n_iter_}, loss = {loss:.8f}")
    _count(est, held)
    if est.learning_rate == "invscaling" and _follows(est):
        est._optimizer.learning_rate = est.learning_rate_init / (est.t_ + 1) ** est.power_t
    if est._no_improvement_count > est.n_iter_no_change - fixed(est, "patience"):
        what = "Validation score" if est.early_stopping else "Training loss"
        text = f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs."
        if _stops(est, text):
            return True
        est._no_improvement_count = 0
    scheduled = not isinstance(est.learning_rate, str)  # then this is where it was meant to end
    if how.kind != "partial_fit" and est.n_iter_ == last and not scheduled:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({last}) reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=5,
        )
    return False


def _prints(est: Any) -> bool:
    """Whether lines are printed."""
    return bool(est.verbose) and est.verbose != "bar"


def _follows(est: Any) -> bool:
    """Whether the names of schedules mean something to the solver."""
    return est.solver == "sgd" or fixed(est, "schedules")


def _count(est: Any, held: Any) -> None:
    """Count the epochs without improvement by tol, of the score on the data held out or of the loss."""
    if held is not None:
        est.validation_loss_curve_.append(held.loss())
    if est.early_stopping:
        score = held.score()
        est.validation_scores_.append(score)
        if _prints(est):
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
    if est.learning_rate != "adaptive" or not _follows(est):
        ending = " Stopping."
    elif (rate := est._optimizer.learning_rate) <= SMALLEST:
        ending = " Learning rate too small. Stopping."
    else:
        est._optimizer.learning_rate = rate / 5.0
        if _prints(est):
            print(f"{text} Setting learning rate to {rate / 5.0:f}")
        return False
    if _prints(est):
        print(text + ending)
    return True


class Training:
    """The parameters of an estimator while they are trained."""

    def __init__(self, est: Any, data: Data, how: How, seed: int, steps: int | None, *, new: bool) -> None:
        self.est, self.backend = est, est._backend()
        sparse = hasattr(data.X, "tocsr")
        objective = est._objective(sparse=sparse)
        params = est._weights()
        still = {f"{2 * i}.{name}" for i in est.frozen for name in ("W", "b")} | set(objective.net.running)
        moving = {name: p for name, p in params.items() if name not in still}
        shapes = tuple((name, tuple(p.shape)) for name, p in moving.items())
        self.layout = layout_of(shapes)
        vectors = self.layout.pack(moving)
        if new or not est._optimizer.fits(vectors, rule_of(est, None), how.kind):
            rule = rule_of(est, steps)
            est._optimizer = Solver(rule, rule.init(vectors))
        elif steps is not None:
            est._optimizer.rule = rule_of(est, steps + int(est._optimizer.state["step"]))
        running = {name: own(params[name]) for name in params if name in still}
        zero = self.backend.floats(0.0)
        self.carry = Carry(vectors, running, est._optimizer.state, seed_words(seed, self.backend), zero)
        step = make_step(objective, est._optimizer.rule, self.layout)
        self.loop = Plain(step) if sparse or how.epochs == 1 else self.backend.loop(step, "auto", how.epochs)

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
        self.est._take({name: own(p) for name, p in self.carry.params(self.layout).items()})
