"""What a person may write in a layer, a loss or an optimizer, as data: the text is the name of the form.

x (7, 5) float64 and k (7,) int64 are the batch; w (5,), p (7, 5) and t () are arrays that last from step to step.
xp is the namespace of x. A form gives an array, or number, of real numbers.
"""

import copy  # noqa: F401
import random

import numpy as np

from nnx.backends import namespace  # noqa: F401

ROWS, COLUMNS = 7, 5
TABLE = np.linspace(-1.0, 1.0, COLUMNS)  # arrays of the module: constants of a step
COLUMN = np.linspace(0.5, 2.0, ROWS)[:, None]
FULL = np.linspace(0.5, 2.0, ROWS * COLUMNS).reshape(COLUMNS, ROWS).T
SQUARE = np.linspace(-1.0, 1.0, COLUMNS * COLUMNS).reshape(COLUMNS, COLUMNS) + 2.0 * np.eye(COLUMNS)
MASK = np.asarray([True, False, True, True, False])
BUFFER = np.zeros(COLUMNS)

# What is recorded.
FOLLOWED = """
np.concatenate([x, p], 1)
np.concatenate([x, p], axis=1)
np.concatenate([x, p], -1)
np.concatenate((x, p))
np.concatenate((x, p), 0)
np.concatenate((x, p), None)
np.concatenate([x, p], axis=None)
np.concatenate([x, np.ones((7, 2))], 1)
np.concatenate([x, [[1.0, 2.0]] * 7], 1)
np.concatenate([x, p], 1, dtype="float32")
np.concatenate([x[:, :0], p], axis=1)
np.concatenate([x[:, :0], p[:, :0], x], 1)
np.concatenate([x, np.zeros((7, 0))], 1)
np.concatenate([x, x, x + 1.0], 1)
np.concatenate([x.astype("float32"), p], 1)
np.concatenate([x > 0, k[:, None]], 1)
np.concatenate([x.T, p.T], 0)
np.concatenate([x[::-1], p[:, ::-1]], 1)
xp.concat([x, p], axis=-1)
xp.concat((xp.reshape(x, (-1,)), w))
np.stack([x, p])
np.stack((x, p), -1)
np.stack([x[0], w], 1)
np.hstack([x, p])
np.vstack((x, w))
np.column_stack([x, k])
np.append(x, p, 1)
np.append(x, 3.0)
np.block([[x, p], [p, x]])
np.split(x, [2], 1)[0] * 2.0
np.split(x, 5, -1)[3]
np.array_split(x, 3)[1]
xp.unstack(x, axis=1)[2]
np.sum(x)
np.sum(x, 0)
np.sum(x, axis=None)
np.sum(x, None, None, None, True)
np.sum(x, axis=(0, 1))
np.sum(x, 1, keepdims=True)
np.sum(x, axis=-1, dtype="float32")
np.sum(x, initial=3.0)
np.sum(x, axis=1, initial=3.0)
np.sum(x, axis=1, where=x > 0)
np.sum(x > 0)
np.sum(x > 0, axis=1)
np.sum(x.astype("float32"), dtype="float64")
np.sum(x, axis=())
np.add.reduce(x)
np.add.reduce(x, 1)
np.add.reduce(x, axis=None)
np.add.reduce(x, axis=1, initial=2.0)
np.add.reduce(x, axis=0, dtype="float32")
np.add.reduce(x, axis=1, keepdims=True)
np.add.reduce(x, axis=(0, 1))
np.multiply.reduce(x, axis=1)
np.maximum.reduce(x, axis=0)
np.maximum.reduce(x, axis=1, initial=0.5)
np.minimum.reduce(x, axis=-1, keepdims=True)
np.logical_or.reduce(x > 1, axis=1)
np.add.reduce(np.stack([x, p]), axis=(0, 2))
xp.sum(x)
xp.sum(t, axis=())
np.add.reduce(t) * x
xp.max(t) * x
xp.max(x, axis=())
xp.sum(x, axis=0)
xp.sum(x, axis=-2, keepdims=True)
xp.sum(x > 0.0, axis=-1)
xp.mean(x, axis=-1, keepdims=True)
xp.mean(x)
xp.max(x, axis=-1, keepdims=True)
xp.max(x)
xp.min(x, axis=0)
xp.prod(x, axis=-1)
xp.std(x, axis=-1)
np.mean(x, 0)
np.mean(x, axis=-1, keepdims=True)
np.mean(x.astype("float16"))
np.var(x, ddof=1)
np.var(x, 0, None, None, 1, True)
np.std(x, axis=1, keepdims=True)
np.median(x, axis=1)
np.prod(x, 1)
np.amax(x, 1)
np.max(x, axis=1, initial=0.0, where=x > 0)
np.ptp(x, axis=0)
np.any(x > 2, axis=1)
np.all(x > -9)
np.argmax(x, 1)
np.argsort(x, axis=1)
np.count_nonzero(x > 0, axis=1)
np.nansum(x, axis=0)
np.linalg.norm(x)
np.linalg.norm(x, axis=1)
np.linalg.norm(x, None, 1, True)
np.linalg.inv(SQUARE + t)
np.linalg.solve(SQUARE, x.T)
np.trace(x)
x.sum()
x.sum(1)
x.sum(axis=-1, keepdims=True)
x.mean(axis=0)
x.mean()
x.max()
x.max(axis=1, keepdims=True)
x.copy() * 2.0
x.astype("float32")
x.astype("float16") * 1.0
x.astype("float16") + x.astype("float16")
x.astype("float32") * np.float64(1.1)
x.astype("float32") * 1.1
x.astype("float32") * np.float32(1.1)
x.astype("float32") * np.asarray(1.1)
x.astype("int32")
x.astype("int8") + np.int8(100)
x.astype(np.int64) // 2
x.astype(np.int64) % 3
x.astype(int) / 2
x.astype(bool)
x.astype("float64", copy=False) + 1.0
np.abs(x + 1j)
np.real(x * 1j * 1j)
x.T
x.T + 1.0
(x.T @ p).T
x.mT @ x
x.reshape(5, 7)
x.reshape((5, 7))
x.reshape(-1)
x.T.reshape(-1)
xp.reshape(x.T, (-1,))
np.reshape(x, (5, 7)) + 1.0
np.reshape(x, -1)
np.reshape(x, (5, 7), order="F")
np.ravel(x)
np.ravel(x, order="F")
np.transpose(x)
np.transpose(np.stack([x, p]), (2, 0, 1))
np.swapaxes(x, 0, 1) * 2.0
np.moveaxis(x[None], 0, -1)
np.expand_dims(x, (0, 2))
np.squeeze(x[None])
np.broadcast_to(w, (7, 5)) * x
np.broadcast_arrays(x, w)[1] + 1.0
np.atleast_2d(w)
np.flip(x)
np.flip(x, 1) @ SQUARE
np.flipud(x) + x
np.roll(x, 1)
np.roll(x, 2, axis=1)
np.rot90(x)
np.tile(w, 3)
np.repeat(x, 2, axis=1)
np.repeat(w, [1, 2, 0, 1, 1])
np.tril(x)
np.triu(x, 1)
np.diag(w)
np.diag(x)
np.diagonal(x) * 2.0
np.eye(5) * w
np.outer(w, k)
np.inner(w, w)
np.dot(x, SQUARE)
np.dot(w, w)
np.vdot(w, w)
np.kron(w, [1.0, 2.0])
np.cross(x[:, :3], p[:, :3])
np.matmul(x, SQUARE)
np.matmul(x, w)
np.matmul(w, w)
np.matmul(x.astype("float32"), SQUARE)
np.matmul(x, SQUARE, dtype="float32", casting="same_kind")
np.matmul(np.stack([x, p]), SQUARE)
np.matmul(np.stack([x, p]), np.stack([x, p]).mT)
np.matmul(k[:, None], k[None, :])
np.matmul(x[:, ::-1], SQUARE)
np.matmul(x[:, ::2], SQUARE[::2])
np.matmul(np.broadcast_to(w, (7, 5)), SQUARE)
x @ SQUARE
x @ w
w @ SQUARE
x @ [1.0, 2.0, 3.0, 4.0, 5.0]
SQUARE @ w
[1.0, 2.0, 3.0, 4.0, 5.0] @ SQUARE @ w
xp.matmul(x, xp.matrix_transpose(x))
xp.vecdot(x, p)
np.vecdot(x, p, axis=0)
np.tensordot(x, SQUARE, 1)
np.tensordot(x, p, ([0], [0]))
np.tensordot(x, p, axes=[[0, 1], [0, 1]])
np.einsum("ij,jk->ik", x, SQUARE)
np.einsum("ij,ij->i", x, p)
np.einsum("ii->i", x[:5])
np.einsum(x, [0, 1], p, [0, 1], [0])
np.einsum("ij,j->i", x, [1.0, 2.0, 3.0, 4.0, 5.0], optimize=True)
np.where(x > 0, x, 0.0)
np.where(x > 0, 1, 0)
np.where(x > 0, x, w)
np.where(MASK, x, 0.0)
np.where(x > 0, [1.0, 2.0, 3.0, 4.0, 5.0], x)
np.where(x.astype("float32") > 0, x.astype("float32"), 1.5)
np.where(x, x, 7.0)
np.where(t > 0, x, p)
np.select([x > 1, x < -1], [x, p], 0.5)
np.choose(k % 2, [x[:, 0], p[:, 0]])
np.piecewise(x, [x < 0, x >= 0], [-1, 1])
np.clip(x, -1, 1)
np.clip(x, a_min=0.0, a_max=None)
np.clip(x, -1.0, w)
xp.clip(x, min=-0.5)
np.maximum(x, 0)
np.maximum(x, w)
np.maximum(0, x.astype("int32"))
np.minimum(x, [0.0, 0.1, 0.2, 0.3, 0.4])
np.fmax(x, 0.0)
np.sign(x) * np.abs(x)
abs(x)
-x
+x
~(x > 0)
~k
x ** 2
x ** 2.0
x ** 3
x ** 0.5
x ** -1
x ** 0
x ** 1
x ** w
2 ** x
k ** 2
k ** 0.5
np.float32(2) ** x.astype("float32")
x.astype("float32") ** 2
np.power(x, 2)
np.power(k, 2)
np.power(k + 10**9, 2)
np.floor(k + 2**60)
np.reciprocal(k + 1) + k
np.power(x, 0.5)
np.square(x)
np.sqrt(k)
x // 2
x % 0.7
x // w
k // 2
-k // 2
-k % 3
k // 0
np.fmod(x, 1.0)
np.remainder(x, 1.0)
np.floor(x)
np.round(x, 1)
np.around(x)
np.rint(x)
np.trunc(x)
k / 2
k + 0.5
k * 2 ** 62
k * 2 ** 40
k.astype("int32") * 2 ** 30
k.astype("uint8") - 5
-k.astype("uint8")
k.astype("uint32") << 31
k << 3
k << k * 20
k >> 1
(k + 100) >> k * 30
k & 3 | 8 ^ k
np.bitwise_count(k)
np.invert(k)
k == 3
(k == 3) & (k > 0) | (x[:, 0] > 1)
(x > 0) ^ (p > 0)
(x > 0) + (p > 0)
(x > 0) * 1.0
(x > 0) * (p > 0)
(x > 0) @ SQUARE
(x > 0) / 2
np.logical_and(x > 0, p)
np.logical_not(x)
np.logical_xor(x > 0, p > 0)
np.equal(x, x)
np.isclose(x, p)
np.isnan(x)
np.isfinite(x / 0.0)
np.signbit(x)
np.copysign(1.0, x)
np.nextafter(x, 1.0)
np.spacing(x)
np.hypot(x, p)
np.arctan2(x, p)
np.heaviside(x, 0.5)
np.exp(x)
np.exp(x, dtype="float32", casting="unsafe")
np.exp(x.astype("float16"))
np.log(np.abs(x))
np.log1p(x * x)
np.expm1(x)
np.logaddexp(x, 0.0)
np.logaddexp(x, p)
np.sinc(x)
np.i0(x)
np.reciprocal(x)
np.reciprocal(k + 1)
np.divide(x, 0.0)
x / (x - x)
np.nan_to_num(x / 0.0)
np.nan_to_num(x / (x - x), nan=2.0, posinf=1.0, neginf=0.0)
x * np.inf
x * np.nan
x * True
x * np.True_
x + 1
x + np.int64(1)
x - [1.0, 2.0, 3.0, 4.0, 5.0]
[1, 2, 3, 4, 5] - x
x * (1.0, 2.0, 3.0, 4.0, 5.0)
x * np.asarray([1.0, 2.0, 3.0, 4.0, 5.0])
x * np.asarray([1, 2, 3, 4, 5], "float32")
x * np.array(3.0)
x * [[2.0]]
TABLE * x
x * TABLE[::-1]
x * np.asarray([1.0, 2.0, 3.0, 4.0, 5.0], ">f8")
x + range(5)
x * COLUMN
x * FULL + FULL[::-1]
np.arctan2(x, COLUMN)
np.arctan2(FULL, x)
np.arctan2(FULL[:1], x)
np.power(abs(x), 3.0) + np.power(abs(x), 1.7) * np.arctan2(x, 2.5)
np.copysign(COLUMN, x) + np.copysign(TABLE, x)
isinstance(x, np.ndarray) * x
isinstance(np.sum(x), float) * x
isinstance(t, np.ndarray) * x
x * np.longdouble(1.5)
x + np.zeros((0, 5)).sum()
np.add(x, 1, None)
np.add(x, p, casting="safe")
np.add(x, 1.0, dtype="float32", casting="same_kind")
np.add(x.astype("float32"), p, out=x.astype("float32") * 0, casting="same_kind")
np.add(w, 1.0, out=x * 0.0)
np.zeros_like(x) + w
np.ones_like(x, dtype="float32") * x
np.ones_like(x, shape=(2, 3))
np.full_like(x, 2.5)
np.full_like(x, fill_value=2.5)
np.full_like(x, subok=False, fill_value=3.0)
np.full_like(x, dtype="float32", fill_value=2.5)
np.sum(a=x)
np.sum(x, axis=0, keepdims=True, dtype="float32")
np.full_like(x, [1, 2, 3, 4, 5])
np.full_like(x, w)
np.full_like(k, 2.7)
np.full_like(x, np.nan)
np.full_like(x, np.float32(0.1))
np.empty_like(x).shape[0] * x
x[0]
x[-1]
x[:, 0]
x[:, None, :]
x[..., ::2]
x[::-1]
x[::-1, ::-2] * 2.0
x[1:3, 2:] + 1.0
x[[0, 2]]
x[[0, 2], 1]
x[:, [0, 0, 3]]
x[[True] * 7]
x[np.asarray([3, 1])]
x[:, MASK]
x[k]
x[np.arange(7), k % 5]
x[k % 7, None, k % 5]
np.take(x, k, 0)
np.take(x, k % 5, axis=1)
np.take(x, [0, 2], 1)
np.take(x, [-1, 0], axis=0)
np.take(x, -k, axis=0)
np.take(x, k)
np.take(x, 3)
np.take(w, k % 5, mode="wrap")
np.take(x, k + 3, 0, None, "clip")
xp.take(x, k, axis=0)
xp.take(x, -k - 1, axis=0)
xp.take(x, k[:3] % 5, axis=1)
xp.take(x, xp.asarray([1, 0, 1]), axis=0)
xp.take(x, [1, 0, 1], axis=0)
xp.take(p.T, k % 5, axis=0)
x.take([1, 0], 0)
x.take(k, axis=0)
x.take(k[None], axis=0)
np.take_along_axis(x, k[:, None] % 5, axis=1)
np.take_along_axis(x, np.argsort(x, 1), 1)
np.delete(x, 1, axis=1)
np.insert(x, 1, 0.5, axis=1)
np.digitize(x, TABLE)
np.searchsorted(TABLE, x)
np.interp(x, TABLE, TABLE)
np.resize(x, (3, 3))
np.sort(x)
np.sort(x, 0)
np.sort(x, axis=None)
np.partition(x, 2, axis=1)
np.cumsum(x)
np.cumsum(x, 1)
np.cumsum(x, axis=0, dtype="float32")
np.cumprod(x, 1)
np.cumulative_sum(x, axis=1)
np.diff(x)
np.diff(x, axis=0, prepend=0.0)
np.gradient(w)
np.trapezoid(x, axis=1)
np.convolve(w, [1.0, 2.0])
np.pad(x, 1)
np.pad(x, [[0, 0], [1, 2]])
np.pad(x, ((1, 0), (0, 0)), mode="edge")
np.indices((7, 5))[0] * x
np.vander(w)
np.corrcoef(x)
np.cov(x, rowvar=False)
np.average(x, axis=0, weights=k + 1)
np.quantile(x, 0.3, axis=1)
np.apply_along_axis(np.sum, 1, x)
np.polyval([1.0, 2.0], x)
np.copy(x) + 1
xp.asarray(x) + 1
xp.asarray(x, copy=True) + 1
xp.asarray(x, dtype=xp.float32)
xp.astype(x, xp.float32)
xp.astype(x, xp.float64, copy=False) * 1.0
xp.zeros(x.shape, dtype=x.dtype) + x
xp.arange(x.shape[-1], dtype=x.dtype) * x
xp.full(x.shape, 2.0) * x
xp.where(x > 0, x, xp.zeros_like(x))
xp.linalg.matrix_norm(x)
xp.expand_dims(x, axis=0)
xp.permute_dims(x, (1, 0))
xp.squeeze(x[None], axis=0)
xp.broadcast_to(w, x.shape) + x
xp.roll(x, 1, axis=-1)
xp.tril(x)
xp.cumulative_sum(x, axis=1)
xp.pow(x, 2)
xp.atan2(x, p)
xp.concat([xp.sum(x, keepdims=True), xp.reshape(t, (1, 1))], axis=1)
xp.isdtype(x.dtype, "real floating") * x
x.__array_namespace__().sum(x, axis=0)
namespace(x).sum(x, axis=(0,))
len(x) * x
x.shape[0] * x.ndim * x.size + x
np.shape(x)[1] * x
np.size(x) / np.ndim(x) + x
x if x.dtype == np.float64 else x * 0
x * x[0, 0]
x * t
t * 2.0
t
t + np.sum(x)
xp.reshape(t, (1,)) + 1.0
t[None] * w
t[()] * 2.0
t[...] + 1.0
np.sum(x)[None] * 2.0
xp.sum(x) / x.shape[0]
xp.sum(x) ** 0.5
np.float64(2.0) * t
sum([x, p])
getattr(x, "T") + 1
getattr(x, "missing", 2.0) * x
x != x
x.astype("float32") == x
np.iscomplexobj(x) + x
np.isscalar(x) + x
np.result_type(x, np.float32).itemsize * x
np.lib.stride_tricks.sliding_window_view(w, 2) * 2.0
np.ix_(k, k)[0] + 0.0
x[np.ix_([0, 1], [1, 2])]
np.s_[:] and x
np.random.default_rng(0).random(5) * x
"""
# What is not, and why.
REFUSED = """
np.concatenate(x)  # reads the value
np.sum(x[:, :0], axis=1)  # an array without elements
np.sum([x, p], 0)  # reads the value
np.add.reduce(x, axis=-1, where=MASK)  # numpy.add with where
np.add.reduce(x, axis=-1, where=x > 0)  # numpy.add with where
np.add.accumulate(x, axis=1)  # numpy.add.accumulate
np.add.reduceat(w, [0, 2])  # numpy.add.reduceat
np.multiply.outer(w, w)  # numpy.multiply.outer
np.linalg.slogdet(SQUARE * t)[1]  # numpy.slogdet, which gives no array, or several
x.astype(complex).real  # the step uses .real of an array
x.astype("U8") == "0.0"  # an array of type <U8
(x + 1j * p).imag  # the step uses .imag of an array
np.exp(1j * x).real  # the step uses .real of an array
x.view("int64") % 2  # the step uses .view of an array
x.transpose() * 1.0  # the step uses .transpose of an array
x.transpose(1, 0)  # the step uses .transpose of an array
x.swapaxes(0, 1)  # the step uses .swapaxes of an array
x.ravel() + 0.0  # the step uses .ravel of an array
x.flatten()  # the step uses .flatten of an array
x.reshape((7, 5), copy=True)  # TypeError: Recorded.reshape() got an unexpected keyword argument 'copy'
np.matmul(x[:, :0], SQUARE[:0])  # an array without elements
np.where(x > 0)[0].sum() + x  # numpy.where, which gives no array, or several
np.divmod(x, 2.0)[1]  # numpy.divmod, which gives several arrays
divmod(x, 2)[0]  # numpy.divmod, which gives several arrays
np.modf(x)[0]  # numpy.modf, which gives several arrays
np.frexp(x)[0]  # numpy.frexp, which gives several arrays
k.astype("int32") == 2 ** 40  # 1099511627776 beside int32
k.astype("int8") < 300  # 300 beside int8
x * [w[0], 2.0, 3.0, 4.0, 5.0]  # a list of arrays in the place of an array
x * np.ma.masked_array(TABLE, MASK)  # an array of type MaskedArray, float64
np.add(x, 1, where=MASK, out=np.zeros((7, 5)))  # numpy.add with where
np.add(x, 1, out=np.zeros((7, 5)))  # numpy.add writes on what is no array of the step, or has one as a setting
x[:0].sum() + x  # an array without elements
x[x > 0].sum()  # which elements are meant depends on values
x[np.argmax(x[:, 0])]  # which elements are meant depends on values
x[t > 0].sum()  # which elements are meant depends on values
TABLE[k % 5]  # reads the value
np.take(TABLE, k % 5)  # reads the value
np.compress(MASK, x, axis=1)  # the shape of what numpy.compress gives depends on values
np.extract(x > 0, x).sum()  # the shape of what numpy.extract gives depends on values
np.bincount(k, minlength=9)  # the shape of what numpy.bincount gives depends on values
np.histogram(x)[0]  # numpy.histogram, which gives no array, or several
np.trim_zeros(np.maximum(w, 0.0))  # the shape of what numpy.trim_zeros gives depends on values
np.pad(x, 1, constant_values=t)  # the shape of what numpy.pad gives depends on values
np.meshgrid(w, w)[0]  # numpy.meshgrid, which gives no array, or several
np.fft.fft(x).real  # the step uses .real of an array
np.apply_along_axis(lambda row: row.sum(), 1, x)  # two steps did not do the same operations
np.vectorize(lambda v: v + 1)(x)  # reads the value
np.frompyfunc(lambda v: v + 1, 1, 1)(x).astype(float)  # an array of type object
np.asarray(x) + 1  # reads the value
np.array(x, copy=True) + 1  # reads the value
np.ascontiguousarray(x.T) + 1  # reads the value
np.array([w, w])  # reads the value
np.array([x[0, 0], 1.0])  # reads the value
np.asanyarray(x)  # reads the value
x if x.any() else -x  # the step uses .any of an array
x if (x > 0).any() else -x  # the step uses .any of an array
x * float(t)  # reads the value
x * int(k[0])  # reads the value
x * t.item()  # the step uses .item of an array
x.tolist()  # the step uses .tolist of an array
[row * 2 for row in x][0]  # reads the value
sum(x)  # reads the value
list(x)[0]  # reads the value
x.nbytes + x  # the step uses .nbytes of an array
x.strides[0] + x  # the step uses .strides of an array
x.flags.c_contiguous * x  # the step uses .flags of an array
x.itemsize * x  # the step uses .itemsize of an array
x.any() + x  # the step uses .any of an array
x.real * 2.0  # the step uses .real of an array
x.dot(SQUARE)  # the step uses .dot of an array
x.prod(axis=1)  # the step uses .prod of an array
x.std()  # the step uses .std of an array
x.clip(0, 1)  # the step uses .clip of an array
x.argmax(axis=1)  # the step uses .argmax of an array
x.cumsum(axis=1)  # the step uses .cumsum of an array
x.repeat(2)  # the step uses .repeat of an array
x.squeeze()  # the step uses .squeeze of an array
x.conj()  # the step uses .conj of an array
x.round(1)  # the step uses .round of an array
hasattr(x, "sort") * x  # the step uses .sort of an array
x == None  # an array of type ndarray, object
np.can_cast(x, "float32") + x  # numpy.can_cast, which gives no array, or several
np.may_share_memory(x, p) + x  # numpy.may_share_memory, which gives no array, or several
np.allclose(x, p) + x  # numpy.allclose, which gives no array, or several
np.array_equal(x, x) + x  # numpy.array_equal, which gives no array, or several
copy.copy(x) + 1  # reads the value
copy.deepcopy(x) + 1  # reads the value
np.lib.stride_tricks.as_strided(w, (2, 2), (8, 8)) * 1.0  # reads the value
np.r_[w, w]  # reads the value
np.c_[x, p]  # reads the value
"""
# What is wrong by itself, at least for another batch, and its error.
WRONG = """
np.matmul(x, p, axes=[(0, 1), (0, 1), (0, 1)])  # ValueError
round(x, 1)  # TypeError
x[k > 2]  # ValueError
np.compress(x[:, 0] > 0, x, axis=0)  # ValueError
np.unique(k)  # ValueError
np.nonzero(x > 0)[0]  # ValueError
np.flatnonzero(x > 0)  # ValueError
np.argwhere(x > 0)  # ValueError
np.bincount(k)  # ValueError
np.repeat(x, k, axis=0)  # ValueError
xp.sort(x, axis=0, descending=True)  # TypeError
max(x[0], x[1])  # ValueError
"""


