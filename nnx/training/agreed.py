"""What a training asks of its ranks: that there are several, with work for each, and that all end after one batch."""

from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import SettingError, require
from .interrupt import Interrupt
from .parallel import Ranks

T = TypeVar("T")


def several(given: Any) -> Ranks | None:
    """The ranks given where there are several, else None. Raises SettingError."""
    fine = given is None or isinstance(given, Ranks)
    require(fine, "ranks must be nnx.ranks(), in a program that mpiexec has started", given)
    return given if given is not None and given.count > 1 else None


def check_shared(ranks: Ranks | None, micro_batches: int) -> None:
    """Raise SettingError where a rank would have nothing to do."""
    if ranks is not None and micro_batches < ranks.count:
        raise SettingError(
            f"fit: micro_batches is {micro_batches}, and {ranks.count} ranks share those of each batch: give "
            "micro_batches=8, or more"
        )


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
