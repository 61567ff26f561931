"""The parts of nnx, each with settings to try it with: a row for every class of layer, loss, optimizer and schedule."""

from collections.abc import Callable
from typing import Any

from ..contract import Features, Layer, Loss, Optimizer, Schedule, as_row
from ..initializers import Normal
from ..layers import (
    ELU,
    GELU,
    GRU,
    SELU,
    AvgPool,
    BatchEnsemble,
    BatchNorm,
    Chain,
    Committee,
    Concat,
    Conv1D,
    Conv2D,
    Cutout,
    Dense,
    DenseEnsemble,
    Dropout,
    Embedding,
    Ensemble,
    EnsembleView,
    Flatten,
    GELUTanh,
    GlobalPool,
    GroupNorm,
    Identity,
    LayerNorm,
    LeakyReLU,
    LearnedPositions,
    Masked,
    MaxPool,
    Mish,
    MonotoneActivation,
    MonotoneDense,
    MultiHeadAttention,
    NTPDense,
    ParametricActivation,
    PBLDEmbedding,
    PiecewiseLinear,
    PiecewiseLinearEmbedding,
    PLREmbedding,
    RandomFlip,
    RandomShift,
    ReLU,
    Rescale,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
    ScaleEnsemble,
    Sigmoid,
    SiLU,
    Softplus,
    SqueezeExcite,
    Tanh,
    TokenEmbedding,
)
from ..losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    ClampedLoss,
    EnsembleLoss,
    Huber,
    Poisson,
    PositionLoss,
    Quantile,
    ScaledLoss,
    SoftmaxCrossEntropy,
    SquaredError,
)
from ..network import tabm
from ..optimizers import SGD, Adagrad, Adam, AdamW, ClipNorm, ClipValue, Lion, Momentum, Nesterov, RMSProp, WeightDecay
from ..schedules import Cosine, ExponentialDecay, FlatCosine, OneCycle, PeriodicCosine, StepDecay

EDGES = ((-1.0, -0.5, 0.0, 0.7), (0.0, 1.0), (-2.0, 0.2, 1.0), (-0.9, -0.4, 0.1, 1.3))
# name: (layer, input features, or the shape of a row)
LAYERS: dict[str, tuple[Layer, Features]] = {
    "dense": (Dense(3), 5),
    "identity": (Identity(), 4),
    "sigmoid": (Sigmoid(), 4),
    "tanh": (Tanh(), 4),
    "relu": (ReLU(), 4),
    "leaky_relu": (LeakyReLU(0.2), 4),
    "elu": (ELU(0.7), 4),
    "selu": (SELU(), 4),
    "gelu": (GELU(), 4),
    "gelu_tanh": (GELUTanh(), 4),
    "silu": (SiLU(), 4),
    "mish": (Mish(), 4),
    "softplus": (Softplus(), 4),
    "dropout": (Dropout(0.4), 5),
    "layer_norm": (LayerNorm(), 6),
    "rms_norm": (RMSNorm(), 6),
    "batch_norm": (BatchNorm(), 4),
    "embedding": (Chain(Embedding((4, 3), (3, 1), 2), Dense(2)), 5),  # normal x, rounded: codes 0 to 3
    "embedding_sorted": (Chain(Embedding((300,), (0,), 3), Dense(2)), 2),  # large tables take another path
    "residual": (Residual(Chain(Dense(4), Tanh())), 4),
    "concat": (Concat(Dense(2), Identity(), Chain(Tanh(), Dense(3))), 4),
    "chain": (Chain(Dense(6), ReLU(), Dropout(0.2), Dense(2)), 3),
    "scale": (Scale(), 4),
    "ntp_dense": (NTPDense(3), 5),
    "parametric": (ParametricActivation(SELU()), 4),
    "ensemble_view": (EnsembleView(3), 4),
    "scale_ensemble": (Chain(EnsembleView(3), ScaleEnsemble(3)), 4),
    "batch_ensemble": (Chain(EnsembleView(3), BatchEnsemble(4, 3, Normal())), 5),
    "dense_ensemble": (Chain(Tanh(), EnsembleView(3), DenseEnsemble(4, 3)), 5),
    "ensemble": (Ensemble(Chain(Dense(4), Tanh(), BatchNorm(), Dropout(0.3), Dense(2)), 3), 5),
    "committee": (
        Committee(
            Ensemble(Chain(Dense(3), Tanh(), BatchNorm(), Dense(2)), 3),
            Chain(Dense(2), Dropout(0.3)),
            tabm((3,), 2, members=2, activation="tanh"),
        ),
        4,
    ),
    "monotone_dense": (MonotoneDense(4, rising=(0, 3), falling=(1,), free=2), 5),
    "monotone_activation": (MonotoneActivation(Tanh(), 1), 8),
    "piecewise": (PiecewiseLinear(EDGES, (0, 2, 3, 5)), 6),
    "piecewise_embedding": (Chain(PiecewiseLinearEmbedding(EDGES, 3, (0, 2, 3, 5)), Dense(2)), 6),
    "plr": (PLREmbedding(3, 4, 0.3), 4),
    "pbld": (Chain(PBLDEmbedding(columns=(1, 2, 4)), Dense(2)), 6),
    "conv1d": (Conv1D(3, 3, padding="same"), (6, 2)),
    "conv2d": (Conv2D(3, 3), (5, 4, 2)),
    "max_pool": (MaxPool(2), (4, 5, 2)),
    "avg_pool": (AvgPool((2, 3)), (4, 7, 2)),
    "global_pool": (GlobalPool(), (3, 4, 2)),
    "rescale": (Rescale(0.5, -1.0), 4),
    "random_flip": (RandomFlip(), (2, 3, 2)),
    "random_shift": (RandomShift(1), (4, 3, 2)),
    "cutout": (Cutout(2), (3, 4, 2)),
    "flatten": (Chain(Flatten(2), Dense(3)), (4, 2)),
    "group_norm": (GroupNorm(2), (3, 2, 4)),
    "squeeze_excite": (SqueezeExcite(2), (3, 2, 4)),
    "tokens": (TokenEmbedding(4, 3), (5,)),  # normal x, rounded: tokens 0 to 3
    "positions": (LearnedPositions(), (5, 3)),
    "attention": (MultiHeadAttention(2, causal=True, rotary=True), (5, 8)),
    "masked": (Masked(Dense(2)), (4, 3)),
    "gru": (GRU(3), (4, 2)),
    "reshape": (Chain(Reshape((2, 3, 2)), Conv2D(3, 2)), 12),
}