FORMS, REASONS, ERRORS = {}, {}, {}  # by the name of the form: the function, why it is refused, the name of its error
for _texts, _notes in ((FOLLOWED, {}), (REFUSED, REASONS), (WRONG, ERRORS)):
    for _line in _texts.strip().splitlines():
        _text, _, _note = _line.partition("  # ")
        FORMS[_text] = eval(f"lambda x, w, p, t, k, xp: {_text}")
        if _note:
            _notes[_text] = _note


def refused(reason):
    """Mark a form that is not recorded."""

    def mark(form):
        REASONS[form.__name__] = reason
        return form

    return mark


def wrong(error):
    """Mark a form that is wrong by itself."""

    def mark(form):
        ERRORS[form.__name__] = error
        return form

    return mark


# ---- what writes, and what keeps an array under two names


def number_under_two_names(x, w, p, t, k, xp):
    a = b = np.sum(x)
    a += 1.0
    return a + 10.0 * b


def element_under_two_names(x, w, p, t, k, xp):
    a = b = x[0, 0]
    a *= 3.0
    return a + 10.0 * b


def array_under_two_names(x, w, p, t, k, xp):
    a = b = x * 2.0
    a += 1.0
    return a + 10.0 * b


def array_of_no_axes_under_two_names(x, w, p, t, k, xp):
    a = b = t
    a += 1.0
    return a + 10.0 * b


