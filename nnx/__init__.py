"""nnx: neural networks on the arrays you already have. What this file lists is the public interface.

Names are imported from their modules when they are first used, so that `import nnx` costs next to nothing.
"""

from importlib import import_module

from ._version import __version__

_HOMES = {
    "backends": "Backend backend namespace",
    "errors": "BackendError DataError ModelFileError NNXError OutOfMemoryError SettingError ShapeError TrainingError",
    "contract": "Initializer Key Layer Loss Optimizer Schedule",
    "random": "key",
    "initializers": (
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform LeCunNormal LeCunUniform Normal Orthogonal Signs Zeros"
    ),
    "layers": (
        "Chain Committee Concat Ensemble Residual "
        "Dense DenseEnsemble BatchEnsemble EnsembleView MonotoneDense NTPDense Scale ScaleEnsemble "
        "ELU GELU GELUTanh Identity LeakyReLU Mish MonotoneActivation ParametricActivation ReLU SELU Sigmoid SiLU "
        "Softplus Tanh "
        "BatchNorm Dropout GroupNorm LayerNorm RMSNorm "
        "Embedding PBLDEmbedding PLREmbedding PiecewiseLinear PiecewiseLinearEmbedding "
        "AvgPool Conv1D Conv2D Flatten GlobalPool MaxPool Reshape SqueezeExcite "
        "Cutout RandomFlip RandomShift Rescale "
        "GRU LearnedPositions Masked MultiHeadAttention TokenEmbedding"
    ),
    "network": "cnn init mlp monotone_mlp predict realmlp tabm transformer_block",
    "from_data": "init_from_data",
    "inspection": "Summary gradient summary trace",
    "derivatives": "gnvp hvp jvp",
    "laws": "check",
    "backend_check": "BackendCheck check_backend",
    "losses": (
        "AbsoluteError BinaryCrossEntropy ClampedLoss EnsembleLoss Huber Poisson PositionLoss Quantile ScaledLoss "
        "SoftmaxCrossEntropy SquaredError"
    ),
    "optimizers": "Adagrad Adam AdamW ClipNorm ClipValue Lion Momentum Nesterov RMSProp SGD WeightDecay",
    "schedules": "Cosine ExponentialDecay FlatCosine OneCycle PeriodicCosine StepDecay",
    "images": "read_images",
    "tables": "TableEncoder bin_edges",
    "training": (
        "CSVLogger Checkpoint EMA EarlyStopping Fit JSONLinesLogger Member Population PopulationFit PopulationReport "
        "Report SWA TensorBoardLogger fit ranks"
    ),
    "files": "Model load register save",
    "estimators": "EnsembleClassifier EnsembleRegressor MLPClassifier MLPRegressor PopulationSearchCV",
    "onnx": "to_onnx",
    "tabular": "TabularClassifier TabularRegressor",
    "metrics": (
        "accuracy balanced_accuracy f1 log_loss mean_absolute_error mean_squared_error r2 roc_auc "
        "root_mean_squared_error"
    ),
}
_MODULES = ("evaluation", "onnx", "plots", "training")
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__"]
__all__ += [*_HOME, *_MODULES]


def __getattr__(name: str) -> object:  # `typing` would take as long to import as all of this
    if name in _MODULES or name in _HOMES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        from .names import public

        raise AttributeError(f"module 'nnx' has no attribute {name!r}{public(name, __all__)}")
    value: object = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
