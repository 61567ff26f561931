"""The loss of a network of members: the mean of theirs."""

from dataclasses import dataclass

from ..backends import namespace
from ..contract import Array, Saved
from ..errors import ShapeError, require, shown
from ..layers.ensemble import apart, repeat
from ..settings import AT_LEAST_1, settle
from .cross_entropy import holds_labels
from .mean import check_given
from .wrapper import Wrapper


@dataclass(frozen=True)
class EnsembleLoss(Wrapper):
    """The mean of a loss over rows and members, each member of an ensemble held to the target by itself.

    It is not the loss of the members' mean. z has the rows of `nnx.EnsembleView`, those of the k members next to each
    other; target and weight have one for all. `predict` is the mean over the members of what `loss` predicts: of
    probabilities, say, not of logits.

    Parameters
    ----------
    loss : Loss
        The loss of one member, such as `nnx.SoftmaxCrossEntropy()`.
    members : int
        Number k of members, at least 1; that of the network.

    Raises
    ------
    SettingError
        If loss is no loss of one member, or members is below 1.
    ShapeError
        If z has not k rows for each of the target.

    Notes
    -----
    Shapes: z (..., n k, c), target and weight with n rows as for `loss`; predict(z) (..., n, c).

    Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM", section 3.

    Examples
    --------
    >>> loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 3)
    >>> loss.predict(np.zeros((6, 4))).shape
    (2, 4)
    """

    members: int

    def __post_init__(self) -> None:
        settle(self, members=AT_LEAST_1)
        one = self.loss.copies == 1 and not self.loss.positions
        require(
            one, f"EnsembleLoss: expected the loss of one member, such as nnx.SquaredError(), got {shown(self.loss)}"
        )

    @property
    def copies(self) -> int:
        return self.members

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        k = self.members
        self._check(z)
        n = z.shape[-2] // k
        labels = self.labels and holds_labels(target, z[..., :n, :])
        if target.ndim > 1 and target.shape[-2] == n and not labels:
            target = repeat(target, k)
        elif target.shape[-1:] == (n,):
            target = _repeated(target, k)
        else:
            raise ShapeError(f"EnsembleLoss: target has shape {target.shape}, expected {n} rows for {n * k} of output")
        weight = None if weight is None else _repeated(weight, k)
        return super().evaluate(z, target, weight, total)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        w = super().weights(target, weight, like)
        return None if w is None else repeat(w, self.members)

    def predict(self, z: Array) -> Array:
        self._check(z)
        return namespace(z).mean(apart(self.loss.predict(z), self.members), axis=-2)

    def _check(self, z: Array) -> None:
        if z.shape[-2] % self.members:
            raise ShapeError(
                f"EnsembleLoss: {z.shape[-2]} rows of output are not those of {self.members} members: "
                f"is there no EnsembleView({self.members})?"
            )


def _repeated(x: Array, k: int) -> Array:
    """Each element k times: (..., n) -> (..., n k)."""
    return repeat(x[..., None], k)[..., 0]
