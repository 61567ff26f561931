"""The judgement of each epoch: histories, early stopping, and why a member trains no longer.

One network is the only member, number 0. The estimators have a judge of their own: nnx/estimators/session.py.
"""

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from typing import Any, Protocol

from .interrupt import Interrupt
from .result import EarlyStopping

Figures = Mapping[int, Mapping[str, float]]  # of each member that trains, by name
Asked = Callable[[int, Figures], Collection[int]]  # the members that callbacks want to stop after this epoch


class Engine(Protocol):
    """A computer of epochs of some members."""

    whole: bool  # whether the last epoch was not cut short

    def epoch(self, number: int, live: list[int], interrupt: Interrupt) -> tuple[dict[int, dict[str, float]], set[int]]:
        """One pass over the data: the figures of each member, and those whose losses or weights are not finite."""
        ...

    def keep(self, better: set[int]) -> None:
        """Keep the weights of now of these members: they are the best so far."""
        ...


class Judge:
    """Histories and fates of members; `best` has for each the epoch whose weights are kept, 0 before the first."""

    def __init__(self, epochs: int, rule: EarlyStopping | None, members: int) -> None:
        self.epochs, self.rule = epochs, rule
        self.done = 0  # epochs
        self.histories: list[dict[str, list[float]]] = [{} for _ in range(members)]
        self.best = [0] * members
        self.stopped: dict[int, str] = {}  # why, by the number of the member

    @property
    def live(self) -> list[int]:
        """The members that still train."""
        return [k for k in range(len(self.best)) if k not in self.stopped]

    def train(
        self,
        engine: Engine,
        ask: Asked,
        interrupt: Interrupt,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Epoch after epoch, until no member is left. after: called when all about an epoch is known.

        After Ctrl-C in a run before no batch is begun: the weights are those that the run would begin with.
        """
        if interrupt.seen and not interrupt.late:
            self.stopped |= dict.fromkeys(self.live, "interrupted")
            after()
        while self.live and self.done < self.epochs:
            number, live = self.done + 1, self.live
            figures, ruined = engine.epoch(number, live, interrupt)
            better = self.weigh(number, figures, ruined)
            engine.keep(better)
            asked = ask(number, {k: own for k, own in figures.items() if k not in self.stopped} or figures)
            for k in self.live:
                if interrupt.seen and not engine.whole:
                    self.stopped[k] = "interrupted"
                elif self.rule is not None and number - self.best[k] >= self.rule.patience:
                    self.stopped[k] = "early stopping"
                elif interrupt.seen:
                    self.stopped[k] = "interrupted"
                elif k in asked:
                    self.stopped[k] = "callback"
                elif number == self.epochs:
                    self.stopped[k] = "epochs"
                if k in self.stopped and not self.best[k]:
                    self.best[k] = number
            self.done = number
            after()

    def weigh(self, number: int, figures: Figures, ruined: Collection[int]) -> set[int]:
        """Write the figures down; the members that have become better. Those that are ruined stop."""
        better = set()
        for k, own in figures.items():
            if k in ruined or not all(isfinite(value) for name, value in own.items() if name.endswith("loss")):
                self.stopped[k] = "not finite"
                continue
            if self.rule is None or self.rule.improves(own[self.rule.monitor], self.best_value(k)):
                better.add(k)
                self.best[k] = number
            elif not self.best[k]:  # the figure has never been a number: the latest weights are kept
                better.add(k)
            for name, value in {"epoch": number, **own}.items():
                self.histories[k].setdefault(name, []).append(value)
        return better

    def best_value(self, k: int) -> float | None:
        """The figure watched at a member's best epoch so far."""
        rule, best = self.rule, self.best[k]
        return self.histories[k][rule.monitor][best - 1] if rule is not None and best else None

    def state(self) -> dict[str, Any]:
        """All of it, as plain data but for the histories."""
        return {"epoch": self.done, "best": list(self.best), "stopped": {str(k): v for k, v in self.stopped.items()}}
