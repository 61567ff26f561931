"""One number of the gradient beside a central difference of the loss, in float64."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..contract import Array, Key, Params
from ..errors import SettingError, require
from ..random import seed_words
from ..settings import NOT_NEGATIVE, integer, one_of
from .build import Plan
from .maps import finite
from .training import Training, on_backend

STEP = 1e-5  # of the difference: its own error is then about 1e-10, and that of rounding 1e-11


def checked(training: Training, name: Any, at: Any) -> dict[str, Any]:
    """The gradient of the loss of one batch by one number of a parameter, by backprop and by a central difference.

    name, at: the parameter, such as "0.W", and the place in it, such as (1, 3). The batch is the one that is open, else
    the last one, and before the first step the first rows to train on: "of" says which; dropout takes the mask of the
    step that is next. Raises SettingError.
    """
    net = training.plan.net
    one_of("parameter", name, net.names)
    place = place_in(name, at, tuple(training.params[name].shape))
    wide = replace(training.backend, dtype="float64", precision="")
    host = training.table.train[: training.batch_size] if training.rows is None else training.rows
    with wide.scope():
        params = {key: wide.floats(p) for key, p in training.params.items()}
        x = wide.floats(training.table.x[host])
        target = on_backend(wide, training.table.target[host])
        step = wide.asarray(training.step, wide.xp.int32)
        key = Key(seed_words(training.seed, wide), step)

        def loss(moved: float) -> float:
            own = {key: wide.floats(p) for key, p in params.items()}
            host_value = wide.to_numpy(own[name]).copy()
            host_value[place] += moved
            own[name] = wide.floats(host_value)
            return float(_loss(training.plan, own, x, target, key)[0])

        value, grads = _loss(training.plan, params, x, target, key)
        backprop = float(wide.to_numpy(grads[name])[place])
        difference = (loss(STEP) - loss(-STEP)) / (2 * STEP)
        weight = float(wide.to_numpy(params[name])[place])
    return {
        "name": name,
        "at": list(place),
        "weight": finite(weight),
        "loss": finite(value),
        "backprop": finite(backprop),
        "difference": finite(difference),
        "error": finite(abs(backprop - difference)),
        "rows": len(host),
        "of": "first" if training.rows is None else "open" if training.phase else "last",
        "step": training.step,
        "h": STEP,
    }


def _loss(plan: Plan, params: Params, x: Array, target: Array, key: Key) -> tuple[Array, Params]:
    """The loss and its gradients, as a step computes them."""
    z, values = plan.net.evaluate(params, x, train=True, key=key)
    value, saved = plan.loss.evaluate(z, target)
    return value, plan.net.backprop(params, values, plan.loss.backprop(saved), need_dx=False)[1]


def place_in(name: str, at: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place in an array of this shape."""
    fine = isinstance(at, Sequence) and not isinstance(at, str) and len(at) == len(shape)
    require(fine, f"check: at must be {len(shape)} integers, the place in {name}", at)
    place = tuple(integer("check: at", i, NOT_NEGATIVE) for i in at)
    if any(i >= n for i, n in zip(place, shape, strict=True)):
        raise SettingError(f"check: {name} has the shape {shape}, which has no place {place}")
    return place
