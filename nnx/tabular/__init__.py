"""Networks for tables: encoder, network, members and calibration in one model; what `nnx train` runs.

The estimators need scikit-learn; all else here does not, and is imported by the command.
"""


def __getattr__(name: str) -> object:
    if name not in ("TabularClassifier", "TabularRegressor"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ..estimators import version  # noqa: F401  # says in one line that scikit-learn is needed
    from .classifier import TabularClassifier
    from .regressor import TabularRegressor

    return {"TabularClassifier": TabularClassifier, "TabularRegressor": TabularRegressor}[name]
