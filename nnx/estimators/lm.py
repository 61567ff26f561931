"""Levenberg-Marquardt: least squares by the Jacobian matrix of all residuals, for small networks.

With residuals r (one for each row and output, times the root of its share in the loss) and J = dr/dp, the step h solves
`(J^T J + S + mu I) h = -(J^T r + S p)`, S being the penalty's alpha / rows on the weights. J comes from the network's
`backprop`, all rows at once as a population of batches of one row, and in pieces of rows: what is kept is J^T J.
mu falls where the loss falls as the squares foretell, and rises where it does not.

Source: Levenberg 1944; Marquardt 1963; the rule for mu is that of Nielsen 1999, "Damping parameter in Marquardt's
method", eq. 2.5.
"""

import warnings
from math import isfinite
from typing import Any

import scipy.linalg
from sklearn.exceptions import ConvergenceWarning

from ..backends import device, is_sparse, namespace
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Params
from ..losses import SquaredError
from ..optimizers import decays
from .arrays import to_host
from .callbacks import Callbacks
from .lbfgs import Packed
from .network import total_of

np = host_namespace()
MOST = 10_000  # parameters: J^T J then takes 0.8 GB
PIECE = 2**22  # numbers of J at a time
FIRST = 1e-3  # mu at first, as a part of the largest diagonal element of J^T J
SMALL = 1e-15  # of the parameters: a step below it changes nothing


def check(est: Any) -> None:
    """Raise ValueError where the loss is no sum of squares, or rows would be held out."""
    if est.loss != "squared_error" and not isinstance(est.loss, SquaredError):
        raise ValueError(f"solver='lm' needs loss='squared_error', got {est.loss!r}; 'lbfgs' takes any loss")
    if est.early_stopping:
        raise ValueError("early_stopping needs another solver than 'lm'")


