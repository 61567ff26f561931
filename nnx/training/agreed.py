"""Signals and the end of the time as ranks hear them: all of them end after the same batch."""

from collections.abc import Callable
from typing import TypeVar

from .interrupt import Interrupt
from .parallel import Ranks

T = TypeVar("T")


class Agreed(Interrupt):
    """What the ranks have agreed to have seen of Ctrl-C and the end of the time: all of them end after one batch."""

    def __init__(self, ranks: Ranks, inner: Interrupt) -> None:
        self.ranks, self.inner = ranks, inner
        ranks.interrupt = inner
        ranks.agree()

    @property
    def seen(self) -> bool:  # type: ignore[override]
        return self.ranks.agreed[0]

    @property
    def late(self) -> bool:  # type: ignore[override]
        return self.ranks.agreed[1]


def together(
    ranks: Ranks | None, ask: Callable[..., T], interrupt: Interrupt, after: Callable[[], None]
) -> tuple[Callable[..., T], Interrupt, Callable[[], None]]:
    """What a judge asks: of several ranks, the first has callbacks and writes, and a signal is heard by all."""
    if ranks is None:
        return ask, interrupt, after
    agreed, first = Agreed(ranks, interrupt), ranks.first
    return lambda *given: first(lambda: ask(*given)), agreed, lambda: first(after)


def inner(interrupt: Interrupt) -> Interrupt:
    """What this rank alone has seen."""
    return interrupt.inner if isinstance(interrupt, Agreed) else interrupt
