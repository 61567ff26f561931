"""The scikit-learn that the estimators need: this module is imported before all that names it."""

import re

from ..errors import BackendError

LEAST = (1, 9)


def check_version(version: str) -> None:
    """Raise BackendError for a scikit-learn that is too old, whatever it lacks."""
    if tuple(int(n) for n in re.findall(r"\d+", version)[:2]) < LEAST:
        least = ".".join(map(str, LEAST))
        raise BackendError(
            f"the estimators need scikit-learn {least} or newer, this is {version}: pip install 'scikit-learn>={least}'"
        )


try:
    import sklearn
except ImportError:
    raise BackendError("the estimators need scikit-learn: pip install 'nnx-array[sklearn]'") from None

check_version(sklearn.__version__)
