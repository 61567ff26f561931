"""The tables behind the laws: add a layer, loss, optimizer or schedule here and all laws hold it."""

import numpy as np

import nnx
from nnx.initializers import Constant

_EDGES = ((-1.0, -0.5, 0.0, 0.7), (0.0, 1.0), (-2.0, 0.2, 1.0), (-0.9, -0.4, 0.1, 1.3))
# name: (layer, input features)
LAYERS = {
    "dense": (nnx.Dense(3), 5),
    "dense_orthogonal": (nnx.Dense(3, weight=nnx.Orthogonal(), bias=Constant(0.5)), 5),
    "identity": (nnx.Identity(), 4),
    "sigmoid": (nnx.Sigmoid(), 4),
    "tanh": (nnx.Tanh(), 4),
    "relu": (nnx.ReLU(), 4),
    "leaky_relu": (nnx.LeakyReLU(0.2), 4),
    "elu": (nnx.ELU(0.7), 4),
    "selu": (nnx.SELU(), 4),
    "gelu": (nnx.GELU(), 4),
    "gelu_tanh": (nnx.GELUTanh(), 4),
    "silu": (nnx.SiLU(), 4),
    "mish": (nnx.Mish(), 4),
    "softplus": (nnx.Softplus(), 4),
    "dropout": (nnx.Dropout(0.4), 5),
    "layer_norm": (nnx.LayerNorm(), 6),
    "rms_norm": (nnx.RMSNorm(), 6),
    "embedding": (nnx.Chain(nnx.Embedding((4, 3), (3, 1), 2), nnx.Dense(2)), 5),  # normal x, rounded: codes 0 to 3
    "embedding_sorted": (nnx.Chain(nnx.Embedding((300,), (0,), 3), nnx.Dense(2)), 2),
    "batch_norm": (nnx.BatchNorm(), 4),
    "residual": (nnx.Residual(nnx.Chain(nnx.Dense(4), nnx.Tanh())), 4),
    "concat": (nnx.Concat(nnx.Dense(2), nnx.Identity(), nnx.Chain(nnx.Tanh(), nnx.Dense(3))), 4),
    "chain": (nnx.Chain(nnx.Dense(6), nnx.ReLU(), nnx.Dropout(0.2), nnx.Dense(2)), 3),
    "nested": (
        nnx.Chain(
            nnx.LayerNorm(),
            nnx.Dense(4),
            nnx.Residual(nnx.Chain(nnx.BatchNorm(), nnx.SiLU(), nnx.Dense(4), nnx.Dropout(0.3))),
            nnx.Concat(nnx.Tanh(), nnx.Dense(2)),
        ),
        3,
    ),
    "scale": (nnx.Scale(), 4),
    "ntp_dense": (nnx.NTPDense(3), 5),
    "parametric": (nnx.ParametricActivation(nnx.SELU()), 4),
    "parametric_of_settings": (nnx.Chain(nnx.Tanh(), nnx.ParametricActivation(nnx.LeakyReLU(0.3))), 4),
    "scheduled_dropout": (nnx.Dropout(0.4, nnx.FlatCosine(4, flat=0.1)), 5),
    "realmlp": (
        nnx.Chain(
            nnx.Scale(), nnx.NTPDense(5), nnx.ParametricActivation(nnx.Mish()), nnx.Dropout(0.2), nnx.NTPDense(2)
        ),
        4,
    ),
    "monotone_dense": (nnx.MonotoneDense(4, rising=(0, 3), falling=(1,), free=2), 5),
    "monotone_from": (nnx.MonotoneDense(3, rising=2, free=1), 5),
    "monotone_activation": (nnx.MonotoneActivation(nnx.Tanh(), 1), 8),
    "monotone": (
        nnx.monotone_mlp((8, 7), 2, rising=(0,), falling=(2,), activation="elu", free_outputs=1, dropout=0.2),
        4,
    ),
    "activation_first": (nnx.Chain(nnx.Tanh(), nnx.Dense(2)), 3),
    "ensemble_view": (nnx.EnsembleView(3), 4),
    "scale_ensemble": (nnx.Chain(nnx.EnsembleView(3), nnx.ScaleEnsemble(3)), 4),
    "batch_ensemble": (nnx.Chain(nnx.EnsembleView(3), nnx.BatchEnsemble(4, 3, nnx.Normal())), 5),
    "dense_ensemble": (nnx.Chain(nnx.Tanh(), nnx.EnsembleView(3), nnx.DenseEnsemble(4, 3)), 5),
    "ensemble": (
        nnx.Ensemble(nnx.Chain(nnx.Dense(4), nnx.Tanh(), nnx.BatchNorm(), nnx.Dropout(0.3), nnx.Dense(2)), 3),
        5,
    ),
    "ensemble_of_ensembles": (
        nnx.Chain(nnx.Dense(4), nnx.Ensemble(nnx.Chain(nnx.Tanh(), nnx.tabm((3,), 2, members=2, dropout=0.2)), 3)),
        3,
    ),
    "ensemble_without_parameters": (nnx.Ensemble(nnx.Chain(nnx.Tanh(), nnx.Dropout(0.3)), 2), 4),
    "committee": (
        nnx.Committee(
            nnx.Ensemble(nnx.Chain(nnx.Dense(3), nnx.Tanh(), nnx.BatchNorm(), nnx.Dense(2)), 3),
            nnx.Chain(nnx.Dense(2), nnx.Dropout(0.3)),
            nnx.tabm((3,), 2, members=2, activation="tanh"),
        ),
        4,
    ),
    "committee_of_few_parameters": (nnx.Chain(nnx.Dense(3), nnx.Committee(nnx.Tanh(), nnx.Dense(3))), 4),
    "piecewise": (nnx.PiecewiseLinear(_EDGES, (0, 2, 3, 5)), 6),
    "piecewise_even": (nnx.PiecewiseLinear(((-1.0, 0.1, 0.9),) * 3), 3),
    "piecewise_embedding": (nnx.Chain(nnx.PiecewiseLinearEmbedding(_EDGES, 3, (0, 2, 3, 5)), nnx.Dense(2)), 6),
    "plr": (nnx.PLREmbedding(3, 4, 0.3), 4),
    "pbld": (nnx.Chain(nnx.PBLDEmbedding(columns=(1, 2, 4)), nnx.Dense(2)), 6),
    "embedded": (nnx.Chain(nnx.PiecewiseLinearEmbedding(_EDGES, 2), nnx.Dense(4), nnx.PBLDEmbedding(2, 3)), 4),
    "tabm": (nnx.tabm((6, 5), 2, members=3, activation="tanh", dropout=0.2), 4),
    "nested_ensemble": (
        nnx.Chain(
            nnx.Dense(4),
            nnx.EnsembleView(2),
            nnx.Residual(nnx.Chain(nnx.BatchNorm(), nnx.BatchEnsemble(4, 2), nnx.LayerNorm(), nnx.Tanh())),
            nnx.Concat(nnx.Identity(), nnx.DenseEnsemble(2, 2)),
            nnx.EnsembleView(2),  # members of members
            nnx.ScaleEnsemble(4),
        ),
        3,
    ),
}

