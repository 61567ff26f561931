"""The base of all optimizers: the rate, its schedule, decoupled weight decay, and the walk over the names."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from typing import ClassVar

from ..backends import along, constant, device, each, namespace
from ..contract import Array, Factors, Optimizer, Params, Schedule, Setting, State
from ..errors import numbers
from ..schedules import over
from ..settings import NOT_NEGATIVE, POSITIVE, SHARE, settle

RANGES = {"rate": NOT_NEGATIVE, "weight_decay": NOT_NEGATIVE, "epsilon": POSITIVE}
RANGES |= dict.fromkeys(("momentum", "decay", "beta1", "beta2"), SHARE)


def decays(name: str) -> bool:
    """True for weights, which decay; biases, gains and shifts do not."""
    return name.rpartition(".")[2] == "W"


def factors_of(name: str, factors: Factors | None) -> tuple[float, float]:
    """Factors of the rate and of the weight decay of a parameter: 1 and 1, or 1 and 0 for one that does not decay."""
    if factors is not None and name in factors:
        return factors[name]
    return 1.0, 1.0 if decays(name) else 0.0


@dataclass(frozen=True)
class Rule(Optimizer):
    """The base of all optimizers: the rate, its schedule, decoupled weight decay, and the walk over the names."""

    slots: ClassVar[tuple[str, ...]] = ()
    weight_decay = 0.0  # not a field here: AdamW and Lion make it one

    rate: Setting = 1e-3
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        settle(self, **RANGES)

    def init(self, params: Params, *, population: tuple[int, ...] = ()) -> State:
        p = next(iter(params.values()))
        xp, where = namespace(p), device(p)
        rate = constant(tuple(numbers(self.rate)), p)
        rate = xp.reshape(rate, ()) if isinstance(self.rate, (int, float)) else rate
        rate = xp.asarray(xp.broadcast_to(rate, population or rate.shape), copy=True)
        state: State = {"step": xp.zeros((), dtype=xp.int32, device=where), "rate": rate}
        for slot in self.slots:
            state[slot] = {name: xp.zeros_like(p) for name, p in params.items()}
        return state

    def update(
        self, params: Params, grads: Params, state: State, factors: Factors | None = None
    ) -> tuple[Params, State]:
        rate = self.current_rate(state)
        step = state["step"]
        step += 1
        state["step"] = step
        t = namespace(step).astype(step, rate.dtype)
        scalars, decay = self.scalars(rate, t), self.shrinkage(rate, t)
        for name, g in grads.items():
            p, (of_rate, of_decay), own = params[name], factors_of(name, factors), scalars
            if of_rate != 1:
                own = self.scalars(of_rate * rate, t)
            if decay is not None and of_decay:
                p *= 1.0 - along(decay if of_rate * of_decay == 1 else of_rate * of_decay * decay, p)
            slots = [state[slot][name] for slot in self.slots]
            params[name], *slots = self.formula(p, *slots, g, *(along(s, p) for s in own))
            for slot, value in zip(self.slots, slots, strict=True):
                state[slot][name] = value
        return params, state

    @property
    def decays(self) -> bool:
        return any(d != 0 for d in numbers(self.weight_decay))

    def current_rate(self, state: State) -> Array:
        if self.schedule is None:
            return state["rate"]
        step = state["step"]
        return state["rate"] * self.schedule.evaluate(namespace(step).astype(step, state["rate"].dtype))

    def over(self, steps: int) -> Optimizer:
        return over(self, steps)

    def shrinkage(self, rate: Array, t: Array) -> Array | None:
        """The part of a weight that the update takes off; None for nothing."""
        return _product(self.weight_decay, rate)

    def scalars(self, rate: Array, t: Array) -> tuple[Setting, ...]:
        """The numbers that the formula takes after the arrays: computed once an update, not once a parameter."""
        return (rate,)

    @property
    def formula(self) -> Callable[..., tuple[Array, ...]]:
        """New p and slots from p, the slots, g and the scalars, written on the old ones where arrays can be."""
        raise TypeError(f"{type(self).__name__} has no formula")


def _product(setting: Setting, rate: Array) -> Array | None:
    if isinstance(setting, (int, float)):
        return setting * rate if setting else None
    return constant(setting, rate) * rate


def rest(beta: Setting) -> Setting:
    """1 - beta."""
    return each(lambda b: 1.0 - b, beta)


def power(beta: Setting, t: Array) -> Array:
    """1 - beta^t, without cancellation where beta is near 1."""
    xp = namespace(t)
    return -xp.expm1(t * along(each(lambda b: log(b) if b else -inf, beta), t))
