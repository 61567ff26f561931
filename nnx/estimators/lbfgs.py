"""L-BFGS-B of SciPy on all parameters as one vector, with the whole data in every evaluation."""

from typing import Any

import scipy.optimize
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.optimize import _check_optimize_result

from ..backends.numpy import namespace as host_namespace
from .arrays import backend_for, is_foreign, mapped, to_host
from .network import as_lists, as_params
from .stochastic import weights

np = host_namespace()


class Packed:
    """The loss of the whole data as a function of one vector: all coefs_, then all intercepts_."""

    def __init__(self, est: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self.est, self.X = est, X
        self.shapes = [tuple(p.shape) for p in (*est.coefs_, *est.intercepts_)]
        self.objective = est._objective(sparse=hasattr(X, "tocsr"))
        self.target = est._targets(y, X.dtype)
        self.place = backend_for(X) if is_foreign(X) else None
        self.weight = None if sample_weight is None else weights(sample_weight, X)

    def unpacked(self, packed: Any) -> tuple[list[Any], list[Any]]:
        """coefs_ and intercepts_ as views of the vector."""
        parts, start = [], 0
        for shape in self.shapes:
            stop = start + int(np.prod(shape))
            parts.append(packed[start:stop].reshape(shape))
            start = stop
        half = len(parts) // 2
        return parts[:half], parts[half:]

    def evaluate(self, packed: Any) -> tuple[float, Any]:
        """The loss and its gradient as a vector."""
        value, grads = self.objective.evaluate(as_params(*self.given_back(packed)), self.X, self.target, self.weight)
        lists = as_lists(grads, len(self.shapes) // 2)
        return float(value), np.concatenate([to_host(g).reshape(-1) for part in lists for g in part])

    def given_back(self, packed: Any) -> tuple[list[Any], list[Any]]:
        """coefs_ and intercepts_ where the data is."""
        lists = self.unpacked(packed)
        return lists if self.place is None else mapped(self.place.floats, lists)


def fit(est: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Minimise the loss; the estimator's coefs_, intercepts_, loss_ and n_iter_ are set."""
    packed = Packed(est, X, y, sample_weight)
    start = np.concatenate([to_host(p).reshape(-1) for p in (*est.coefs_, *est.intercepts_)])
    shown = 1 if est.verbose is True or est.verbose >= 1 else -1
    options = {"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": est.tol}
    options |= _get_additional_lbfgs_options_dict("iprint", shown)
    result = scipy.optimize.minimize(packed.evaluate, start, method="L-BFGS-B", jac=True, options=options)
    est.n_iter_ = _check_optimize_result("lbfgs", result, est.max_iter)
    est.loss_ = result.fun
    est.coefs_, est.intercepts_ = packed.given_back(result.x)