# Those whose every layer has a shorter row of its own.
COMPOSED = {
    *("chain", "nested", "realmlp", "activation_first", "parametric_of_settings", "embedded"),
    *("ensemble", "ensemble_of_ensembles", "committee", "tabm", "nested_ensemble"),
}


def _floats(rng, n, k):
    return rng.normal(size=(n, k))


def _labels(rng, n, k):
    return rng.integers(0, k, n)


def _counts(rng, n, k):
    return rng.poisson(2.0, (n, k)).astype(float)


def _bits(rng, n, k):
    return rng.integers(0, 2, (n, k)).astype(float)


def _probabilities(rng, n, k):
    p = rng.random((n, k))
    return p / p.sum(axis=1, keepdims=True)


# name: (loss, outputs, a function making the target of n rows; z has n * loss.copies)
LOSSES = {
    "squared_error": (nnx.SquaredError(), 3, _floats),
    "absolute_error": (nnx.AbsoluteError(), 3, _floats),
    "huber": (nnx.Huber(0.7), 3, _floats),
    "quantile": (nnx.Quantile((0.1, 0.5, 0.8)), 3, lambda rng, n, k: _floats(rng, n, 1)),
    "poisson": (nnx.Poisson(), 2, _counts),
    "binary": (nnx.BinaryCrossEntropy(), 2, _bits),
    "binary_labels": (nnx.BinaryCrossEntropy(), 1, lambda rng, n, k: rng.integers(0, 2, n)),
    "binary_settings": (nnx.BinaryCrossEntropy(label_smoothing=0.1, class_weight=(1.0, 3.0)), 2, _bits),
    "softmax": (nnx.SoftmaxCrossEntropy(), 4, _labels),
    "softmax_probabilities": (nnx.SoftmaxCrossEntropy(), 4, _probabilities),
    "ensemble": (nnx.EnsembleLoss(nnx.SquaredError(), 3), 2, _floats),
    "ensemble_quantile": (nnx.EnsembleLoss(nnx.Quantile(), 2), 3, lambda rng, n, k: _floats(rng, n, 1)),
    "ensemble_labels": (nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 3.0)), 4), 3, _labels),
    "ensemble_probabilities": (nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2), 4, _probabilities),
    "ensemble_binary": (nnx.EnsembleLoss(nnx.BinaryCrossEntropy(), 3), 1, lambda rng, n, k: rng.integers(0, 2, n)),
    "clamped": (nnx.ClampedLoss(nnx.SquaredError(), (-0.5, 0.0), (0.5, 1.0)), 2, _floats),
    "clamped_scaled": (nnx.ClampedLoss(nnx.ScaledLoss(nnx.SquaredError(), (3.0,), (2.0,)), 2.0, 4.0), 1, _floats),
    "softmax_settings": (nnx.SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=(1.0, 2.0, 0.5, 3.0)), 4, _labels),
}

