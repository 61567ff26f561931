"""Recorded steps: replayed to the bit, compiled or captured to rounding, and refused where they cannot be repeated.

The mode "device" is the step captured for a CUDA device, on a stand-in for one; "cupy" is the same by CuPy itself.
"""

from contextlib import contextmanager, nullcontext
from unittest import mock

import numpy as np
import pytest
from host_device import COMPILER, HostDevice
from tables import LAYERS, LOSSES, MEMBERS, OPTIMIZERS, generator, rows_of

import nnx
from nnx.backends import Plain, numpy as numpy_backend
from nnx.backends.cuda.loop import Captured
from nnx.backends.native.loop import Native, can_compile, recorded
from nnx.backends.native.record import Refused, mapped
from nnx.contract import as_row
from nnx.random import seed_words

COMPILED = pytest.param(True, marks=pytest.mark.skipif(not can_compile(), reason="nothing is compiled here"))
DEVICE = pytest.param("device", marks=pytest.mark.skipif(COMPILER is None, reason="no C++ compiler"))
CUPY = pytest.param("cupy", marks=pytest.mark.gpu)
MODES = ["auto", COMPILED, DEVICE, CUPY]
BITS = ("auto", True)  # the modes that give the bits of the plain step
HOW = {"auto": "recorded and replayed", True: "recorded and compiled"}
HOW |= dict.fromkeys(("device", "cupy"), "captured as a CUDA graph")
ROWS, BATCH, BATCHES = 24, 7, 9


@pytest.fixture(autouse=True)
def auto_means_replayed(request, monkeypatch):
    from nnx.backends.native import loop

    if hasattr(request.node, "callspec") and "auto" in request.node.callspec.params.values():
        monkeypatch.setattr(loop, "can_compile", lambda: False)


def native(step, mode, epochs):
    """The loop of this mode."""
    if mode == "cupy":
        return Captured(step, True, epochs)
    return Captured(step, True, epochs, HostDevice) if mode == "device" else Native(step, mode, epochs)


def both(step, carry, x, target, mode, weight=None):
    """What the steps leave in the carry, run plainly and in this mode."""
    rows = np.random.default_rng(1).integers(0, len(x), (BATCHES, BATCH))
    results = []
    with np.errstate(all="ignore"):
        for loop in (Plain(step), native(step, mode, 1)):
            own, data = copied(carry), (x, target, weight, rows)
            if mode == "cupy" and results:
                own, data = mapped(nnx.backend("cupy").asarray, own), [moved(a) for a in data]
            for start, stop in ((0, 1), (1, 4), (4, BATCHES)):
                own = loop(own, *data, start, stop)
            results.append(own)
    if mode == "cupy":
        results[1] = mapped(nnx.backend("cupy").to_numpy, results[1])
    assert loop.how == HOW[mode]
    return results


def moved(x):
    return None if x is None else nnx.backend("cupy").asarray(x)


@contextmanager
def another_process():
    """As if what was compiled had to come from the disk."""
    from nnx.backends.native import build, machine

    nothing_compiled = mock.patch.multiple(machine, _ready={}, _object=mock.Mock(side_effect=AssertionError))
    with nothing_compiled, mock.patch.object(build, "_plans", []):
        yield


def copied(tree):
    if isinstance(tree, dict):
        return {name: copied(item) for name, item in tree.items()}
    return np.array(tree)


def agree(plain, fast, mode, rtol=1e-11):
    assert isinstance(fast, type(plain))
    if isinstance(plain, dict):
        assert plain.keys() == fast.keys()
        for name in plain:
            agree(plain[name], fast[name], mode, rtol)
    elif mode in BITS:
        np.testing.assert_array_equal(fast, plain)
    else:
        assert fast.dtype == plain.dtype
        np.testing.assert_allclose(fast, plain, rtol=rtol, atol=rtol * (1e-12 + np.max(np.abs(plain))))


