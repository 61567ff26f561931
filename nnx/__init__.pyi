"""The public names, for type checkers and editors; a test compares them with __init__.py."""

from . import evaluation as evaluation, onnx as onnx, plots as plots, training as training
from ._version import __version__ as __version__
from .backend_check import BackendCheck as BackendCheck, check_backend as check_backend
from .backends import Backend as Backend, backend as backend, namespace as namespace
from .contract import (
    Initializer as Initializer,
    Key as Key,
    Layer as Layer,
    Loss as Loss,
    Optimizer as Optimizer,
    Schedule as Schedule,
)
from .derivatives import gnvp as gnvp, hvp as hvp, jvp as jvp
from .errors import (
    BackendError as BackendError,
    DataError as DataError,
    ModelFileError as ModelFileError,
    NNXError as NNXError,
    OutOfMemoryError as OutOfMemoryError,
    SettingError as SettingError,
    ShapeError as ShapeError,
    TrainingError as TrainingError,
)
from .estimators import (
    EnsembleClassifier as EnsembleClassifier,
    EnsembleRegressor as EnsembleRegressor,
    MLPClassifier as MLPClassifier,
    MLPRegressor as MLPRegressor,
    PopulationSearchCV as PopulationSearchCV,
)
from .files import Model as Model, load as load, register as register, save as save
from .from_data import init_from_data as init_from_data
from .images import read_images as read_images
from .initializers import (
    Constant as Constant,
    GlorotNormal as GlorotNormal,
    GlorotUniform as GlorotUniform,
    HeNormal as HeNormal,
    HeUniform as HeUniform,
    LeCunNormal as LeCunNormal,
    LeCunUniform as LeCunUniform,
    Normal as Normal,
    Orthogonal as Orthogonal,
    Signs as Signs,
    Zeros as Zeros,
)
from .inspection import Summary as Summary, gradient as gradient, summary as summary, trace as trace
from .laws import check as check
from .layers import (
    ELU as ELU,
    GELU as GELU,
    GRU as GRU,
    SELU as SELU,
    AvgPool as AvgPool,
    BatchEnsemble as BatchEnsemble,
    BatchNorm as BatchNorm,
    Chain as Chain,
    Committee as Committee,
    Concat as Concat,
    Conv1D as Conv1D,
    Conv2D as Conv2D,
    Cutout as Cutout,
    Dense as Dense,
    DenseEnsemble as DenseEnsemble,
    Dropout as Dropout,
    Embedding as Embedding,
    Ensemble as Ensemble,
    EnsembleView as EnsembleView,
    Flatten as Flatten,
    GELUTanh as GELUTanh,
    GlobalPool as GlobalPool,
    GroupNorm as GroupNorm,
    Identity as Identity,
    LayerNorm as LayerNorm,
    LeakyReLU as LeakyReLU,
    LearnedPositions as LearnedPositions,
    Masked as Masked,
    MaxPool as MaxPool,
    Mish as Mish,
    MonotoneActivation as MonotoneActivation,
    MonotoneDense as MonotoneDense,
    MultiHeadAttention as MultiHeadAttention,
    NTPDense as NTPDense,
    ParametricActivation as ParametricActivation,
    PBLDEmbedding as PBLDEmbedding,
    PiecewiseLinear as PiecewiseLinear,
    PiecewiseLinearEmbedding as PiecewiseLinearEmbedding,
    PLREmbedding as PLREmbedding,
    RandomFlip as RandomFlip,
    RandomShift as RandomShift,
    ReLU as ReLU,
    Rescale as Rescale,
    Reshape as Reshape,
    Residual as Residual,
    RMSNorm as RMSNorm,
    Scale as Scale,
    ScaleEnsemble as ScaleEnsemble,
    Sigmoid as Sigmoid,
    SiLU as SiLU,
    Softplus as Softplus,
    SqueezeExcite as SqueezeExcite,
    Tanh as Tanh,
    TokenEmbedding as TokenEmbedding,
)
from .losses import (
    AbsoluteError as AbsoluteError,
    BinaryCrossEntropy as BinaryCrossEntropy,
    ClampedLoss as ClampedLoss,
    EnsembleLoss as EnsembleLoss,
    Huber as Huber,
    Poisson as Poisson,
    PositionLoss as PositionLoss,
    Quantile as Quantile,
    ScaledLoss as ScaledLoss,
    SoftmaxCrossEntropy as SoftmaxCrossEntropy,
    SquaredError as SquaredError,
)
from .metrics import (
    accuracy as accuracy,
    balanced_accuracy as balanced_accuracy,
    f1 as f1,
    log_loss as log_loss,
    mean_absolute_error as mean_absolute_error,
    mean_squared_error as mean_squared_error,
    r2 as r2,
    roc_auc as roc_auc,
    root_mean_squared_error as root_mean_squared_error,
)
from .network import (
    cnn as cnn,
    init as init,
    mlp as mlp,
    monotone_mlp as monotone_mlp,
    predict as predict,
    realmlp as realmlp,
    tabm as tabm,
    transformer_block as transformer_block,
)
from .onnx import to_onnx as to_onnx
from .optimizers import (
    SGD as SGD,
    Adagrad as Adagrad,
    Adam as Adam,
    AdamW as AdamW,
    ClipNorm as ClipNorm,
    ClipValue as ClipValue,
    Lion as Lion,
    Momentum as Momentum,
    Nesterov as Nesterov,
    RMSProp as RMSProp,
    WeightDecay as WeightDecay,
)
from .random import key as key
from .schedules import (
    Cosine as Cosine,
    ExponentialDecay as ExponentialDecay,
    FlatCosine as FlatCosine,
    OneCycle as OneCycle,
    PeriodicCosine as PeriodicCosine,
    StepDecay as StepDecay,
)
from .tables import TableEncoder as TableEncoder, bin_edges as bin_edges
from .tabular.classifier import TabularClassifier as TabularClassifier
from .tabular.regressor import TabularRegressor as TabularRegressor
from .training import (
    EMA as EMA,
    SWA as SWA,
    Checkpoint as Checkpoint,
    CSVLogger as CSVLogger,
    EarlyStopping as EarlyStopping,
    Fit as Fit,
    JSONLinesLogger as JSONLinesLogger,
    Member as Member,
    Population as Population,
    PopulationFit as PopulationFit,
    PopulationReport as PopulationReport,
    Report as Report,
    TensorBoardLogger as TensorBoardLogger,
    fit as fit,
    ranks as ranks,
)
