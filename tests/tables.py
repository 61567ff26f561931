"""The tables behind the laws: add a layer, loss, optimizer or schedule here and all laws hold it."""

from math import prod

import numpy as np

import nnx
from nnx.initializers import Constant
from nnx.laws import examples
from nnx.laws.examples import EDGES

# name: (layer, input features, or the shape of a row)
LAYERS = {
    **examples.LAYERS,
    "dense_orthogonal": (nnx.Dense(3, weight=nnx.Orthogonal(), bias=Constant(0.5)), 5),
    "nested": (
        nnx.Chain(
            nnx.LayerNorm(),
            nnx.Dense(4),
            nnx.Residual(nnx.Chain(nnx.BatchNorm(), nnx.SiLU(), nnx.Dense(4), nnx.Dropout(0.3))),
            nnx.Concat(nnx.Tanh(), nnx.Dense(2)),
        ),
        3,
    ),
    "parametric_of_settings": (nnx.Chain(nnx.Tanh(), nnx.ParametricActivation(nnx.LeakyReLU(0.3))), 4),
    "scheduled_dropout": (nnx.Dropout(0.4, nnx.FlatCosine(4, flat=0.1)), 5),
    "realmlp": (
        nnx.Chain(
            nnx.Scale(), nnx.NTPDense(5), nnx.ParametricActivation(nnx.Mish()), nnx.Dropout(0.2), nnx.NTPDense(2)
        ),
        4,
    ),
    "monotone_from": (nnx.MonotoneDense(3, rising=2, free=1), 5),
    "monotone": (
        nnx.monotone_mlp((8, 7), 2, rising=(0,), falling=(2,), activation="elu", free_outputs=1, dropout=0.2),
        4,
    ),
    "activation_first": (nnx.Chain(nnx.Tanh(), nnx.Dense(2)), 3),
    "ensemble_of_ensembles": (
        nnx.Chain(nnx.Dense(4), nnx.Ensemble(nnx.Chain(nnx.Tanh(), nnx.tabm((3,), 2, members=2, dropout=0.2)), 3)),
        3,
    ),
    "ensemble_without_parameters": (nnx.Ensemble(nnx.Chain(nnx.Tanh(), nnx.Dropout(0.3)), 2), 4),
    "committee_of_few_parameters": (nnx.Chain(nnx.Dense(3), nnx.Committee(nnx.Tanh(), nnx.Dense(3))), 4),
    "piecewise_even": (nnx.PiecewiseLinear(((-1.0, 0.1, 0.9),) * 3), 3),
    "embedded": (nnx.Chain(nnx.PiecewiseLinearEmbedding(EDGES, 2), nnx.Dense(4), nnx.PBLDEmbedding(2, 3)), 4),
    "conv1d_strided": (nnx.Conv1D(4, 3, 2, padding=2, dilation=2, groups=2), (7, 4)),
    "group_norm_of_lines": (nnx.GroupNorm(3, axes=1), 6),
    "squeeze_excite_of_sequences": (nnx.Chain(nnx.Dense(3), nnx.SqueezeExcite(axes=2)), (4, 2)),
    "conv2d_strided": (nnx.Conv2D(4, (3, 2), (2, 1), padding=(1, 0), groups=2), (6, 5, 2)),
    "conv2d_depthwise": (nnx.Conv2D(6, 2, 2, padding="same", dilation=2, groups=3), (5, 5, 3)),
    "max_pool_overlapping": (nnx.MaxPool(3, 2, padding=1), (5, 6, 2)),
    "max_pool_of_sequences": (nnx.MaxPool(2, 1, padding="same", axes=2), (5, 3)),
    "avg_pool_overlapping": (nnx.AvgPool(3, 2, padding=1, axes=2), (6, 2)),
    "random_flip_height": (nnx.RandomFlip(0.75, "height"), (3, 2, 1)),
    "random_shift_far": (nnx.RandomShift(3), (2, 5, 1)),
    "dense_of_sequences": (nnx.Chain(nnx.Dense(3), nnx.Tanh(), nnx.Dense(2)), (4, 3)),
    "norms_of_images": (
        nnx.Chain(nnx.LayerNorm(), nnx.BatchNorm(), nnx.RMSNorm(), nnx.Dropout(0.3, axes=3)),
        (3, 2, 4),
    ),
    "images": (
        nnx.Chain(
            nnx.Conv2D(4, 3, padding="same"),
            nnx.Tanh(),
            nnx.BatchNorm(),
            nnx.Residual(nnx.Chain(nnx.ReLU(), nnx.Conv2D(4, 3, padding="same"))),
            nnx.Concat(nnx.Identity(), nnx.Conv2D(2, 1)),
            nnx.MaxPool(2),
            nnx.Flatten(),
            nnx.Dense(3),
        ),
        (4, 6, 2),
    ),
    "attention": (nnx.MultiHeadAttention(2), (5, 4)),
    "attention_causal": (nnx.MultiHeadAttention(2, causal=True, rotary=True), (6, 8)),
    "attention_padded": (nnx.Chain(nnx.Masked(nnx.Dense(6)), nnx.MultiHeadAttention(3, padding=True)), (4, 3)),
    "tokens": (nnx.Chain(nnx.TokenEmbedding(4, 3), nnx.LearnedPositions()), 5),  # normal x, rounded: tokens 0 to 3
    "tokens_sorted": (nnx.Chain(nnx.TokenEmbedding(300, 3), nnx.LearnedPositions()), 4),
    "tokens_padded": (
        nnx.Chain(nnx.TokenEmbedding(4, 4, padding=True), nnx.MultiHeadAttention(2, causal=True, padding=True)),
        (5,),
    ),
    "transformer": (nnx.transformer_block(4, 2, dropout=0.2, rotary=True, padding=True, activation="tanh"), (3, 4)),
    "gru": (nnx.GRU(3), (4, 2)),
    "gru_last": (nnx.Chain(nnx.TokenEmbedding(3, 2, padding=True), nnx.GRU(4, sequence=False, padding=True)), (5,)),
    "gru_padded": (nnx.Chain(nnx.TokenEmbedding(3, 4, padding=True), nnx.GRU(3, padding=True)), (5,)),
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


def rows_of(rng, n, features):
    """n rows of so many features, or of this shape."""
    return rng.normal(size=(n, *nnx.contract.as_row(features)))


def network_of(loss, outputs):
    """A small network for this loss, whose rows of output are so wide, or have this shape."""
    row = nnx.contract.as_row(outputs)
    if loss.copies > 1:
        return nnx.tabm((4,), outputs, members=loss.copies, activation="tanh")
    net = nnx.mlp((4,), prod(row), activation="tanh")
    return net if len(row) == 1 else nnx.Chain(*net.layers, nnx.Reshape(row))


def around(layer, features):
    """The layer inside a network of lines."""
    row = nnx.contract.as_row(features)
    after = len(layer.shapes(row)[1])
    before = [nnx.Reshape(row)] if len(row) > 1 else []
    whole = [nnx.Flatten(after)] if after > 1 else []
    return nnx.Chain(nnx.Dense(prod(row)), *before, layer, *whole, nnx.Dense(2))


def _probabilities(rng, n, k):
    p = rng.random((n, *nnx.contract.as_row(k)))
    return p / p.sum(axis=-1, keepdims=True)


# name: (loss, outputs or the shape of a row of z, a function making the target of n rows; z has n * loss.copies)
LOSSES = {
    **examples.LOSSES,
    "binary_labels": (nnx.BinaryCrossEntropy(), 1, lambda rng, n, k: rng.integers(0, 2, n)),
    "binary_settings": (nnx.BinaryCrossEntropy(label_smoothing=0.1, class_weight=(1.0, 3.0)), 2, examples.bits),
    "softmax_probabilities": (nnx.SoftmaxCrossEntropy(), 4, _probabilities),
    "ensemble_quantile": (nnx.EnsembleLoss(nnx.Quantile(), 2), 3, lambda rng, n, k: examples.floats(rng, n, 1)),
    "ensemble_labels": (nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 3.0)), 4), 3, examples.labels),
    "ensemble_probabilities": (nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2), 4, _probabilities),
    "ensemble_binary": (nnx.EnsembleLoss(nnx.BinaryCrossEntropy(), 3), 1, lambda rng, n, k: rng.integers(0, 2, n)),
    "positions_of_values": (nnx.PositionLoss(nnx.SquaredError(), 2), (2, 3, 2), examples.floats),
    "positions_settings": (
        nnx.PositionLoss(nnx.SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=(1.0, 2.0, 0.5))),
        (4, 3),
        examples.labels,
    ),
    "positions_probabilities": (nnx.PositionLoss(nnx.SoftmaxCrossEntropy(), 2), (2, 2, 3), _probabilities),
    "positions_quantile": (
        nnx.PositionLoss(nnx.Quantile()),
        (4, 3),
        lambda rng, n, k: examples.floats(rng, n, (k[0], 1)),
    ),
    "clamped_scaled": (
        nnx.ClampedLoss(nnx.ScaledLoss(nnx.SquaredError(), (3.0,), (2.0,)), 2.0, 4.0),
        1,
        examples.floats,
    ),
    "softmax_settings": (
        nnx.SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=(1.0, 2.0, 0.5, 3.0)),
        4,
        examples.labels,
    ),
}

OPTIMIZERS = {
    **examples.OPTIMIZERS,
    "adamw_schedules": nnx.AdamW(0.05, nnx.Cosine(400), weight_decay=0.02, decay_schedule=nnx.FlatCosine(400)),
    "sgd_cosine": nnx.SGD(0.1, schedule=nnx.Cosine(400, warmup=3, final=0.05)),
    "adam_one_cycle": nnx.Adam(0.1, schedule=nnx.OneCycle(400)),
}

SCHEDULES = {
    **examples.SCHEDULES,
    "cosine_warmup": nnx.Cosine(30, warmup=5),
    "flat_cosine_late": nnx.FlatCosine(30, flat=0.9),
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
        examples.bits,
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
        examples.floats,
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
        examples.floats,
    ),
    "softmax_settings": (
        nnx.SoftmaxCrossEntropy(_SMOOTHING, _FOURS),
        [nnx.SoftmaxCrossEntropy(a, w) for a, w in zip(_SMOOTHING, _FOURS, strict=True)],
        4,
        examples.labels,
    ),
}


def generator(name: str) -> np.random.Generator:
    """Numbers that differ from case to case and stay the same from run to run."""
    return np.random.default_rng(list(name.encode()))