OPTIMIZERS = {
    "sgd": nnx.SGD(0.1),
    "momentum": nnx.Momentum(0.05),
    "nesterov": nnx.Nesterov(0.05),
    "rmsprop": nnx.RMSProp(0.02),
    "adagrad": nnx.Adagrad(0.3),
    "adam": nnx.Adam(0.05),
    "adamw": nnx.AdamW(0.05, weight_decay=0.02),
    "adamw_schedules": nnx.AdamW(0.05, nnx.Cosine(400), weight_decay=0.02, decay_schedule=nnx.FlatCosine(400)),
    "lion": nnx.Lion(0.01, weight_decay=0.02),
    "sgd_cosine": nnx.SGD(0.1, schedule=nnx.Cosine(400, warmup=3, final=0.05)),
    "adam_one_cycle": nnx.Adam(0.1, schedule=nnx.OneCycle(400)),
    "clip_norm": nnx.ClipNorm(nnx.SGD(0.3), 0.5),
    "clip_value": nnx.ClipValue(nnx.Momentum(0.05), 0.3),
    "weight_decay": nnx.WeightDecay(nnx.Adam(0.05), 0.01),
}

SCHEDULES = {
    "step": nnx.StepDecay(7, 0.5),
    "exponential": nnx.ExponentialDecay(5, 0.5),
    "cosine": nnx.Cosine(30, final=0.1),
    "cosine_warmup": nnx.Cosine(30, warmup=5),
    "one_cycle": nnx.OneCycle(30),
    "flat_cosine": nnx.FlatCosine(30),
    "flat_cosine_late": nnx.FlatCosine(30, flat=0.9),
    "periodic_cosine": nnx.PeriodicCosine(30),
}

