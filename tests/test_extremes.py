"""Numbers at their ends: every loss and activation against mpmath, to a few units in the last place of its type."""

import mpmath as mp
import numpy as np
import pytest

import nnx

mp.mp.dps = 60
ULPS = 8  # of the type, relative to the terms that are added up: exp and log have about one each
TYPES = ("float32", "float64")
LOGITS = (-np.inf, -1e4, -200.0, -90.0, -40.0, -20.0, -16.5, -10.0, -1.0, -1e-3, -1e-20)
LOGITS += (*(-z for z in LOGITS), 0.0)


def exact(x):
    return mp.mpf(float(x))


def near(got, terms, dtype, what):
    """The value is the sum of the terms, each to a few units in its last place."""
    info, expected = np.finfo(dtype), mp.fsum(terms)
    if not mp.isfinite(expected) or abs(expected) > float(info.max):
        assert float(got) == float(expected) or (np.isinf(got) and mp.sign(expected) == np.sign(got)), what
        return
    scale = max([abs(t) for t in terms if mp.isfinite(t)] + [abs(expected)])
    allowed = ULPS * float(info.eps) * scale + float(info.smallest_normal)  # below it there are fewer digits
    assert abs(exact(got) - expected) <= allowed, f"{what}: got {float(got)!r}, expected {mp.nstr(expected, 12)}"


def sigma(z):
    return mp.mpf(z > 0) if mp.isinf(z) else 1 / (1 + mp.exp(-z))


def soft(z):
    return z if z == mp.inf else mp.mpf(0) if z == -mp.inf else mp.log1p(mp.exp(z))


def product(a, b):
    """0 times infinity is 0: what has no part in a mean does not count."""
    return mp.mpf(0) if a == 0 or b == 0 else a * b


def binary(z, t, a):
    """Loss and gradient as terms that are added up: t is exact, and so are its parts after smoothing by a."""
    z, t, a = exact(z), exact(t), exact(a)
    yes, no = t * (1 - a) + a / 2, (1 - t) * (1 - a) + a / 2
    return (product(yes, soft(-z)), product(no, soft(z))), (product(no, sigma(z)), -product(yes, sigma(-z)))


def evaluated(loss, z, t, weight=None):
    value, saved = loss.evaluate(z, t, weight)
    return value, loss.backprop(saved)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("smoothing", [0.0, 1e-9, 0.01, 0.1])
def test_binary_cross_entropy_at_the_ends(dtype, smoothing):
    loss = nnx.BinaryCrossEntropy(smoothing)
    for z in np.asarray(LOGITS, dtype=dtype):
        for t in np.asarray([0.0, 1.0, 0.25, 0.9, 1e-9], dtype=dtype):
            what = f"z={z}, t={t}"
            value, dz = evaluated(loss, z.reshape(1, 1), t.reshape(1, 1))
            terms, slopes = binary(z, t, smoothing)
            near(value, terms, dtype, what)
            near(dz[0, 0], slopes, dtype, f"{what}: slope")
        near(loss.predict(z.reshape(1, 1))[0, 0], [sigma(exact(z))], dtype, f"predict {z}")