def floats(rng: Any, n: int, k: Any) -> Any:
    """Normal numbers (n, k)."""
    return rng.normal(size=(n, *as_row(k)))


def labels(rng: Any, n: int, k: Any) -> Any:
    """Class numbers (n,), or (n, *positions)."""
    return rng.integers(0, as_row(k)[-1], (n, *as_row(k)[:-1]))


def counts(rng: Any, n: int, k: Any) -> Any:
    """Whole numbers from 0 (n, k), as floats."""
    return rng.poisson(2.0, (n, *as_row(k))).astype(float)


def bits(rng: Any, n: int, k: Any) -> Any:
    """Zeros and ones (n, k), as floats."""
    return rng.integers(0, 2, (n, *as_row(k))).astype(float)


# name: (loss, outputs or the shape of a row of z, a function making the target of n rows; z has n * loss.copies)
LOSSES: dict[str, tuple[Loss, Any, Callable[[Any, int, Any], Any]]] = {
    "squared_error": (SquaredError(), 3, floats),
    "absolute_error": (AbsoluteError(), 3, floats),
    "huber": (Huber(0.7), 3, floats),
    "quantile": (Quantile((0.1, 0.5, 0.8)), 3, lambda rng, n, k: floats(rng, n, 1)),
    "poisson": (Poisson(), 2, counts),
    "binary": (BinaryCrossEntropy(), 2, bits),
    "softmax": (SoftmaxCrossEntropy(), 4, labels),
    "ensemble": (EnsembleLoss(SquaredError(), 3), 2, floats),
    "positions": (PositionLoss(SoftmaxCrossEntropy()), (3, 4), labels),
    "scaled": (ScaledLoss(SquaredError(), (3.0, 0.0), (2.0, 1.0)), 2, floats),
    "clamped": (ClampedLoss(SquaredError(), (-0.5, 0.0), (0.5, 1.0)), 2, floats),
}
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(0.1),
    "momentum": Momentum(0.05),
    "nesterov": Nesterov(0.05),
    "rmsprop": RMSProp(0.02),
    "adagrad": Adagrad(0.3),
    "adam": Adam(0.05),
    "adamw": AdamW(0.05, weight_decay=0.02),
    "lion": Lion(0.01, weight_decay=0.02),
    "clip_norm": ClipNorm(SGD(0.3), 0.5),
    "clip_value": ClipValue(Momentum(0.05), 0.3),
    "weight_decay": WeightDecay(Adam(0.05), 0.01),
}
SCHEDULES: dict[str, Schedule] = {
    "step": StepDecay(7, 0.5),
    "exponential": ExponentialDecay(5, 0.5),
    "cosine": Cosine(30, final=0.1),
    "one_cycle": OneCycle(30),
    "flat_cosine": FlatCosine(30),
    "periodic_cosine": PeriodicCosine(30),
}