# The same with one setting for each of three members of a population, and the settings of the members.
MEMBERS = {
    "sgd": (nnx.SGD((0.1, 0.2, 0.3)), [nnx.SGD(r) for r in (0.1, 0.2, 0.3)]),
    "momentum": (
        nnx.Momentum((0.1, 0.2, 0.3), momentum=(0.9, 0.5, 0.0)),
        [nnx.Momentum(r, momentum=m) for r, m in ((0.1, 0.9), (0.2, 0.5), (0.3, 0.0))],
    ),
    "nesterov": (nnx.Nesterov(0.05, momentum=(0.9, 0.5, 0.0)), [nnx.Nesterov(0.05, momentum=m) for m in (0.9, 0.5, 0)]),
    "rmsprop": (nnx.RMSProp(decay=(0.9, 0.5, 0.99)), [nnx.RMSProp(decay=d) for d in (0.9, 0.5, 0.99)]),
    "adagrad": (nnx.Adagrad((0.1, 0.2, 0.3)), [nnx.Adagrad(r) for r in (0.1, 0.2, 0.3)]),
    "adam": (
        nnx.Adam((0.1, 0.2, 0.3), beta1=(0.9, 0.5, 0.1), beta2=(0.99, 0.999, 0.9)),
        [nnx.Adam(r, beta1=a, beta2=b) for r, a, b in ((0.1, 0.9, 0.99), (0.2, 0.5, 0.999), (0.3, 0.1, 0.9))],
    ),
    "adam_cosine": (
        nnx.Adam((0.1, 0.2, 0.3), schedule=nnx.Cosine(400, warmup=3)),
        [nnx.Adam(r, schedule=nnx.Cosine(400, warmup=3)) for r in (0.1, 0.2, 0.3)],
    ),
    "adamw": (nnx.AdamW(0.1, weight_decay=(0.0, 0.1, 0.2)), [nnx.AdamW(0.1, weight_decay=w) for w in (0.0, 0.1, 0.2)]),
    "adamw_schedules": (
        nnx.AdamW((0.1, 0.2, 0.3), weight_decay=(0.0, 0.1, 0.2), decay_schedule=nnx.FlatCosine(400, flat=0.0)),
        [
            nnx.AdamW(r, weight_decay=w, decay_schedule=nnx.FlatCosine(400, flat=0.0))
            for r, w in ((0.1, 0.0), (0.2, 0.1), (0.3, 0.2))
        ],
    ),
    "lion": (
        nnx.Lion((0.1, 0.2, 0.3), beta1=(0.9, 0.5, 0.1), beta2=(0.99, 0.9, 0.8), weight_decay=(0.0, 0.1, 0.2)),
        [
            nnx.Lion(r, beta1=a, beta2=b, weight_decay=w)
            for r, a, b, w in ((0.1, 0.9, 0.99, 0.0), (0.2, 0.5, 0.9, 0.1), (0.3, 0.1, 0.8, 0.2))
        ],
    ),
    "clip_norm": (
        nnx.ClipNorm(nnx.SGD((0.1, 0.2, 0.3)), (0.05, 0.5, 50.0)),
        [nnx.ClipNorm(nnx.SGD(r), n) for r, n in ((0.1, 0.05), (0.2, 0.5), (0.3, 50.0))],
    ),
    "clip_value": (
        nnx.ClipValue(nnx.Momentum((0.1, 0.2, 0.3)), 0.3),
        [nnx.ClipValue(nnx.Momentum(r), 0.3) for r in (0.1, 0.2, 0.3)],
    ),
    "weight_decay": (
        nnx.WeightDecay(nnx.SGD(0.3), (0.1, 0.2, 0.3)),
        [nnx.WeightDecay(nnx.SGD(0.3), d) for d in (0.1, 0.2, 0.3)],
    ),
}

