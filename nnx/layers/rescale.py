from collections.abc import Mapping
from dataclasses import dataclass

from ..contract import Array, Key, Layer, Params, Saved
from ..settings import ANY, settle


@dataclass(frozen=True)
class Rescale(Layer):
    """Fixed factor and offset: y = x factor + offset, such as pixels from 0 to 255 brought to 0 to 1.

    `dx = dy factor`. It learns nothing. `nnx.fit` keeps images of uint8 as they are and makes floats of each batch in
    the step, so that a network whose first layer this is takes the pixels of a file, in training and from a model file.

    Parameters
    ----------
    factor : float, default 0.00392156862745098
        What each element is multiplied by; by default 1 / 255.
    offset : float, default 0.0
        What is added then.

    Raises
    ------
    SettingError
        If a setting is no finite number.

    Notes
    -----
    Shapes: x, y (..., n, *row), of any row.

    Examples
    --------
    >>> nnx.Rescale().evaluate({}, np.array([[0.0, 51.0, 255.0]]))[0].round(3).tolist()
    [[0.0, 0.2, 1.0]]
    """

    factor: float = 1 / 255
    offset: float = 0.0

    def __post_init__(self) -> None:
        settle(self, factor=ANY, offset=ANY)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        y = x * self.factor
        if self.offset:
            y += self.offset
        return y, None

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (dy * self.factor if need_dx else None), {}
