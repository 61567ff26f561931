"""Parameters that the members of a population share: what each member adds to their gradients."""

from collections.abc import Mapping

from ..backends import namespace
from ..contract import Array, Params


def added_up(grads: Params, params: Mapping[str, Array]) -> Params:
    """Gradients, summed over the population axes in front that the parameters have not."""
    return {name: _summed(g, g.ndim - params[name].ndim) for name, g in grads.items()}


def _summed(g: Array, extra: int) -> Array:
    return namespace(g).sum(g, axis=tuple(range(extra))) if extra > 0 else g
