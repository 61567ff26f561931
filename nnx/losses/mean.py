"""The weighted mean over the rows of a batch, which all losses share."""

from ..backends import namespace
from ..contract import Array, Loss
from ..errors import ShapeError

TINY = 1e-30  # keeps sum(w) from being 0 where a batch has only rows of weight 0


def share(weight: Array | None, n: int) -> Array | float:
    """s, from weights (..., n, 1 or k)."""
    if weight is None:
        return 1.0 / max(n, 1)
    xp = namespace(weight)
    return weight / xp.maximum(xp.sum(weight, axis=-2, keepdims=True), TINY)


def column(weight: Array | None, z: Array) -> Array | None:
    return None if weight is None else like(weight, z)[..., None]


def like(target: Array, z: Array) -> Array:
    """The target in z's float type."""
    return target if target.dtype == z.dtype else namespace(z).astype(target, z.dtype)


def weighted_sum(e: Array, s: Array | float) -> Array:
    """sum(e s), without a pass of its own for an s that is one number."""
    xp = namespace(e)
    return xp.sum(e, axis=(-2, -1)) * s if isinstance(s, float) else xp.sum(e * s, axis=(-2, -1))


def same_shape(loss: Loss, z: Array, target: Array) -> None:
    if z.shape[-2:] != target.shape[-2:]:
        raise ShapeError(
            f"{type(loss).__name__}: target has shape {target.shape}, expected {z.shape[-2:]} as the output"
        )