def taken(a, rows):
    return None if a is None else nnx.backends.namespace(a).take(a, rows, axis=0)


def together(x):
    """The members of each row one below the other: (rows, members, features) -> (rows * members, features)."""
    return nnx.backends.namespace(x).reshape(x, (-1, *x.shape[2:]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name, mode):
    if name.endswith("_sorted") and mode != "auto":
        pytest.skip("a compiled step has no argsort: it is replayed")
    layer, features = LAYERS[name]
    rng = generator(name)
    params = nnx.init(layer, features, seed=3, dtype="float64") if layer.names else {}
    x = rows_of(rng, ROWS, features)
    dy = rng.normal(size=(ROWS, layer.copies, *layer.shapes(as_row(features))[1]))
    seed = seed_words(5)

    def step(carry, x, dy, weight, rows):
        key = nnx.contract.Key(carry["seed"], carry["step"])
        params = dict(carry["params"])
        _, saved = layer.evaluate(params, taken(x, rows), train=True, key=key)
        dx, grads = layer.backprop(params, saved, together(taken(dy, rows)))
        for name, g in grads.items():
            params[name] -= 0.01 * g
        total, count = carry["dx"], carry["step"]
        total += dx
        count += 1
        return {"params": layer.update(params, saved), "dx": total, "step": count, "seed": carry["seed"]}

    carry = {
        "params": params,
        "dx": np.zeros((BATCH, *as_row(features))),
        "step": np.asarray(0, np.int32),
        "seed": seed,
    }
    agree(*both(step, carry, x, dy, mode), mode)
    if mode is True:
        with another_process():
            agree(*both(step, carry, x, dy, mode), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name, weighted, mode):
    if mode is True and not weighted:
        pytest.skip("compiled with weights alone: each takes a while")
    loss, outputs, make = LOSSES[name]
    rng = generator(name)
    row = nnx.contract.as_row(outputs)
    z, target, weight = rng.normal(size=(ROWS, loss.copies, *row)), make(rng, ROWS, outputs), rng.random(ROWS)

    def step(carry, z, target, weight, rows):
        value, saved = loss.evaluate(together(taken(z, rows)), taken(target, rows), taken(weight, rows))
        total, dz = carry["total"], carry["dz"]
        total += value
        dz += loss.backprop(saved)
        return {"total": total, "dz": dz}

    carry = {"total": np.zeros(()), "dz": np.zeros((BATCH * loss.copies, *row))}
    agree(*both(step, carry, z, target, mode, weight if weighted else None), mode)


def descent(optimizer):
    def step(carry, x, target, weight, rows):
        name = "0.W"
        grads = {name: taken(x, rows) * 0.1 + 0.01 * carry["params"][name], "0.b": carry["params"]["0.b"] * 0.5 + 0.1}
        params, state = optimizer.update(dict(carry["params"]), grads, dict(carry["state"]))
        return {"params": params, "state": state}

    return step


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name, dtype, mode):
    if mode is True and dtype != ("float32", "float64")[list(OPTIMIZERS).index(name) % 2]:
        pytest.skip("compiled in one dtype, the next in the other: each takes a while")
    rng = generator(name)
    params = {"0.W": rng.normal(size=(BATCH, 3)).astype(dtype), "0.b": rng.normal(size=30).astype(dtype)}
    x = rng.normal(size=(ROWS, 3)).astype(dtype)
    carry = {"params": params, "state": OPTIMIZERS[name].init(params)}
    rtol = 1e-11 if dtype == "float64" else 1e-5
    agree(*both(descent(OPTIMIZERS[name]), carry, x, x + 0.0, mode), mode, rtol)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MEMBERS)