def view_of_a_number(x, w, p, t, k, xp):
    total = xp.sum(x)
    y = xp.reshape(total, (1,))
    y += 1.0
    return y + total


def longer_view_of_a_number(x, w, p, t, k, xp):
    total = np.sum(x)
    y = total[None]
    y *= 2.0
    return y + total


def number_that_grows(x, w, p, t, k, xp):
    s = xp.sum(x)
    s += w
    return s


def integer_that_becomes_real(x, w, p, t, k, xp):
    s = xp.sum(k)
    s /= 2
    return s


@wrong("TypeError")
def writes_on_a_number(x, w, p, t, k, xp):
    s = np.sum(x)
    np.add(s, 1.0, out=s)
    return s


def view_of_a_view(x, w, p, t, k, xp):
    y = x * 2.0
    z = y[1:, :][:, ::2]
    z += 1.0
    return y


def reversed_view(x, w, p, t, k, xp):
    y = x * 2.0
    z = y[::-1]
    z -= w
    return y


def view_overlaps_what_it_reads(x, w, p, t, k, xp):
    y = x * 2.0
    z = y[:, 1:]
    z += y[:, :-1]
    return y


def view_overlaps_turned(x, w, p, t, k, xp):
    y = x @ SQUARE[:, :5]
    z = y[:5]
    z += z.T
    return y