_RATES = ((0.0, 0.9), (0.4, 0.1), (0.75, 0.0))
# name: (layer, the layers of the members, input features)
LAYER_MEMBERS = {
    "dropout": (nnx.Dropout((0.0, 0.4, 0.75)), [nnx.Dropout(a) for a, _ in _RATES], 5),
    "scheduled_dropout": (
        nnx.Dropout((0.0, 0.4, 0.75), nnx.FlatCosine(4, flat=0.1)),
        [nnx.Dropout(a, nnx.FlatCosine(4, flat=0.1)) for a, _ in _RATES],
        5,
    ),
    "nested_dropout": (
        nnx.Chain(nnx.Dropout((0.0, 0.4, 0.75)), nnx.Residual(nnx.Chain(nnx.Dense(4), nnx.Dropout((0.9, 0.1, 0.0))))),
        [nnx.Chain(nnx.Dropout(a), nnx.Residual(nnx.Chain(nnx.Dense(4), nnx.Dropout(b)))) for a, b in _RATES],
        4,
    ),
}

_SMOOTHING, _PAIRS = (0.0, 0.1, 0.5), ((1.0, 3.0), (0.0, 2.0), (0.5, 0.5))
_FOURS = ((1.0, 2.0, 0.5, 3.0), (1.0, 1.0, 1.0, 1.0), (0.0, 4.0, 0.0, 1.0))
# name: (loss, the losses of the members, outputs, a function making the target)
LOSS_MEMBERS = {
    "binary_smoothing": (
        nnx.BinaryCrossEntropy(_SMOOTHING),
        [nnx.BinaryCrossEntropy(a) for a in _SMOOTHING],
        2,
        _bits,
    ),
    "binary_classes": (
        nnx.BinaryCrossEntropy(class_weight=_PAIRS),
        [nnx.BinaryCrossEntropy(class_weight=w) for w in _PAIRS],
        1,
        lambda rng, n, k: rng.integers(0, 2, n),
    ),
    "softmax_smoothing": (
        nnx.SoftmaxCrossEntropy(_SMOOTHING),
        [nnx.SoftmaxCrossEntropy(a) for a in _SMOOTHING],
        4,
        _probabilities,
    ),
    "scaled": (
        nnx.ScaledLoss(nnx.SquaredError(), ((1.0, 5.0), (0.0, 0.0), (-3.0, 1e3)), ((2.0, 3.0), (1.0, 1.0), (0.1, 1e2))),
        [
            nnx.ScaledLoss(nnx.SquaredError(), m, s)
            for m, s in (((1.0, 5.0), (2.0, 3.0)), ((0.0, 0.0), (1.0, 1.0)), ((-3.0, 1e3), (0.1, 1e2)))
        ],
        2,
        _floats,
    ),
    "clamped": (
        nnx.ClampedLoss(
            nnx.SquaredError(), ((-1.0, -1.0), (0.0, 0.1), (-9.0, 0.0)), ((1.0, 0.0), (0.5, 0.2), (9.0, 1.0))
        ),
        [
            nnx.ClampedLoss(nnx.SquaredError(), low, high)
            for low, high in (((-1.0, -1.0), (1.0, 0.0)), ((0.0, 0.1), (0.5, 0.2)), ((-9.0, 0.0), (9.0, 1.0)))
        ],
        2,
        _floats,
    ),
    "softmax_settings": (
        nnx.SoftmaxCrossEntropy(_SMOOTHING, _FOURS),
        [nnx.SoftmaxCrossEntropy(a, w) for a, w in zip(_SMOOTHING, _FOURS, strict=True)],
        4,
        _labels,
    ),
}


def generator(name: str) -> np.random.Generator:
    """Numbers that differ from case to case and stay the same from run to run."""
    return np.random.default_rng(list(name.encode()))