class Squares(Packed):
    """The loss of the whole data as half the squares of residuals, as a function of one vector of free parameters."""

    def __init__(self, est: Any, X: Any, y: Any, sample_weight: Any) -> None:
        super().__init__(est, X, y, sample_weight)
        self.free = [name for name in self.names if name not in self.still]
        part = [np.full(shape, name not in self.still) for name, shape in zip(self.names, self.shapes, strict=True)]
        self.moves = np.concatenate([p.reshape(-1) for p in part])
        self.size = int(self.moves.sum())
        if self.size > MOST:
            raise ValueError(
                f"solver='lm' keeps a matrix of parameters x parameters: at most {MOST:,} of them, the network has "
                f"{self.size:,}; use 'lbfgs'"
            )
        one = namespace(self.target).ones_like(self.target[:, 0]) if self.weight is None else self.weight
        whole = total_of(one)
        self.share = one / whole  # of each row in the loss
        decay = np.concatenate([np.full(p.size, decays(name)) for name, p in zip(self.names, part, strict=True)])
        self.decay = decay[self.moves] * (self.objective.plan.alpha / float(whole))
        self.factor = 1.0 / self.target.shape[-1] if self.objective.descends_mean else 1.0  # of the sum over outputs
        self.piece: Any = self._piece if self.place is None else self.place.compile(self._piece)

    def placed(self, p: Any) -> Any:
        """The whole vector from its free part."""
        whole = self.start.copy()
        whole[self.moves] = p
        return whole

    def measure(self, p: Any) -> tuple[float, float]:
        """What is descended, and the loss as it is reported."""
        params = self.unpacked(self.placed(p))
        z, _ = self.objective.net.evaluate(params, self.X, train=True)
        value, _ = self.objective.loss.evaluate(z, self.target, self.weight)
        penalty = 0.5 * float(np.sum(self.decay * p * p))
        shown = self.objective.shown(value, self.target, self.weight)
        return float(value) * self.factor + penalty, float(shown) + penalty

    def normal(self, p: Any) -> tuple[Any, Any]:
        """J^T J and the gradient, with the penalty."""
        params = self.unpacked(self.placed(p))
        rows, outputs = self.X.shape[0], self.target.shape[-1]
        size = max(1, PIECE // (self.size * outputs))
        A, g = np.diag(self.decay), self.decay * p
        for start in range(0, rows, size):
            at = slice(start, min(start + size, rows))
            x = self.X[at, :]
            x = x.toarray() if is_sparse(x) else x
            own_A, own_g = self.piece(params, x, self.target[at, :], self.share[at])
            A += to_host(own_A)
            g += to_host(own_g)
        return A, g

    def _piece(self, params: Params, x: Array, target: Array, share: Array) -> tuple[Array, Array]:
        """J^T J and J^T r of some rows, each of which is a batch of its own."""
        xp, rows, (net, loss) = namespace(x), x.shape[0], (self.objective.net, self.objective.loss)
        z, values = net.evaluate(params, x[:, None, :], train=True)  # (rows, 1, outputs)
        _, saved = loss.evaluate(z, target[:, None, :])
        root = xp.sqrt(share * self.factor)[:, None, None]
        r = xp.matrix_transpose((loss.backprop(saved) * root)[:, 0, :])  # (outputs, rows)
        each = {name: xp.broadcast_to(p, (rows, *p.shape)) for name, p in params.items()}
        columns, J = xp.arange(z.shape[-1], device=device(z)), []
        for k in range(z.shape[-1]):
            dz = root * xp.astype(columns == k, z.dtype)
            _, grads = net.backprop(each, values, dz, need_dx=False)
            J.append(xp.concat([xp.reshape(grads[name], (rows, -1)) for name in self.free], axis=-1))
        J = xp.concat(J, axis=0)  # (outputs rows, parameters)
        transposed = xp.matrix_transpose(J)
        return xp.matmul(transposed, J), xp.matmul(transposed, xp.reshape(r, (-1, 1)))[:, 0]


def fit(est: Any, X: Any, y: Any, sample_weight: Any, context: Any) -> None:
    """Minimise the loss; the estimator's coefs_, intercepts_, loss_ and n_iter_ are set."""
    squares, callbacks = Squares(est, X, y, sample_weight), Callbacks(est, context, X, y, sample_weight, est.max_iter)
    p, evaluations, limit = squares.start[squares.moves], 1, ""
    mu = 0.0  # until J^T J says what is much
    value, est.loss_ = squares.measure(p)
    est.n_iter_ = 0
    with callbacks:
        while isfinite(value) and not limit:
            A, g = squares.normal(p)
            if np.max(np.abs(g)) <= est.tol:
                break
            mu = mu or FIRST * float(np.max(np.diag(A)))
            callbacks.begin()
            found, mu, tried = lower(squares, p, value, A, g, mu, est.max_fun - evaluations)
            evaluations += tried
            if found is not None:
                (p, value, est.loss_), est.n_iter_ = found, est.n_iter_ + 1
                if est.verbose:
                    print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
                if callbacks.active:
                    est._take(squares.unpacked(squares.placed(p)))
            stop = callbacks.end(0)
            if evaluations >= est.max_fun:
                limit = f"max_fun={est.max_fun}"
            elif found is None or stop:
                break
            elif est.n_iter_ >= est.max_iter:
                limit = f"max_iter={est.max_iter}"
    if limit:
        text = f"lm failed to converge after {est.n_iter_} iteration(s): {limit} was reached; increase it"
        warnings.warn(text, ConvergenceWarning, stacklevel=2)
    whole = squares.placed(p)
    est._take(squares.unpacked(whole if squares.place else whole.astype(squares.dtype)))


def lower(
    squares: Squares, p: Any, value: float, A: Any, g: Any, mu: float, most: int
) -> tuple[tuple[Any, float, float] | None, float, int]:
    """A point below p, what is descended there and the loss, or None; the next mu; and the steps tried, so many at
    most."""
    growth, tried = 2.0, 0
    while tried < most:
        h, mu = step(A, g, mu)
        (new, shown), tried = squares.measure(p + h), tried + 1
        if new < value:
            gain = (value - new) / (0.5 * float(np.sum(h * (mu * h - g))))
            return (p + h, new, shown), mu * max(1 / 3, 1 - (2 * gain - 1) ** 3), tried
        if np.linalg.norm(h) <= SMALL * np.linalg.norm(p):  # no step, however small, leads downwards
            break
        mu, growth = mu * growth, growth * 2
    return None, mu, tried


def step(A: Any, g: Any, mu: float) -> tuple[Any, float]:
    """-(A + mu I)^-1 g, and mu, which rises to where the sum is positive definite in floating point too."""
    while True:
        try:
            factor = scipy.linalg.cho_factor(A + mu * np.eye(len(g)), check_finite=False)
            return -scipy.linalg.cho_solve(factor, g, check_finite=False), mu
        except scipy.linalg.LinAlgError:
            mu *= 4.0