def reversed_onto_itself(x, w, p, t, k, xp):
    y = x + 0.0
    y += y[::-1]
    return y


def out_overlaps(x, w, p, t, k, xp):
    y = x + 0.0
    np.add(y[:-1], 1.0, out=y[1:])
    return y


def product_onto_its_factor(x, w, p, t, k, xp):
    y = x[:5] * 1.0
    np.matmul(y, SQUARE, out=y)
    return y


def sum_onto_a_part(x, w, p, t, k, xp):
    y = x + 0.0
    np.add.reduce(y, axis=0, out=y[0])
    return y


def sum_onto_another(x, w, p, t, k, xp):
    y = x + 0.0
    np.add.reduce(p, axis=1, out=y[:, 0])
    return y


def where_onto(x, w, p, t, k, xp):
    y = x + 0.0
    np.maximum(y, 0.0, out=y)
    return y


def row_spread_over_what_it_is_of(x, w, p, t, k, xp):
    y = x + 0.0
    y -= y[0]
    return y


def number_spread_over_what_it_is_of(x, w, p, t, k, xp):
    y = x + 0.0
    y /= y[2, 2][...]
    return y


def column_spread_over_what_it_is_of(x, w, p, t, k, xp):
    y = x + 0.0
    y -= y[:, :1]
    return y


