"""A matplotlib figure that shows itself in a notebook. It needs matplotlib: imported when a picture is drawn."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

SHARP = 2  # pixels of a notebook's picture for each it takes on the page


class Picture(Figure):
    """A figure made without pyplot: nothing has to be closed, and where it is the value of a cell it is shown.

    A bare Figure is shown only after `%matplotlib inline` or an import of pyplot; with them, their way is used.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        file = BytesIO()
        with quiet():
            self.savefig(file, format="png", dpi=self.dpi * SHARP)
        width, height = (int(side * self.dpi) for side in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}


@contextmanager
def quiet() -> Iterator[None]:
    """No warning for letters that matplotlib's font lacks (a browser has its own), nor for names that leave no room."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="(constrained_|Tight )layout not applied")
        yield