def test_a_population_of_optimizers(name, mode):
    rng, optimizer = generator(name), MEMBERS[name][0]
    params = {"0.W": rng.normal(size=(3, BATCH, 4)), "0.b": rng.normal(size=(3, 30))}
    x = rng.normal(size=(ROWS, 4))
    carry = {"params": params, "state": optimizer.init(params, population=(3,))}
    agree(*both(descent(optimizer), carry, x, x + 0.0, mode), mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_population_of_networks(mode):
    rng, loss = np.random.default_rng(0), nnx.SoftmaxCrossEntropy()
    net, optimizer = nnx.mlp((20, 5), 3, dropout=0.2), nnx.AdamW((0.1, 0.01))
    params = nnx.init(net, 4, seed=(1, 2), dtype="float64")
    x, y = rng.normal(size=(ROWS, 4)), rng.integers(0, 3, ROWS)

    def step(carry, x, y, weight, rows):
        key, params = nnx.contract.Key(carry["seed"], carry["state"]["step"]), dict(carry["params"])
        z, values = net.evaluate(params, taken(x, rows), train=True, key=key)
        value, saved = loss.evaluate(z, taken(y, rows))
        _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
        params, state = optimizer.update(params, grads, dict(carry["state"]))
        total = carry["total"]
        total += value
        return {"params": params, "state": state, "total": total, "seed": carry["seed"]}

    state = optimizer.init(params, population=(2,))
    carry = {"params": params, "state": state, "total": np.zeros(2), "seed": seed_words((1, 2))}
    agree(*both(step, carry, x, y, mode), mode, 1e-9)


# ---- random programs: whatever is fused must be what it was apart


def random_step(rng):
    """A function of arrays of a few shapes that read and write each other in random order."""
    shapes = [(BATCH, 5), (BATCH, 1), (5,), (), (BATCH, 20), (1, 20), (2, BATCH, 5)]
    unary = ["negative", "abs", "sqrt", "exp", "tanh", "square"]
    binary = ["add", "subtract", "multiply", "maximum", "minimum", "logaddexp"]
    plan = []
    for _ in range(14):
        kind = rng.choice(["unary", "binary", "write", "sum", "max", "where", "slice", "product", "view", "join"])
        plan.append((kind, rng.choice(unary), rng.choice(binary), rng.integers(0, 2**30, 2), rng.integers(-2, 0)))

    def step(carry, x, target, weight, rows):
        known = [carry[f"p{i}"] for i in range(len(shapes))] + [taken(x, rows)]
        xp = nnx.backends.namespace(known[0])
        for kind, one, two, (i, j), axis in plan:
            a, b = known[i % len(known)], known[j % len(known)]
            squashed = xp.tanh(a) if kind in ("unary", "product") else a
            try:
                shape = np.broadcast_shapes(a.shape, b.shape)
            except ValueError:
                b, shape = 0.25, a.shape
            if kind == "unary":
                known.append(getattr(xp, one)(xp.abs(squashed) + 0.5))
            elif kind == "binary":
                known.append(xp.tanh(getattr(xp, two)(a, b)))
            elif kind == "write" and shape == a.shape:
                a *= 0.5
                a += b
            elif kind in ("sum", "max") and a.ndim:
                reduce = getattr(xp, kind)
                known.append(0.1 * reduce(a, axis=max(axis, -a.ndim) if kind == "sum" else -1, keepdims=True))
            elif kind == "where":
                known.append(xp.where(a > 0.0, b, a))
            elif kind == "slice" and a.ndim and a.shape[-1] > 2:
                known.append(a[..., 1:-1])
            elif kind == "view" and a.ndim:
                known.append(xp.reshape(a, (-1,))[..., None][:BATCH])
            elif kind == "product" and a.ndim >= 2:
                known.append(0.1 * xp.matrix_transpose(squashed) @ squashed)
            elif kind == "join" and a.ndim and a.shape == getattr(b, "shape", None):
                known.append(xp.concat((a, b), axis=-1))
        for value in known[len(shapes) :]:  # everything must have been right
            total = carry["p3"]
            total += 0.01 * xp.sum(value, axis=tuple(range(value.ndim))[-2:]) if value.ndim < 3 else 0.0
        return carry

    carry = {f"p{i}": rng.normal(size=shape) for i, shape in enumerate(shapes)}
    return step, carry


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode is not COMPILED])
@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed, mode):
    rng = np.random.default_rng(seed)
    step, carry = random_step(rng)
    agree(*both(step, carry, rng.normal(size=(ROWS, 5)), np.zeros(ROWS), mode), mode, 1e-9)