def written_after_it_was_read(x, w, p, t, k, xp):
    y = x + 0.0
    z = y * 2.0
    y += 1.0
    return z + y


def written_after_it_was_joined(x, w, p, t, k, xp):
    y = x + 0.0
    z = np.concatenate([y, p], 1)
    y += 1.0
    return z + np.concatenate([y, y], 1)


def joined_twice(x, w, p, t, k, xp):
    y = x + 0.0
    return np.concatenate([np.concatenate([y, y], 1), np.concatenate([p, y], 1)], 0)


def joined_then_used_by_a_setting(x, w, p, t, k, xp):
    y, m = x * 2.0, x > 0.0
    z = np.concatenate([m, m], 1)
    return np.sum(y, 1, where=m) + np.sum(z, 1)


def written_through_a_copying_reshape(x, w, p, t, k, xp):
    y = x.T + 1.0
    z = y.reshape(-1)
    z += 1.0
    return y


def written_through_a_reshape(x, w, p, t, k, xp):
    y = x + 1.0
    z = np.reshape(y, (-1,))
    z += 1.0
    return y


def written_through_a_reshape_of_a_turned_sum(x, w, p, t, k, xp):
    y = np.add.reduce(np.transpose(np.stack([x, p])), axis=2)
    z = xp.reshape(y, (-1,))
    z += 1.0
    return y


