"""A training but for its arithmetic, in scikit-learn's order: before its epochs, between them, and after the last."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from sklearn.exceptions import ConvergenceWarning

from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..contract import Array
from ..settings import check_range
from ..training.averages import has_batch_norm
from ..training.flat import has_views
from ..training.settings import Settings
from .arrays import own
from .batches import Rows
from .callbacks import Callbacks
from .quirks import fixed
from .ranks import prints
from .solver import layout_of, prepare
from .validation import Validation, split

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


class Prepared(NamedTuple):
    """Checked data, where it is computed with, for an estimator that has weights to begin with."""

    X: Any  # (rows, features)
    y: Any  # (rows, outputs)
    sample_weight: Any  # (rows,) on the host, or None
    held: tuple[Any, Any] | None  # X and y to validate on
    place: Backend  # whose scope the training needs


class Session:
    """What one estimator does around the epochs of its training; who computes them sets `give_back`.

    The weights to begin with are packed in `vectors`, as `layout` says, but for those in `running`, which have no
    gradient; the optimizer is the estimator's `_optimizer`, whose rate changes between epochs.

    with session:
        stopped = False
        while not stopped:
            order = session.begin_epoch()
            ...  # one epoch on the rows of session.data in this order
            stopped = session.end_epoch(total)
    session.finish()
    """

    give_back: Callable[[], None]  # makes the weights of now those of the estimator, in arrays of its own

    def __init__(
        self, est: Any, X: Any, y: Any, sample_weight: Any, given: Any, how: How, context: Any, rows: Any = None
    ) -> None:
        """All that comes before the first epoch, on checked data; y (rows, outputs).

        given: X and y to validate on. rows: the numbers of the rows of X to train on; None: all.
        """
        if est.early_stopping and how.kind == "partial_fit":
            raise ValueError("partial_fit does not support early_stopping=True")
        if not hasattr(est, "loss_curve_") or bool(est.early_stopping) != (
            getattr(est, "validation_scores_", None) is not None
        ):
            est._begin_curves()  # another solver, or way to stop, than before
        done = _rewound(est, X.shape[0], how)
        self.est, self.how = est, how
        self.callbacks = Callbacks(est, context, X, y, sample_weight, how.epochs)
        self.seed = int(est._random_state.randint(2**31 - 1)) if _is_random(est) else 0
        self.validation = None if given is None else Validation(est, given[0], given[1], None)
        if est.early_stopping and self.validation is None:
            rows, self.validation = split(est, X, y, sample_weight)
        self.data = Rows(est, X, y, sample_weight, rows)
        self._begin_weights()
        self.best, self.fresh = getattr(est, "_best_coefs", None), est.t_ == 0
        self.order = np.arange(self.data.count)
        for _ in range(done):
            self._shuffle()
        est.n_iter_, self.last = done, done + how.epochs

    def _begin_weights(self) -> None:
        """The weights as they are trained, and the optimizer for them: a new one, or that of before."""
        est, how = self.est, self.how
        self.objective = est._objective()
        if -(-self.data.batch // est.micro_batches) < 2 and has_batch_norm(self.objective.net):
            raise ValueError("batch normalisation learns nothing from batches of one row: it needs two rows at once")
        params = est._weights()
        frozen = Settings(frozen=tuple(f"{2 * i}.*" for i in est.frozen))
        still = {name for name in params if frozen.is_frozen(name)} | set(self.objective.net.running)
        moving = {name: p for name, p in params.items() if name not in still}
        shapes = tuple((name, tuple(p.shape)) for name, p in moving.items())
        self.layout = layout_of(shapes, has_views(est._backend()))
        self.vectors = self.layout.pack(moving)
        self.running: dict[str, Array] = {name: own(params[name]) for name in params if name in still}
        new = how.kind == "fit" and not (est.warm_start and fixed(est, "warm_start"))
        steps = None if how.kind == "partial_fit" else how.epochs * self.data.steps
        prepare(est, self.vectors, steps, how.kind, new=new)
        dtype = str(self.data.X.dtype).rpartition(".")[2]
        check_range(dtype, self.objective.net, self.objective.loss, est._optimizer.rule)

    def __enter__(self) -> "Session":
        self.callbacks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.callbacks.__exit__(*error)

    def begin_epoch(self) -> Any:
        """The rows of the next epoch in its order: numbers of rows of X, on the host."""
        self.callbacks.begin()
        self._shuffle()
        return self.data.numbered(self.order)

    def _shuffle(self) -> None:
        """Put the rows in another order, as sklearn.utils.shuffle does."""
        if self.est.shuffle:
            order = np.arange(self.data.count)
            self.est._random_state.shuffle(order)
            self.order = self.order[order]

    def end_epoch(self, total: float) -> bool:
        """What comes after an epoch, whose losses times rows add up to the total; whether it was the last."""
        est = self.est
        if self.validation is not None or self.callbacks.active:
            self.give_back()
        est.n_iter_ += 1
        est.t_ += self.data.count
        stop = _ended(est, total / self.data.count, self.validation, self.last, self.how)
        return self.callbacks.end(self.data.count) or stop or est.n_iter_ >= self.last

    def finish(self) -> None:
        """The estimator's weights after the last epoch: those of now, or with early stopping the best."""
        self.give_back()
        est = self.est
        if est.early_stopping:
            est._last = est._weights()
            same = est._best_coefs is self.best
            if same and self.how.kind == "fit" and not self.fresh and not fixed(est, "warm_start"):
                est._keep_best()  # a warm start that did not improve keeps its last weights, as in scikit-learn
            best = est._best_coefs, est._best_intercepts, est._best_layer_params
            est.coefs_, est.intercepts_, est.layer_params_ = best


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
            stacklevel=6,
        )
    return False


def _prints(est: Any) -> bool:
    """Whether lines are printed."""
    return bool(est.verbose) and est.verbose != "bar" and prints(est)


def _follows(est: Any) -> bool:
    """Whether the names of schedules mean something to the solver."""
    return est.solver == "sgd" or fixed(est, "schedules")


def _count(est: Any, held: Any) -> None:
    """Count the epochs without improvement by tol, of the score on the data held out or of the loss."""
    if held is not None:
        X = held.X
        est.validation_loss_curve_.append(held.loss(X))
    if est.early_stopping:
        score = held.score(X)
        est.validation_scores_.append(score)
        if _prints(est):
            print(f"Validation score: {score:f}")
        est._no_improvement_count = (
            est._no_improvement_count + 1 if not score >= est.best_validation_score_ + est.tol else 0
        )
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