@pytest.mark.parametrize("mode", [COMPILED])
@pytest.mark.parametrize("seed", range(0, 40, 3))  # each takes a while
def test_random_programs_compiled(seed, mode):
    test_random_programs(seed, mode)


# ---- in a fit


def data(rows=48):
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, 4)).astype("float32"), rng.integers(0, 3, rows)


def trained(mode, x=None, y=None, net=None, **settings):
    if x is None:
        x, y = data()
    settings = dict(epochs=6, batch_size=8, loss="softmax_cross_entropy") | settings
    if mode == "cupy":
        mode, settings = True, {"backend": "cupy"} | settings
    on_device = mock.patch.object(
        numpy_backend, "loop", lambda step, mode, epochs, precision: native(step, "device", epochs)
    )
    with on_device if mode == "device" else nullcontext():
        return nnx.fit(net or nnx.mlp((7,), 3, dropout=0.1), x, y, compile=mode == "device" or mode, **settings)


def same_fit(a, b, rtol):
    np.testing.assert_allclose(a.history["loss"], b.history["loss"], rtol=rtol)
    for name in a.params:
        first, second = a.backend.to_numpy(a.params[name]), b.backend.to_numpy(b.params[name])
        np.testing.assert_allclose(first, second, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("mode", MODES)
def test_a_fit_is_the_same_with_a_smaller_last_batch(mode):
    x, y = data(50)
    fast = trained(mode, x, y)
    assert fast.execution == HOW[mode]
    same_fit(trained(False, x, y), fast, 0 if mode in BITS else 1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["tabm", "mini", "packed"])
def test_a_fit_of_members_is_the_same(kind, mode):
    net, loss = nnx.tabm((7, 6), 3, members=4, kind=kind, dropout=0.1), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 4)
    fast = trained(mode, net=net, loss=loss, dtype="float64")
    assert fast.execution == HOW[mode]
    same_fit(trained(False, net=net, loss=loss, dtype="float64"), fast, 0 if mode == "auto" else 1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_a_fit_on_a_file_and_on_a_stream_is_the_same(mode, tmp_path):
    x, y = data()
    plain = trained(False, x, y, shuffle=False)
    np.save(tmp_path / "x.npy", x)
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 48, 8)]
    for given in ((np.load(tmp_path / "x.npy", mmap_mode="r"), y), (batches, None), (lambda: iter(batches), None)):
        fast = trained(mode, *given, shuffle=False)
        assert fast.execution == HOW[mode]
        same_fit(plain, fast, 0 if mode in BITS else 1e-5)


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_tensors_are_trained_by_the_compiled_step():
    import torch

    x, y = data()
    plain = trained(False, torch.from_numpy(x), torch.from_numpy(y))
    fast = trained(True, torch.from_numpy(x), torch.from_numpy(y))
    assert (plain.execution, fast.execution) == ("step by step", HOW[True])
    assert isinstance(fast.params["0.W"], torch.Tensor) and isinstance(fast.state["m"]["0.W"], torch.Tensor)
    same_fit(plain, fast, 1e-4)


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_a_layer_of_torch_alone_says_that_it_cannot_be_compiled():
    import torch

    x, y = data()
    net = own(torch.nn.functional.relu)
    with pytest.raises(nnx.BackendError, match="compile=True: the step cannot be compiled: TypeError"):
        trained(True, torch.from_numpy(x), torch.from_numpy(y), net=net)
    assert trained(False, torch.from_numpy(x), torch.from_numpy(y), net=net).execution == "step by step"


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_bits(mode):
    same_fit(trained(mode), trained(mode), 0)


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_what_pays_is_compiled_and_what_is_asked_for_again(monkeypatch, tmp_path):
    from nnx.backends.native import build, loop, machine

    monkeypatch.undo()
    monkeypatch.setenv("NNX_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "_plans", [])
    monkeypatch.setattr(machine, "_ready", {})
    monkeypatch.setattr(machine, "_asked", set())
    first, again = trained("auto"), trained("auto")
    machine._asked.clear()  # as in another process
    second = trained("auto")
    assert [fit.execution for fit in (first, again, second)] == [HOW["auto"], HOW["auto"], HOW[True]]
    same_fit(first, second, 0)
    monkeypatch.setenv("NNX_PROGRAMS", "never")
    other = dict(net=nnx.mlp((7, 7), 3))
    assert [trained("auto", **other).execution for _ in range(3)] == [HOW["auto"]] * 3
    monkeypatch.setattr(loop, "COMPILING", 0)
    assert trained("auto", **other).execution == HOW[True]
    monkeypatch.setattr(loop, "COMPILING", 1e9)
    monkeypatch.setenv("NNX_COMPILE", "always")
    assert trained("auto").execution == HOW[True]
    x, y = data()
    assert trained("auto", x, y, backend="array_api_strict", epochs=1).execution == "step by step"  # no error
    monkeypatch.setenv("NNX_COMPILE", "never")
    assert trained("auto").execution == "step by step"
    assert trained("auto", epochs=1, batch_size=7).execution == "step by step"  # few


def test_without_llvmlite_a_step_is_replayed_and_asking_for_more_is_one_line(monkeypatch):
    from nnx.backends.native import loop

    monkeypatch.setattr(loop, "is_worth_it", lambda *given: True)
    monkeypatch.setattr(loop, "can_compile", lambda: False)
    assert trained("auto").execution == HOW["auto"]
    with pytest.raises(nnx.BackendError, match=r"compile=True needs llvmlite: pip install 'nnx-array\[fast\]'"):
        trained(True)


class Own(nnx.Layer):
    """A layer of one's own, as far as a function of x goes."""

    def __init__(self, function):
        self.function = function

    def evaluate(self, params, x, *, train=False, key=None):
        return self.function(x), None

    def backprop(self, params, saved, dy, *, need_dx=True):
        return dy, {}


def own(function):
    return nnx.Chain(nnx.Dense(5), Own(function), nnx.Dense(3))


IMPURE = {
    "reads": (lambda x: x if float(x[0, 0]) > 1e9 else x + 1.0, "reads the value of an array"),
    "branches": (lambda x: x if (x > 1e9).any() else x + 1.0, "uses .any of an array"),
    "random": (lambda x: x + np.random.default_rng().random(x.shape, dtype="float32"), "two steps did not do the same"),
    "converts": (lambda x: np.asarray(x) + 1.0, "reads the value of an array"),
    "iterates": (lambda x: np.stack(list(x)), "reads the value of an array"),
    "methods": (lambda x: x.copy() - x.mean(axis=-1, keepdims=True) + x.sum() - x.max(), ""),
    "indexes": (lambda x: x * (np.asarray([True, False] * 2 + [True]))[np.arange(5)], ""),
}


@pytest.mark.parametrize("name", IMPURE)
def test_a_layer_that_cannot_be_recorded_is_run_plainly_and_says_why(name):
    function, reason = IMPURE[name]
    fast = trained("auto", net=own(function))
    if reason:
        assert fast.execution.startswith("step by step: ") and reason in fast.execution
        if can_compile():
            with pytest.raises(nnx.BackendError, match="compile=True: the step cannot be compiled"):
                trained(True, net=own(function))
    else:
        assert fast.execution == HOW["auto"]
    if name != "random":
        same_fit(trained(False, net=own(function)), fast, 0)


def keeping():
    """A layer that holds an array, which none may."""
    held = [0.0]

    def function(x):
        held.append(x * 2.0)
        return held[-1] + held[-2]

    return own(function)


def test_a_layer_that_keeps_an_array_from_step_to_step_is_an_error_and_not_wrong_numbers():
    with pytest.raises(nnx.BackendError, match=r"kept until another; nnx.fit\(compile=False\) runs"):
        trained("auto", net=keeping())
    assert trained(False, net=keeping(), epochs=1, batch_size=48).execution == "step by step"


def swapped(carry, x, target, weight, rows):
    return {"a": carry["b"], "b": carry["a"]}


def shared(carry, x, target, weight, rows):
    total = carry["a"] + carry["b"]
    return {"a": total, "b": total}


def shorter(carry, x, target, weight, rows):
    return {"a": carry["a"], "b": carry["b"][:2]}


def writes_on_what_is_read_only(carry, x, target, weight, rows):
    a = np.broadcast_to(carry["a"], (2, 3))
    a += 1.0
    return carry


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (swapped, "the step gives back one of its arrays in place of another"),
        (shared, "the step gives back one array in two places"),
        (shorter, "does not have the shapes and types of what it was given"),
        (writes_on_what_is_read_only, "cannot be written on"),
    ],
)
def test_a_step_that_gives_back_other_memory_is_refused_in_words(step, reason):
    carry = {"a": np.arange(3.0), "b": np.ones(3)}
    with pytest.raises(Refused, match=reason):
        recorded(step, carry, (np.ones((2, 2)), np.ones(2), None, None), compute=False)