def written_through_a_reshape_of_a_choice(x, w, p, t, k, xp):
    y = np.where(x.T > 0.0, x.T, 0.0)
    z = xp.reshape(y, (-1,))
    z += 1.0
    return y


def written_through_a_reshape_of_a_join(x, w, p, t, k, xp):
    y = np.concatenate([x.T, p.T], 0)
    z = xp.reshape(y, (-1,))
    z += 1.0
    return y


def written_through_a_reshape_of_a_type(x, w, p, t, k, xp):
    y = xp.astype(x.T, xp.float32)
    z = xp.reshape(y, (-1,))
    z += 1.0
    return y


@refused("ValueError: output array is read-only")
def written_through_a_diagonal_by_einsum(x, w, p, t, k, xp):
    y = x[:5] + 0.0
    z = np.einsum("ii->i", y)
    z += 1.0
    return y


def written_through_a_flip(x, w, p, t, k, xp):
    y = x + 0.0
    z = np.flip(y, 0)
    z += 1.0
    return y + p


def written_through_a_split(x, w, p, t, k, xp):
    y = x + 0.0
    a, b = np.split(y, [2], axis=1)
    a += 1.0
    b *= 2.0
    return y


def shifted_over_the_end_of_a_row(x, w, p, t, k, xp):
    y = np.full_like(x, 0.0, shape=(ROWS + 2, COLUMNS + 2), order="C")
    y[1:-1, 1:-1] = x
    return y[2:, :-2] + 2.0 * y[:-2, 2:]


