"""nnx: neural networks on the arrays you already have. What this file lists is the public interface.

Names are imported from their modules when they are first used, so that `import nnx` costs next to nothing.
"""

from importlib import import_module

from ._version import __version__

_HOMES = {
    "backends": "Backend backend",
    "errors": "BackendError DataError ModelFileError NNXError OutOfMemoryError SettingError ShapeError TrainingError",
    "contract": "Initializer Key Layer Loss Optimizer Schedule",
    "random": "key",
    "initializers": (
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform LeCunNormal LeCunUniform Normal Orthogonal Signs Zeros"
    ),
    "layers": (
        "BatchEnsemble BatchNorm Chain Concat Dense DenseEnsemble Dropout ELU Embedding EnsembleView GELU GELUTanh "
        "Identity LayerNorm LeakyReLU Mish RMSNorm ReLU Residual SELU ScaleEnsemble Sigmoid SiLU Softplus Tanh"
    ),
    "network": "init mlp predict tabm",
    "laws": "check",
    "losses": (
        "AbsoluteError BinaryCrossEntropy EnsembleLoss Huber Poisson Quantile ScaledLoss SoftmaxCrossEntropy "
        "SquaredError"
    ),
    "optimizers": "Adagrad Adam AdamW ClipNorm ClipValue Lion Momentum Nesterov RMSProp SGD WeightDecay",
    "schedules": "Cosine ExponentialDecay OneCycle PeriodicCosine StepDecay",
    "tables": "TableEncoder",
    "training": (
        "CSVLogger Checkpoint EMA EarlyStopping Fit JSONLinesLogger Member Population PopulationFit PopulationReport "
        "SWA TensorBoardLogger fit"
    ),
    "files": "load register save",
    "estimators": "EnsembleClassifier EnsembleRegressor MLPClassifier MLPRegressor PopulationSearchCV",
    "onnx": "to_onnx",
    "metrics": "accuracy mean_absolute_error mean_squared_error r2",
}
_MODULES = ("evaluation", "onnx", "plots")
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__"]
__all__ += [*_HOME, *_MODULES]


def __getattr__(name: str) -> object:  # `typing` would take as long to import as all of this
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        from .names import public

        raise AttributeError(f"module 'nnx' has no attribute {name!r}{public(name, __all__)}")
    value: object = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