@pytest.mark.parametrize("mode", ["auto", "always", True])
def test_whatever_goes_wrong_in_planning_is_a_reason(mode, monkeypatch):
    """An error of nnx's own makes no fit fail."""
    from nnx.backends.native import loop

    if mode is True and not can_compile():
        pytest.skip("nothing is compiled here")

    def broken(*args):
        raise KeyError("a plan\nin two lines")

    monkeypatch.setattr(loop, "program", broken)
    if mode is True:
        with pytest.raises(nnx.BackendError, match="compile=True: the step cannot be compiled: KeyError: 'a plan"):
            trained(mode)
    else:
        monkeypatch.setenv("NNX_COMPILE", mode if mode == "always" else "")
        assert trained("auto").execution.startswith("step by step: KeyError: 'a plan")


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_whatever_goes_wrong_in_compiling_is_a_reason_to_replay(monkeypatch):
    from nnx.backends.native import build

    def broken(*args, **worth):
        raise KeyError("a text")

    monkeypatch.setattr(build, "planned", broken)
    monkeypatch.setenv("NNX_COMPILE", "always")
    assert trained("auto").execution == "recorded and replayed, not compiled: KeyError: 'a text'"


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_a_step_is_compiled_once_whatever_its_sizes(monkeypatch):
    """Sizes, the batch's among them, rates and weights are no part of what is compiled."""
    from nnx.backends.native import build

    texts = set()
    monkeypatch.setattr(build, "function", lambda text, known=build.function, **worth: texts.add(text) or known(text))
    monkeypatch.setattr(build, "_plans", [])
    for hidden, rows, size, rate in ((50, 150, 32, 0.01), (40, 150, 50, 0.01), (70, 180, 33, 0.02)):
        net, rule = nnx.mlp((hidden,), 5, activation="softplus"), nnx.Adam(rate)
        trained(True, *data(rows), net=net, optimizer=rule, batch_size=size)
    assert len(texts) == 1


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_what_has_no_loop_is_replayed_and_says_why(monkeypatch):
    from nnx.backends.native import loop

    monkeypatch.setattr(loop, "is_worth_it", lambda *given: True)
    fast = trained("auto", net=own(lambda x: np.sort(x, axis=-1)))
    assert fast.execution == "recorded and replayed, not compiled: numpy.sort"
    same_fit(trained(False, net=own(lambda x: np.sort(x, axis=-1))), fast, 0)


