"""L-BFGS-B of SciPy on all parameters as one vector, with the whole data in every evaluation."""

from typing import Any

import scipy.optimize

from ..backends import namespace
from ..backends.numpy import namespace as host_namespace
from .arrays import backend_for, is_foreign, mapped, to_host, weights
from .callbacks import Callbacks
from .network import names
from .private import _check_optimize_result, _get_additional_lbfgs_options_dict
from .quirks import fixed

np = host_namespace()


class Packed:
    """The loss of the whole data as a function of one vector: all coefs_, then all intercepts_, then the rest."""

    def __init__(self, est: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self.est, self.X, self.dtype = est, X, X.dtype
        params, pairs = est._weights(), names(len(est.coefs_))
        first = [*(W for W, _ in pairs), *(b for _, b in pairs)]
        self.names = [*first, *(name for name in params if name not in first)]
        self.shapes = [tuple(params[name].shape) for name in self.names]
        self.start = np.concatenate([to_host(params[name]).reshape(-1) for name in self.names])
        self.still = {pairs[i][k] for i in est.frozen for k in (0, 1)}
        self.objective = est._objective()
        self.target = est._targets(y, X.dtype)
        self.place = backend_for(X) if is_foreign(X) else None
        self.weight = weights(sample_weight, X)

    def unpacked(self, packed: Any) -> dict[str, Any]:
        """The parameters by name where the data is; on the host, views of the vector."""
        params, begin = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            end = begin + int(np.prod(shape))
            params[name] = packed[begin:end].reshape(shape)
            begin = end
        return params if self.place is None else mapped(self.place.floats, params)

    def evaluate(self, packed: Any) -> tuple[float, Any]:
        """The loss and its gradient as a vector."""
        params = self.unpacked(packed)
        value, grads, _ = self.objective.evaluate(params, self.X, self.target, self.weight)
        value, grads = self.objective.whole(value, grads, params, self.target, self.weight, self.X.shape[0])
        for name in self.still:
            grads[name] = namespace(grads[name]).zeros_like(grads[name])
        return float(value), np.concatenate([to_host(grads[name]).reshape(-1) for name in self.names])


def fit(est: Any, X: Any, y: Any, sample_weight: Any, context: Any) -> None:
    """Minimise the loss; the estimator's coefs_, intercepts_, loss_ and n_iter_ are set."""
    packed, callbacks = Packed(est, X, y, sample_weight), Callbacks(est, context, X, y, sample_weight, est.max_iter)
    shown = 1 if est.verbose is True or est.verbose >= 1 else -1
    options = {"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": est.tol}
    options |= _get_additional_lbfgs_options_dict("iprint", shown)
    est.n_iter_ = 0

    def seen(intermediate_result: Any) -> None:
        est.n_iter_, est.loss_ = est.n_iter_ + 1, float(intermediate_result.fun)
        est._take(packed.unpacked(intermediate_result.x.copy()))
        stop = callbacks.end(0)
        if stop:
            raise StopIteration
        callbacks.begin()

    settings = {"callback": seen} if callbacks.active else {}
    with callbacks:
        callbacks.begin()
        result = scipy.optimize.minimize(
            packed.evaluate, packed.start, method="L-BFGS-B", jac=True, options=options, **settings
        )
    stopped = bool(settings) and not result.success and "StopIteration" in str(result.message)
    est.n_iter_ = result.nit if stopped else _check_optimize_result("lbfgs", result, est.max_iter)
    est.loss_ = result.fun
    vector = result.x.astype(packed.dtype) if packed.place is None and fixed(est, "float32") else result.x
    est._take(packed.unpacked(vector))
