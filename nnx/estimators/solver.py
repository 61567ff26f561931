"""The optimizer that an estimator's parameters mean, with its state, and the training step."""

from functools import lru_cache
from inspect import signature
from typing import Any, NamedTuple

from ..backends import is_array
from ..contract import Optimizer, Params, State
from ..optimizers import OPTIMIZERS, SGD, Adam, AdamW, Lion, Momentum, Nesterov
from ..training.flat import Flat
from ..training.step import InParts, Step, make_step
from .arrays import mapped, own, to_host
from .network import Objective

WHOLE = ("lbfgs", "lm")  # look at all rows in each step
DECAYING = ("adam", "adamw", "lion")


class Solver:
    """An optimizer of the library with its state, and the learning rate as scikit-learn's estimators show it."""

    def __init__(self, rule: Optimizer, state: State) -> None:
        self.rule, self.state = rule, state

    def __getstate__(self) -> dict[str, Any]:
        return {"rule": self.rule, "state": mapped(to_host, self.state)}

    def copy(self) -> "Solver":
        """The same with arrays of its own."""
        return Solver(self.rule, mapped(lambda x: own(x) if is_array(x) else x, self.state))

    def fits(self, vectors: Params, rule: Optimizer, kind: str) -> bool:
        """Whether the state is for these parameters. For "resume", raises ValueError if not, or for another optimizer.

        Where it is not, as after a change of `frozen`, the optimizer begins anew.
        """
        slots = [value for value in self.state.values() if isinstance(value, dict)]
        sizes = {name: tuple(p.shape) for name, p in vectors.items()}
        fits = all({name: tuple(p.shape) for name, p in slot.items()} == sizes for slot in slots)
        if kind == "resume" and not (fits and type(rule) is type(self.rule)):
            raise ValueError(
                "resume: solver or frozen is not what it was; call fit, with warm_start=True to keep weights"
            )
        return fits

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return float(self.rule.current_rate(self.state))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate = self.state["rate"]
        self.state["rate"] = rate * 0 + value


def prepare(est: Any, vectors: Params, steps: int | None, kind: str, *, new: bool) -> None:
    """The estimator's optimizer for these vectors: a new one, or that of before, for so many steps if they are known.

    kind: the method that trains. Raises ValueError if it is "resume" and the optimizer of before does not fit.
    """
    if new or not hasattr(est, "_optimizer") or not est._optimizer.fits(vectors, rule_of(est, None), kind):
        rule = rule_of(est, steps)
        est._optimizer = Solver(rule, rule.init(vectors))
    elif steps is not None:
        est._optimizer.rule = rule_of(est, steps + int(est._optimizer.state["step"]))


def rule_of(est: Any, steps: int | None) -> Optimizer:
    """The optimizer that the parameters of an estimator mean, for a training of so many steps if they are known."""
    rule: Optimizer = _named(est) if isinstance(est.solver, str) else est.solver
    return rule if steps is None else rule.over(steps)


def _named(est: Any) -> Optimizer:
    """The optimizer of the solver's name, with the settings that scikit-learn has parameters for."""
    kind: Any = OPTIMIZERS.get(est.solver)
    schedule = None if isinstance(est.learning_rate, str) else est.learning_rate
    settings: dict[str, Any] = {"rate": float(est.learning_rate_init), "schedule": schedule}
    if est.solver == "sgd":
        kind = SGD if not est.momentum else Nesterov if est.nesterovs_momentum else Momentum
    if est.solver == "adam" and est.weight_decay:
        kind = AdamW
    if issubclass(kind, Adam):
        settings |= {"beta1": float(est.beta_1), "beta2": float(est.beta_2)}
    if issubclass(kind, Momentum):
        settings["momentum"] = float(est.momentum)
    if hasattr(kind, "epsilon"):
        settings["epsilon"] = float(est.epsilon)
    if est.weight_decay is not None and issubclass(kind, (AdamW, Lion)):
        settings["weight_decay"] = float(est.weight_decay)
    return kind(**settings)  # type: ignore[no-any-return]


def check(est: Any) -> None:
    """Raise ValueError where a parameter needs another solver."""
    if isinstance(est.solver, type):
        raise ValueError(f"solver: expected an optimizer such as nnx.Adam(1e-3), got the class {est.solver.__name__}")
    if isinstance(est.learning_rate, type):
        name = est.learning_rate.__name__
        raise ValueError(f"learning_rate: expected a schedule such as nnx.Cosine(), got the class {name}")
    if est.weight_decay and est.solver not in DECAYING:
        raise ValueError(f"weight_decay needs solver='adam', 'adamw' or 'lion', got {est.solver!r}")
    if est.micro_batches > 1:
        if est.solver in WHOLE:
            raise ValueError(f"micro_batches needs another solver than {est.solver!r}, which has no batches")
        if not isinstance(est.loss, str) and "total" not in signature(est.loss.evaluate).parameters:
            raise ValueError(f"micro_batches needs a loss whose evaluate takes total=; {est.loss!r} does not")
    if not isinstance(est.learning_rate, str) and (est.solver in WHOLE or not isinstance(est.solver, str)):
        raise ValueError(
            "learning_rate=schedule needs a solver by name, such as 'adam'; an optimizer has schedule= of its own"
        )


@lru_cache(maxsize=64)
def layout_of(shapes: tuple[tuple[str, tuple[int, ...]], ...], shared: bool) -> Flat:
    """The layout of parameters of these names and shapes."""
    params = {name: Shaped(shape) for name, shape in shapes}
    return Flat(params, tuple(params), apart=True, shared=shared)


class Shaped(NamedTuple):
    """What a layout needs to know of a parameter."""

    shape: tuple[int, ...]


@lru_cache(maxsize=64)
def known_step(objective: Objective, optimizer: Optimizer, layout: Flat, micro_batches: int) -> Step | InParts:
    """The same step each time, so that a library that has compiled it for one fit need not do so for the next."""
    return make_step(objective, optimizer, layout, micro_batches=micro_batches)