@pytest.mark.parametrize("mode", [False, *MODES])
def test_what_was_given_is_left_alone(mode):
    x, y = data()
    params = nnx.init(nnx.mlp((7,), 3), 4)
    before = copied({"x": x, "y": y, **params})
    trained(mode, x, y, net=nnx.mlp((7,), 3), params=params)
    agree(before, {"x": x, "y": y, **params}, "auto")


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_numbers_that_are_not_finite_are_found_in_a_compiled_step():
    with pytest.raises(nnx.TrainingError, match="not finite in epoch") as error:
        trained(True, optimizer=nnx.SGD(1e20), epochs=50)
    assert error.value.fit.stopped == "not finite"


# ---- every function of one element, at the ends of the numbers

UNARY = ["negative", "positive", "square", "reciprocal", "absolute", "sqrt", "sign", "logical_not", "exp", "expm1"]
UNARY += ["log", "log1p", "tanh", "sin", "cos", "floor", "isfinite", "arctan", "cbrt"]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "greater", "greater_equal", "less"]
BINARY += ["less_equal", "equal", "not_equal", "logical_and", "logical_or", "logaddexp", "power", "copysign"]
INTEGER = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "add", "multiply", "maximum"]
ENDS = [0.0, -0.0, 1.0, -1.0, 1e-30, -1e30, 3e38, np.inf, -np.inf, np.nan, 0.5, -88.0, 100.0, 2.0]