def logits(dtype):
    """Rows of four logits: one far from the others, ties, infinities."""
    rows = [(z, 0.0, 0.5, -0.25) for z in LOGITS if z != np.inf]
    rows += [(z, z, z - 1, z + 1) for z in LOGITS if np.isfinite(z)]
    rows += [(-np.inf, -np.inf, 3.0, -np.inf), (0.0, 0.0, 0.0, 0.0), (7.0, 7.0, -np.inf, 7.0), (1e4, -1e4, 1e4, 0.0)]
    return np.asarray(rows, dtype=dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("smoothing", [0.0, 1e-9, 0.01, 0.1])
def test_softmax_cross_entropy_at_the_ends(dtype, smoothing):
    loss = nnx.SoftmaxCrossEntropy(smoothing)
    soft = np.asarray([(0.0, 0.5, 0.25, 0.25), (1.0, 0.0, 0.0, 0.0)], dtype=dtype)
    a = exact(smoothing)
    for row in logits(dtype):
        z = [exact(v) for v in row]
        part = [mp.exp(v - max(z)) for v in z]
        rest = [mp.fsum(e for i, e in enumerate(part) if i != j) for j in range(4)]  # of all but j
        log_p = [v - max(z) - mp.log1p(rest[z.index(max(z))]) for v in z]
        p, other = [e / (e + r) for e, r in zip(part, rest, strict=True)], [r / mp.fsum(part) for r in rest]
        for j in range(4):
            near(loss.predict(row[None])[0, j], [p[j]], dtype, f"predict {row}")
        for target in (*range(4), *soft):
            t = [exact(v) for v in (np.eye(4)[target] if isinstance(target, int) else target)]
            smooth = [v * (1 - a) + a / 4 for v in t]
            value, dz = evaluated(loss, row[None], np.asarray(target)[None])
            near(value, [-product(s, v) for s, v in zip(smooth, log_p, strict=True)], dtype, f"{row} {target}")
            for j in range(4):  # 1 - p and 1 - t are terms of their own where t is 1
                terms = [p[j], -smooth[j]] if t[j] < 1 else [a * mp.mpf(3) / 4, -other[j]]
                near(dz[0, j], terms, dtype, f"{row} {target}: slope {j}")


DISTANCES = (0.0, 1e-30, 1e-10, 0.5, 1.0, 3.0, 1e4, 1e15, np.inf)


@pytest.mark.parametrize("dtype", TYPES)
def test_losses_of_quantities_at_the_ends(dtype):
    levels = (1e-6, 0.1, 0.5, 0.999, 0.9999999)
    for d in (*DISTANCES, *(-d for d in DISTANCES)):
        z = np.full((1, 1), d, dtype=dtype)
        x, none = exact(z[0, 0]), np.zeros((1, 1), dtype=dtype)
        inner = max(min(x, mp.mpf(2)), mp.mpf(-2))
        cases = {
            nnx.SquaredError(): ([x * x / 2], x),
            nnx.AbsoluteError(): ([abs(x)], mp.sign(x)),
            nnx.Huber(2.0): ([inner * (x - inner / 2)], inner),
        }
        for loss, (value, slope) in cases.items():
            got, dz = evaluated(loss, z, none)
            near(got, value, dtype, f"{loss} {d}")
            near(dz[0, 0], [slope], dtype, f"{loss} {d}: slope")
        got, dz = evaluated(nnx.Quantile(levels), np.broadcast_to(z, (1, 5)), none)
        q = [exact(np.dtype(dtype).type(level)) for level in levels], [mp.mpf(1) - exact(level) for level in levels]
        near(got, [product(part, abs(x)) for part in q[int(x > 0)]], dtype, f"quantile {d}")
        for j in range(5):
            near(dz[0, j], [q[1][j] if x > 0 else -q[0][j]], dtype, f"quantile {d} at {levels[j]}: slope")


@pytest.mark.parametrize("dtype", TYPES)
def test_poisson_at_the_ends(dtype):
    for z in np.asarray(LOGITS, dtype=dtype):
        for t in np.asarray([0.0, 1.0, 1e6], dtype=dtype):
            with np.errstate(over="ignore", invalid="ignore"):
                value, dz = evaluated(nnx.Poisson(), z.reshape(1, 1), t.reshape(1, 1))
            if z == np.inf and t > 0:  # the difference of two infinities
                continue
            mean = mp.exp(exact(z))
            near(value, [mean, -product(exact(t), exact(z))], dtype, f"{z} {t}")
            near(dz[0, 0], [mean, -exact(t)], dtype, f"{z} {t}: slope")


SELU_ALPHA, SELU_SCALE = mp.mpf("1.6732632423543772848"), mp.mpf("1.0507009873554804934")


def exponential(x, alpha, scale=1):
    """ELU and its slope as terms."""
    if x > 0:
        return [scale * x], [mp.mpf(scale)]
    return [scale * alpha * mp.expm1(x)], [scale * alpha, scale * alpha * mp.expm1(x)]


def normal(x):
    """GELU and its slope as terms: the two halves of the distribution, and the slope's second part."""
    halves = [x / 2, x / 2 * mp.erf(x / mp.sqrt(2))]
    return halves, [mp.mpf(1) / 2, mp.erf(x / mp.sqrt(2)) / 2, x * mp.npdf(x)]


def smooth(x):
    """Mish and its slope as terms."""
    t = mp.tanh(soft(x))
    return [x * t], [t, x * sigma(x), -x * t * t * sigma(x)]


ACTIVATIONS = {  # the layer, and value and slope at x as terms that are added up
    "sigmoid": (nnx.Sigmoid(), lambda x: ([sigma(x)], [sigma(x), -(sigma(x) ** 2)])),
    "tanh": (nnx.Tanh(), lambda x: ([mp.tanh(x)], [mp.mpf(1), -(mp.tanh(x) ** 2)])),
    "relu": (nnx.ReLU(), lambda x: ([max(x, mp.mpf(0))], [mp.mpf(x > 0)])),
    "leaky_relu": (nnx.LeakyReLU(0.25), lambda x: ([x if x > 0 else x / 4], [mp.mpf(1) if x > 0 else mp.mpf(1) / 4])),
    "softplus": (nnx.Softplus(), lambda x: ([soft(x)], [sigma(x)])),
    "silu": (nnx.SiLU(), lambda x: ([x * sigma(x)], [sigma(x), x * sigma(x) * sigma(-x)])),
    "mish": (nnx.Mish(), smooth),
    "elu": (nnx.ELU(0.5), lambda x: exponential(x, mp.mpf(1) / 2)),
    "selu": (nnx.SELU(), lambda x: exponential(x, SELU_ALPHA, SELU_SCALE)),
    "gelu": (nnx.GELU(), normal),
}
ENDS = [0.0, *(s * 10.0**k for s in (1, -1) for k in (4, 2, 1.95, 1.5, 1, 0.5, 0, -1, -4, -8, -20, -30))]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_the_ends(name, dtype):
    layer, function = ACTIVATIONS[name]
    for x in np.asarray(ENDS, dtype=dtype):
        y, saved = layer.evaluate({}, x.reshape(1, 1))
        dx, _ = layer.backprop({}, saved, np.ones((1, 1), dtype=dtype))
        value, slope = function(exact(x))
        near(y[0, 0], value, dtype, f"{name} {x}")
        near(dx[0, 0], slope, dtype, f"{name} {x}: slope")
