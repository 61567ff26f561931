"""The constraints on the parameters that both estimators have; scikit-learn checks them when a method trains."""

from collections.abc import Callable
from math import inf
from numbers import Integral, Real
from typing import Any

from sklearn.metrics import get_scorer_names
from sklearn.utils.metaestimators import available_if

from ..errors import shown
from ..layers import ACTIVATIONS
from ..optimizers import OPTIMIZERS
from ..settings import MOST
from ..training.parallel import Ranks
from .private import F, HasMethods, Interval, Options, StrOptions
from .quirks import FIXES

LAYER = HasMethods(["evaluate", "backprop"])
CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({"logistic", *ACTIVATIONS}), list, tuple, LAYER],
    "solver": [StrOptions({"lbfgs", *OPTIMIZERS}), HasMethods(["init", "update", "over"])],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), HasMethods(["evaluate", "over"])],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose", StrOptions({"bar"})],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "norm": [StrOptions({"layer", "batch"}), None],
    "weight_decay": [Interval(Real, 0, None, closed="left"), None],
    "frozen": ["array-like"],
    "monotonic_cst": ["array-like", dict, None],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
    "callbacks": [callable, list, tuple, None],
    "fixes": [StrOptions({"all", *FIXES}), list, tuple, set, frozenset],
    "backend": [str, None],
    "device": [str],
    "micro_batches": [Interval(Integral, 1, None, closed="left")],
    "ranks": [Ranks, None],
}


def check(est: Any) -> None:
    """Raise ValueError for what the constraints of scikit-learn take, and nothing can be computed with."""
    for name in ("alpha", "learning_rate_init", "tol", "epsilon", "weight_decay", "power_t"):
        value = getattr(est, name)
        if isinstance(value, int) and value >= 2**1000:
            raise ValueError(f"{name} must be a finite number, got {shown(value)}")
    if isinstance(est.batch_size, bool):
        raise ValueError(f"batch_size must be an integer, got {est.batch_size}")
    if est.device and not est.backend:
        raise ValueError(f"device={est.device!r} needs a backend that has it: backend='torch', say")


def hidden_sizes(sizes: Any) -> list[int]:
    """The widths of the hidden layers. Raises: ValueError."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if not all(hasattr(size, "__index__") or getattr(size, "is_integer", bool)() for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be whole numbers, got {shown(sizes)}")
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    if max(sizes, default=1) > MOST:
        raise ValueError(f"hidden_layer_sizes must be at most {MOST}, got {shown(sizes)}")
    return [int(size) for size in sizes]


def where(check: Callable[[Any], Any]) -> Callable[[F], F]:
    """scikit-learn's decorator of a method that not every estimator has, with its type kept for type checkers."""
    wrap: Callable[[F], F] = available_if(check)
    return wrap