@pytest.mark.parametrize("mode", [COMPILED, DEVICE, CUPY])
@pytest.mark.parametrize("columns", [2, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_function_gives_numpys_values_at_the_ends(dtype, columns, mode):
    a = np.asarray([ENDS[i % len(ENDS)] for i in range(BATCH * columns)], dtype).reshape(BATCH, columns)
    b = np.asarray([ENDS[(5 * i + i // 14) % len(ENDS)] for i in range(BATCH * columns)], dtype).reshape(a.shape)

    def step(carry, x, target, weight, rows):
        a, b = carry["a"], carry["b"]
        results = [getattr(np, name)(a) for name in UNARY] + [getattr(np, name)(a, b) for name in BINARY]
        results += [np.where(a > b, a, 7.0), np.maximum(a, np.inf), np.minimum(-np.inf, a), a * np.nan]
        for i, result in enumerate(results):
            kept = carry[f"r{i}"]
            kept *= 0.0
            kept += 1.0 * result
        return carry

    count = len(UNARY) + len(BINARY) + 4
    carry = {"a": a, "b": b} | {f"r{i}": np.zeros_like(a) for i in range(count)}
    plain, fast = both(step, carry, np.zeros((ROWS, 1)), np.zeros(ROWS), mode)
    near = dict(rtol=1e-6 if dtype == "float32" else 1e-13, atol=np.finfo(dtype).tiny if mode == "cupy" else 0)
    for name, value in fast.items():
        np.testing.assert_allclose(value, plain[name], **near, err_msg=name)  # CuPy flushes what is below tiny to 0


@pytest.mark.parametrize("mode", [COMPILED, DEVICE, CUPY])
def test_every_integer_function_wraps_as_numpys_does(mode):
    rng = np.random.default_rng(0)
    a = rng.integers(-(2**31), 2**31, (BATCH, 5)).astype(np.int32)
    b = rng.integers(0, 31, (BATCH, 5)).astype(np.int32)

    def step(carry, x, target, weight, rows):
        for i, name in enumerate(INTEGER):
            kept = carry[f"r{i}"]
            kept ^= getattr(np, name)(carry["a"], carry["b"]) + 3
        return carry

    carry = {"a": a, "b": b} | {f"r{i}": a.copy() for i in range(len(INTEGER))}
    plain, fast = both(step, carry, np.zeros((ROWS, 1)), np.zeros(ROWS), mode)
    for name, value in fast.items():
        np.testing.assert_array_equal(value, plain[name])