def written_by_its_name(x, w, p, t, k, xp):
    p *= 0.5
    p += x
    return p * 1.0


def written_by_a_view_of_the_carry(x, w, p, t, k, xp):
    row = p[2]
    row += w
    return p * 1.0


def set_items(x, w, p, t, k, xp):
    y = x + 0.0
    y[:, 0] = 1.0
    return y


def added_to_items(x, w, p, t, k, xp):
    y = x + 0.0
    y[1:] += y[:-1]
    return y


@refused("which elements are meant depends on values")
def set_by_a_mask(x, w, p, t, k, xp):
    y = x + 0.0
    y[y < 0.0] = 0.0
    return y


@refused("reads the value")
def set_in_an_array_of_its_own(x, w, p, t, k, xp):
    y = np.zeros((7, 5))
    y[:, 0] = x[:, 1]
    return y


@refused("numpy.add writes on what is no array of the step, or has one as a setting")
def added_to_an_array_of_its_own(x, w, p, t, k, xp):
    y = np.zeros((7, 5))
    y += x
    return y


def array_of_its_own_that_changes(x, w, p, t, k, xp):
    c = np.zeros(5)
    y = x * c
    c += 2.0
    return y + x * c


def buffer_of_the_module_that_changes_within(x, w, p, t, k, xp):
    BUFFER[:] = 1.0
    y = x * BUFFER
    BUFFER[:] = 3.0
    return y - x * BUFFER


def random_numbers(x, w, p, t, k, xp):
    return x + 0.0 * random.random() + (np.random.random(5) < 2.0)


@refused("ValueError: assignment destination is read-only")
def copied_onto(x, w, p, t, k, xp):
    np.copyto(p, x)
    return p * 1.0


@refused("ValueError: assignment destination is read-only")
def copied_onto_a_result(x, w, p, t, k, xp):
    y = x + 0.0
    np.copyto(y, w)
    return y


@refused("ValueError: put: output array is read-only")
def put(x, w, p, t, k, xp):
    y = x + 0.0
    np.put(y, [0, 3], [9.0, 8.0])
    return y


@refused("ValueError: putmask: output array is read-only")
def put_on_the_carry(x, w, p, t, k, xp):
    np.putmask(p, p > 0.0, 0.5)
    return p + x


@refused("ValueError: underlying array is read-only")
def diagonal_filled(x, w, p, t, k, xp):
    y = x + 0.0
    np.fill_diagonal(y, 1.0)
    return y


@refused("ValueError: assignment destination is read-only")
def put_along_an_axis(x, w, p, t, k, xp):
    y = x + 0.0
    np.put_along_axis(y, k[:, None] % 5, 0.0, axis=1)
    return y


@refused("ValueError: assignment destination is read-only")
def gaps_filled_in_place(x, w, p, t, k, xp):
    y = x / (x - x)
    np.nan_to_num(y, copy=False)
    return y


@refused("ValueError: output array is read-only")
def clipped_onto(x, w, p, t, k, xp):
    y = x + 0.0
    np.clip(y, -0.5, 0.5, out=y)
    return y


@refused("ValueError: output array is read-only")
def clipped_onto_the_carry(x, w, p, t, k, xp):
    np.clip(p + x, -0.5, 0.5, p)
    return p * 1.0


@refused("ValueError: output array is read-only")
def summed_up_onto(x, w, p, t, k, xp):
    y = x + 0.0
    np.cumsum(y, 1, None, y)
    return y


@refused("ValueError: WRITEBACKIFCOPY base is read-only")
def taken_onto(x, w, p, t, k, xp):
    y = x + 0.0
    np.take(x, k, 0, out=y)
    return y


@refused("ValueError: assignment destination is read-only")
def joined_onto(x, w, p, t, k, xp):
    y = np.zeros_like(x)
    np.concatenate([x[:3], p[:4]], out=y)
    return y


@refused("ValueError: output array is read-only")
def summed_onto(x, w, p, t, k, xp):
    y = w * 0.0
    np.sum(x, axis=0, out=y)
    return y


@refused("the step uses .sort of an array")
def sorted_in_place(x, w, p, t, k, xp):
    y = x + 0.0
    y.sort(axis=1)
    return y


@refused("numpy.divmod, which gives several arrays")
def two_results(x, w, p, t, k, xp):
    quotient, rest = np.divmod(x, 2.0)
    return quotient + rest


@refused("the step asks NumPy to raise errors of arithmetic")
def raises_on_a_division(x, w, p, t, k, xp):
    with np.errstate(divide="raise"):
        return 1.0 / (x + 10.0)


def a_type_by_its_values(x, w, p, t, k, xp):
    return x if isinstance(x, np.ndarray) else x * 2.0


@refused("the step uses .real of an array")
def complex_and_back(x, w, p, t, k, xp):
    z = x * (1.0 + 2.0j)
    return (z * np.conj(z)).real


def half_precision(x, w, p, t, k, xp):
    h = x.astype("float16")
    return (h @ h.T).astype("float64") + np.sum(h)


def soft_maximum(x, w, p, t, k, xp):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


@refused("reads the value")
def one_hot(x, w, p, t, k, xp):
    return np.eye(5)[k % 5] * x


def cross_entropy(x, w, p, t, k, xp):
    return -np.log(np.abs(x[np.arange(7), k % 5]) + 1.0).mean()


def moving_mean(x, w, p, t, k, xp):
    w *= 0.9
    w += 0.1 * np.mean(x, axis=0)
    return w / (1.0 - 0.9 ** (t + 1.0))


def attention(x, w, p, t, k, xp):
    scores = np.einsum("ik,jk->ij", x, p) / np.sqrt(x.shape[-1])
    e = np.exp(scores)
    return (e / e.sum(axis=-1, keepdims=True)) @ p


def gated(x, w, p, t, k, xp):
    a, b = np.split(np.concatenate([x, p], -1), 2, axis=-1)
    return a / (1.0 + np.exp(-b))


def clipped_by_norm(x, w, p, t, k, xp):
    norm = np.sqrt(sum(np.sum(g * g) for g in (x, p)))
    factor = np.minimum(1.0, 1.0 / (norm + 1e-6))
    return x * factor


for _name, _value in list(vars().items()):
    if getattr(_value, "__module__", "") == __name__ and _name not in ("refused", "wrong"):
        FORMS[_name] = _value
