"""The plan, the kernels and the matrix products of a captured step."""

import pickle
import re
import shutil
import subprocess
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make
from host_device import COMPILER, HostDevice

import nnx
from nnx.backends import Plain
from nnx.backends.cuda import loop as loops
from nnx.backends.cuda.emit import Blocks, module
from nnx.backends.cuda.loop import Captured
from nnx.backends.cuda.lt import Products
from nnx.backends.cuda.members import member_of
from nnx.backends.cuda.plan import arena, in_registers, works
from nnx.backends.native.loop import recorded
from nnx.backends.native.passes import Operation, Pass
from nnx.backends.native.program import View
from nnx.backends.native.record import Refused
from nnx.backends.numpy import lean
from nnx.random import seed_words
from nnx.training.data import make_data
from nnx.training.flat import Named, choose_layout
from nnx.training.objective import MeanLoss
from nnx.training.population.joining import joined
from nnx.training.step import Carry, make_step

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


def training(features=32, hidden=(64, 64), outputs=1, batch=32, dtype="float32", loss=None, optimizer=None, **settings):
    """A step, its carry and its data, as `fit` makes them."""
    backend = nnx.backend("numpy", dtype=dtype)
    net = (nnx.tabm if "members" in settings else nnx.mlp)(hidden, outputs, **settings)
    loss = loss or (nnx.SquaredError() if outputs == 1 else nnx.SoftmaxCrossEntropy())
    loss = nnx.EnsembleLoss(loss, net.copies) if "members" in settings else loss
    optimizer = optimizer or nnx.Adam(0.01)
    params = nnx.init(net, features, seed=1, dtype=dtype)
    layout = choose_layout(backend, params, tuple(net.names), apart=optimizer.decays)
    vectors = layout.pack(params)
    rest = {name: params[name] for name in params if name not in net.names}
    carry = Carry(
        vectors, rest, optimizer.init(vectors), seed_words(3, backend), *(backend.floats(0.0) for _ in range(2))
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5 * batch, features)).astype(dtype)
    y = x[:, :1].copy() if outputs == 1 else rng.integers(0, outputs, len(x))
    return make_step(MeanLoss(net, loss), optimizer, layout), carry, x, y, rng.integers(0, len(x), (3, batch))


def planned(step, carry, x, y, rows):
    """The recorded program, and which of its leaves are the data."""
    program = recorded(step, carry, (x, y, None, rows[0]), compute=False)
    return program, (program.leaves - 1, program.leaves - 3, program.leaves - 2)


def own(tree):
    if isinstance(tree, dict):
        return {name: own(item) for name, item in tree.items()}
    if isinstance(tree, Carry):
        return Carry(*map(own, tree))
    return tree if isinstance(tree, tuple) else tree.copy()


def agree(a, b, rtol):
    if isinstance(a, dict):
        for name in a:
            agree(a[name], b[name], rtol)
    elif isinstance(a, Carry):
        a, b = (c._replace(total=c.total - c.excess, excess=c.excess * 0.0) for c in (a, b))
        for first, second in zip(a, b, strict=True):
            agree(first, second, rtol)
    else:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


CASES = {
    "small": dict(features=3, hidden=(5,), outputs=3, batch=4, dropout=0.2, dtype="float64"),
    "blocks": dict(features=3, hidden=(300,), outputs=270, batch=5, dtype="float64"),  # rows of more than a warp
    "wide": dict(features=90, hidden=(64,), outputs=3, batch=7, dtype="float64", optimizer=nnx.AdamW(0.01)),
    "clipped": dict(features=90, hidden=(64,), dtype="float64", optimizer=nnx.ClipNorm(nnx.Momentum(0.1), 0.1)),
    "tall": dict(features=2, hidden=(3,), outputs=2, batch=5000, dtype="float64"),
    "tabm": dict(features=5, hidden=(8, 40), outputs=3, batch=6, members=3, dropout=0.1, dtype="float64"),
    "mini": dict(features=5, hidden=(8,), batch=6, members=3, kind="mini", dtype="float64"),
    "packed": dict(features=5, hidden=(8, 9), outputs=3, batch=6, members=3, kind="packed", dtype="float64"),
    "parts": dict(features=3, hidden=(40,), outputs=2, batch=300, dtype="float64"),  # sums of rows in parts
    "float32": dict(features=8, hidden=(16, 16), outputs=10, batch=40, dropout=0.1),
}


@needs_compiler
@pytest.mark.parametrize(
    ("name", "threads"), [(name, t) for name in CASES for t in (False, True) if name != "tall" or not t]
)
def test_captured_steps_are_the_plain_ones(name, threads):
    """With threads, two blocks of two warps run; without, one thread does the work of all."""
    step, carry, x, y, rows = training(**CASES[name])
    loop = Captured(step, True, 1, lambda: HostDevice(threads=threads))
    if threads:
        rows = rows[:1]
    fast = loop(own(carry), x, y, None, rows, 0, len(rows))
    agree(fast, Plain(step)(own(carry), x, y, None, rows, 0, len(rows)), 1e-5 if name == "float32" else 1e-10)


def bfloat16(x):
    """x with the fraction of bfloat16: to the nearest, halves to even."""
    u = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


@needs_compiler
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ["small", "wide", "clipped", "tabm", "float32"])
def test_gradients_of_weights_may_be_branches(name, late, monkeypatch):
    """What is at the side is done at once, or as late as it may be: the places of the arrays allow both."""
    monkeypatch.setattr(loops, "BRANCHING", True)
    step, carry, x, y, rows = training(**CASES[name])
    loop = Captured(step, True, 1, lambda: HostDevice(late=late))
    fast = loop(own(carry), x, y, None, rows, 0, len(rows))
    (ready,) = loop.ready.values()
    assert ready.beside
    agree(fast, Plain(step)(own(carry), x, y, None, rows, 0, len(rows)), 1e-5 if name == "float32" else 1e-10)


@needs_compiler
@pytest.mark.parametrize(
    ("name", "threads"), [*((name, False) for name in CASES), ("small", True), ("parts", True), ("float32", True)]
)
def test_a_small_step_may_be_one_kernel(name, threads, monkeypatch):
    monkeypatch.setattr(loops, "TOGETHER", True)
    step, carry, x, y, rows = training(**CASES[name])
    loop = Captured(step, True, 1, lambda: HostDevice(threads=threads, near=4_000_000))
    rows = rows[:1] if threads else np.concatenate([rows] * 7)  # one kernel of sixteen steps, and five of one
    fast = loop(own(carry), x, y, None, rows, 0, len(rows))
    (ready,) = loop.ready.values()
    assert ready.together
    agree(fast, Plain(step)(own(carry), x, y, None, rows, 0, len(rows)), 2e-5 if name == "float32" else 1e-9)


def population(net, count, same, dtype="float64", optimizer=nnx.Adam, loss=None, batch=8):
    """A step of members that differ in rate, and in seed and rows if they are not the same; its carry and its data."""
    backend, seeds = nnx.backend("numpy", dtype=dtype), [0 if same else k for k in range(count)]
    rule = joined([optimizer(0.1 / (k + 1)) for k in range(count)])
    each = [nnx.init(net, 5, seed=seed, dtype=dtype) for seed in seeds]
    params = {name: np.stack([p[name] for p in each]) for name in each[0]}
    vectors = {name: params[name] for name in net.names}
    rest = {name: p for name, p in params.items() if name not in vectors}
    state, total = rule.init(vectors, population=(count,)), np.zeros(count, dtype)
    carry = Carry(vectors, rest, state, seed_words(tuple(seeds), backend), total, total.copy())
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)).astype(dtype), rng.integers(0, 3, 40)
    loss = loss or nnx.SoftmaxCrossEntropy()
    step = make_step(MeanLoss(net, loss), rule, Named({}, tuple(vectors)), members=0 if same else count)
    return step, carry, x, y, rng.integers(0, len(x), (21, batch if same else count * batch))


DROPPED = nnx.mlp((8, 8), 3, dropout=0.1)
MEMBERS = {
    "same rows": (nnx.mlp((8, 8), 3), 3, True),
    "own rows": (nnx.mlp((8, 8), 3), 3, False),
    "as many as rows": (nnx.mlp((8, 8), 3), 8, False),
    "as many as rows, the same": (nnx.mlp((8, 8), 3), 8, True),
    "as many as units": (nnx.Chain(nnx.Dense(5), nnx.Tanh(), nnx.Dense(3)), 5, True),
    "dropout": (DROPPED, 3, False),
    "dropout, the same": (DROPPED, 3, True),
    "decays": (DROPPED, 3, False, "float64", lambda r: nnx.AdamW(r, weight_decay=r)),
    "clipped": (DROPPED, 2, False, "float64", lambda r: nnx.ClipNorm(nnx.Momentum(r), 0.1)),
    "normalised": (nnx.Chain(nnx.Dense(8), nnx.BatchNorm(), nnx.ReLU(), nnx.LayerNorm(), nnx.Dense(3)), 3, False),
    "tabm": (
        nnx.tabm((8,), 3, members=4),
        3,
        False,
        "float64",
        nnx.Adam,
        nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 4),
    ),
    "one": (DROPPED, 1, False),
}


@needs_compiler
@pytest.mark.parametrize(("name", "near", "threads"), [
    *((name, 200_000, False) for name in MEMBERS),
    *((name, 16_000, False) for name in ("own rows", "dropout, the same")),  # what lasts for a step is elsewhere
    *((name, 200_000, True) for name in ("own rows", "same rows")),
])  # fmt: skip
def test_steps_of_small_members_may_be_one_kernel_with_a_block_for_each(name, near, threads, monkeypatch):
    monkeypatch.setattr(loops, "TOGETHER", True)
    step, carry, x, y, rows = population(*MEMBERS[name])
    rows = rows[:1] if threads else rows  # one kernel of sixteen steps, and five of one
    loop = Captured(step, True, 1, lambda: HostDevice(threads=threads, near=near))
    fast = loop(own(carry), x, y, None, rows, 0, len(rows))
    (ready,) = loop.ready.values()
    assert ready.together and f"member < {MEMBERS[name][1]};" in loop.device.text
    agree(fast, Plain(step)(own(carry), x, y, None, rows, 0, len(rows)), 1e-9)


@pytest.mark.parametrize(
    ("apart", "function"),
    [
        (True, lambda a: 2 * a),
        (True, lambda a: a - a.mean(axis=-1, keepdims=True)),
        (True, lambda a: a @ np.swapaxes(a, -1, -2)),
        (True, lambda a: a * np.array([1.0, 2.0, 3.0])[:, None, None]),
        (True, lambda a: np.arange(3.0) + a),
        (False, lambda a: a[::-1]),
        (False, lambda a: a[1:2] + a),
        (False, lambda a: a - a.mean(axis=0)),
        (False, lambda a: a - a.sum()),
        (False, lambda a: np.swapaxes(a, 0, 1) + a),
        (False, lambda a: a @ a[0]),
        (False, lambda a: np.concatenate([a[2:], a[:2]])),
        (False, lambda a: a + a.reshape(-1)[::10][:3, None, None]),
    ],
)
def test_members_are_apart_if_none_reads_what_is_anothers(apart, function):
    def step(carry, x, target, weight, rows):
        return {"a": carry["a"] + function(carry["a"])}

    program = recorded(step, {"a": np.ones((3, 3, 3))}, (None, None, None, None), compute=False)
    assert member_of(program, 3, [0], None).count == (3 if apart else 1)


HALVES = {
    "softmax": dict(features=8, hidden=(16, 24), outputs=10, batch=40, dropout=0.1),
    "one number": dict(features=5, hidden=(7, 6), batch=9, optimizer=nnx.AdamW(0.01)),
    "deep": dict(features=33, hidden=(64, 65, 66, 67), outputs=3, batch=17),
    "clipped": dict(features=9, hidden=(8,), outputs=3, batch=6, optimizer=nnx.ClipNorm(nnx.Momentum(0.1), 0.1)),
    "tabm": dict(features=5, hidden=(8, 40), outputs=3, batch=6, members=3, dropout=0.1),
    "packed": dict(features=5, hidden=(8, 9), outputs=3, batch=6, members=3, kind="packed"),
    "bytes": dict(features=6, hidden=(8,), outputs=3, batch=7),
}


@needs_compiler
@pytest.mark.parametrize(("name", "how"), [
    *product([*HALVES, "members"], ["one thread", "one kernel"]), ("clipped", "threads"), ("bytes", "threads"),
])  # fmt: skip
def test_captured_steps_with_bfloat16_are_plain_ones_whose_products_round(name, how, monkeypatch):
    """The factors of the products are rounded and nothing else: captured and plain agree to float32's rounding."""
    threads = how == "threads"
    monkeypatch.setattr(loops, "TOGETHER", how == "one kernel")
    members = name == "members"
    step, carry, x, y, rows = population(DROPPED, 3, False, "float32") if members else training(**HALVES[name])
    if name == "bytes":
        x = (20 * x).astype("int8")
    loop = Captured(step, True, 1, lambda: HostDevice(threads=threads, precision="bf16", near=400_000))
    rows = rows[:1] if threads else rows
    fast = own(loop(own(carry), x, y, None, rows, 0, len(rows)))
    assert all(bool(ready.together) == (how == "one kernel") for ready in loop.ready.values())
    again = own(carry)
    for number in range(len(rows)):  # with what lasts from step to step given from outside each time
        again = own(loop(again, x, y, None, rows, number, number + 1))
    monkeypatch.setattr(lean, "matmul", lambda a, b: np.matmul(bfloat16(a), bfloat16(b)))
    plain = Plain(step)(own(carry), x, y, None, rows, 0, len(rows))
    agree(fast, plain, 2e-3)  # a float32 at the border of two bfloat16 numbers rounds to another one
    agree(again, fast, 0.0)
    monkeypatch.setattr(lean, "matmul", np.matmul)
    exact = Plain(step)(own(carry), x, y, None, rows, 0, len(rows))
    errors = [np.abs(a.total - b.total).max() for a, b in ((fast, plain), (exact, plain))]
    assert errors[0] < 0.1 * errors[1]  # the rounding is seen


def test_products_of_bfloat16_read_what_other_kernels_have_rounded():
    """No float32 array is read by a product, and only what a product reads, or what lasts, is stored."""
    settings = dict(features=64, hidden=(128, 128), outputs=8, batch=4096)
    step, carry, x, y, rows = training(**settings)
    program, sources = planned(step, carry, x, y, rows)
    plan = module(program, sources, "bf16", lasting=program.leaves - 3)
    products = [p for p in plan.steps if isinstance(p, Pass)]
    assert {view.dtype.name for p in products for view in p.op.reads} == {"uint16"}
    assert set(plan.copies) == {0, 2, 4} or len(plan.copies) == 1  # the weights, each alone or in one vector
    stored = {p.op.output.buffer for work in plan.works for p in work.passes} - plan.held
    read = {view.buffer for work in plan.works for p in work.passes for view in p.op.reads}
    assert {b for b in stored if b >= program.leaves} <= read


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no CUDA compiler")
@pytest.mark.parametrize(
    ("name", "together"), [*((name, False) for name in CASES), ("small", True), ("tabm", True), ("dropout", True)]
)
def test_kernels_compile_for_a_gpu(name, together, tmp_path):
    program, sources = planned(*(training(**CASES[name]) if name in CASES else population(*MEMBERS[name])))
    own = range(program.leaves - 3) if name not in CASES else ()
    blocks = Blocks(3 if own else 0, own, 200_000) if together else None
    text = module(program, sources, lasting=program.leaves - 3, blocks=blocks).text
    (tmp_path / "kernels.cu").write_text(text)
    command = ["nvcc", "-cubin", "-arch=sm_90", "-std=c++17", "-Werror=all-warnings", "-diag-suppress=177"]
    done = subprocess.run([*command, "kernels.cu", "-o", "kernels.cubin"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_step_of_three_dense_layers_is_sixteen_launches():
    """Batch, 8 products, 2 activations, 3 with the sums of the biases, the loss and the optimizer's numbers, Adam."""
    plan = module(*planned(*training()))
    assert len(plan.steps) == 16
    assert sum(isinstance(step, Pass) for step in plan.steps) == 8


@pytest.mark.parametrize("name", CASES)
def test_results_in_use_at_the_same_time_have_places_of_their_own(name):
    program, sources = planned(*training(**CASES[name]))
    plan = works(program, sources)
    held = in_registers(plan, program.leaves)
    places, size = arena(plan, program, held)
    uses = {b: [n for n, work in enumerate(plan) if b in work.buffers] for b in places}
    assert set(places) == {b for work in plan for b in work.buffers if b >= program.leaves} - held
    for a in places:
        assert places[a] % 256 == 0 and places[a] + program.sizes[a] <= size
        for b in places:
            apart = places[a] + program.sizes[a] <= places[b] or places[b] + program.sizes[b] <= places[a]
            assert a == b or apart or max(uses[a]) < min(uses[b]) or max(uses[b]) < min(uses[a])
    assert size < sum(program.sizes[program.leaves :])


def test_the_shapes_of_a_large_step_are_followed_without_computing_it():
    program, sources = planned(*training(features=512, hidden=(512,), outputs=512, batch=20_000))
    assert module(program, sources).size > 512 * 20_000 * 4


# ---- refusals


@needs_compiler
@pytest.mark.parametrize("part", [slice(1, 3), slice(0, 2), slice(2, 4)])
def test_a_step_that_takes_a_part_of_the_rows_is_run_plainly(part):
    """Their numbers would be looked for at the beginning of the batch."""

    def step(carry, x, target, weight, rows):
        xp = nnx.backends.namespace(x)
        return {
            "a": carry["a"] + xp.sum(xp.take(x, rows, axis=0), axis=0) + xp.sum(xp.take(x, rows[part], axis=0), axis=0)
        }

    x, rows = np.random.default_rng(0).normal(size=(20, 3)), np.arange(12).reshape(3, 4)
    loop = Captured(step, "auto", 10, HostDevice)
    found = loop({"a": np.zeros(3)}, x, x, None, rows, 0, 3)
    assert loop.how == "step by step: a part of the batch's rows is taken"
    np.testing.assert_array_equal(found["a"], Plain(step)({"a": np.zeros(3)}, x, x, None, rows, 0, 3)["a"])


@needs_compiler
@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, whole: x - whole.mean(axis=0), "the data, or its row numbers, are used for more than taking"),
        (lambda x, whole: x * float(x[0, 0]), "reads the value of an array"),
        (lambda x, whole: np.sort(x, axis=-1), "numpy.sort"),
        (lambda x, whole: x + np.random.default_rng().random(x.shape), "two steps did not do the same"),
    ],
)
def test_what_cannot_be_captured_is_run_plainly_and_says_why(function, reason):
    def step(carry, x, target, weight, rows):
        return {"a": carry["a"] + function(nnx.backends.namespace(x).take(x, rows, axis=0), x)}

    x, rows = np.random.default_rng(0).normal(size=(20, 3)), np.arange(12).reshape(3, 4)
    loop = Captured(step, "auto", 10, HostDevice)
    found = loop({"a": np.zeros((4, 3))}, x, x, None, rows, 0, 3)
    assert loop.how.startswith("step by step: ") and reason in loop.how
    if "same" not in reason:
        plain = Plain(step)({"a": np.zeros((4, 3))}, x, x, None, rows, 0, 3)
        np.testing.assert_array_equal(found["a"], plain["a"])
    with pytest.raises(nnx.BackendError, match="compile=True: the step cannot be compiled: "):
        Captured(step, True, 10, HostDevice)({"a": np.zeros((4, 3))}, x, x, None, rows, 0, 3)


@needs_compiler
def test_memory_is_not_asked_for_while_a_graph_is_captured():
    device = HostDevice()
    device.begin()
    for call in (lambda: device.empty(8), lambda: device.upload(np.ones(2)), lambda: device.address(np.ones(2))):
        with pytest.raises(AssertionError, match="while a graph was captured"):
            call()


@pytest.mark.gpu
def test_cupy_captures_only_when_asked(request):
    make(request, "cupy")
    x = np.random.default_rng(0).normal(size=(20, 3))
    fits = [
        nnx.fit(nnx.Dense(1), x, x[:, :1], loss="squared_error", epochs=2, backend="cupy", compile=c) for c in MODES
    ]
    assert [fit.execution for fit in fits] == ["step by step", "step by step", "captured as a CUDA graph"]


MODES = (False, "auto", True)


@pytest.mark.parametrize("compile", MODES)
@pytest.mark.gpu
def test_small_integers_stay_so_on_the_device(compile, request):
    make(request, "cupy")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (100, 6)).astype("uint8"), rng.integers(0, 3, 100)
    backend, loss = nnx.backend("cupy"), nnx.SoftmaxCrossEntropy()
    assert make_data(backend, x, y, None, loss).x.dtype == np.uint8
    net = nnx.Chain(nnx.LayerNorm(), nnx.Dense(3))
    settings = dict(loss=loss, epochs=3, validation=0.2, batch_size=16)
    fits = [nnx.fit(net, a, y, backend=backend, compile=compile, **settings) for a in (x, x.astype("float32"))]
    for name in ("loss", "validation_loss"):
        np.testing.assert_allclose(fits[0].history[name], fits[1].history[name], rtol=1e-6)


def test_rows_are_converted_as_they_are_taken():
    step, carry, x, y, rows = training()
    floats = module(*planned(step, carry, x, y, rows))
    bytes = module(*planned(step, carry, (x * 10).astype("int8"), y, rows))
    assert len(bytes.steps) == len(floats.steps) == 16


@pytest.mark.gpu
@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize(("precision", "compute", "kind"), [("tf32", 77, 0), ("bf16", 68, 14)])
def test_the_precision_reaches_the_products(precision, compute, kind, compile, request, monkeypatch):
    """Of the steps, captured or plain, and of predictions: the compute type, and the type of the factors."""
    make(request, "cupy")
    from nnx.backends.cuda import lt, rounded

    seen, create = set(), lt.Products.create

    def watched(self, name, *arguments):
        if name in ("MatmulDescCreate", "MatrixLayoutCreate"):
            seen.add((name, arguments[0]))
        return create(self, name, *arguments)

    monkeypatch.setattr(lt.Products, "create", watched)
    rounded.products.cache_clear()
    x = np.random.default_rng(0).normal(size=(20, 3))
    backend = nnx.backend("cupy", precision=precision)
    fit = nnx.fit(nnx.Dense(1), x, x[:, :1], loss="squared_error", epochs=2, backend=backend, compile=compile)
    wanted = {("MatmulDescCreate", compute), ("MatrixLayoutCreate", kind), ("MatrixLayoutCreate", 0)}
    assert seen == wanted
    seen.clear()
    fit.predict(x[:7])
    assert seen == wanted
    assert fit.params["W"].dtype == np.float32
    assert str(pickle.loads(pickle.dumps(backend))) == str(backend)
    assert hash(backend) == hash(nnx.backend("cupy", precision=precision)) and backend.device is not None


@pytest.mark.gpu
@pytest.mark.parametrize("shapes", [((5, 4), (4, 3)), ((2, 5, 4), (4, 3)), ((2, 1, 5, 4), (3, 4, 6))])
@pytest.mark.parametrize("precision", ["", "tf32", "bf16"])
def test_products_outside_of_a_captured_step_are_rounded_too(precision, shapes, request):
    make(request, "cupy")
    rng, backend = np.random.default_rng(0), nnx.backend("cupy", precision=precision)
    a, b = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    for turn in (False, True):
        with backend.scope():
            x = backend.floats(np.swapaxes(a, -1, -2).copy() if turn else a)
            x = backend.xp.matrix_transpose(x) if turn else x
            found = backend.to_numpy(backend.xp.matmul(x, backend.floats(b)))
        exact = np.matmul(bfloat16(a), bfloat16(b)) if precision == "bf16" else np.matmul(a, b)
        np.testing.assert_allclose(found, exact, rtol=2e-3 if precision == "tf32" else 1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "dtype", "precision", "text"),
    [
        ("numpy", "float32", "tf32", "precision='tf32' is for float32 on a GPU, not for numpy"),
        ("torch:cpu", None, "bf16", "precision='bf16' is for float32 on a GPU, not for torch on cpu"),
        ("numpy", None, "fp8", "precision must be 'tf32' or 'bf16', or left out; got 'fp8'"),
    ],
)
def test_a_precision_that_cannot_be_is_one_line(name, dtype, precision, text):
    pytest.importorskip(name.partition(":")[0], reason="not installed")
    with pytest.raises(nnx.BackendError, match=re.escape(text)):
        nnx.backend(name, dtype, precision)


@pytest.mark.gpu
def test_kernels_share_one_workspace_that_lives_as_long_as_the_graphs(request):
    make(request, "cupy")
    from nnx.backends.cuda.device import CuPyDevice

    device = CuPyDevice()
    first = device.products()
    assert device.products() is first and first.workspace == device.address(device.workspaces[0])
    x = np.random.default_rng(0).normal(size=(50, 3))  # batches of two sizes: two graphs
    fits = [nnx.fit(nnx.Dense(1), x, x[:, :1], loss="squared_error", epochs=3, batch_size=16, backend="cupy", compile=c)
            for c in (False, True)]  # fmt: skip
    np.testing.assert_allclose(fits[0].history["loss"], fits[1].history["loss"], rtol=1e-5)


@pytest.mark.gpu
def test_kernels_that_do_not_compile_are_no_end_of_a_training(request, monkeypatch):
    make(request, "cupy")
    from nnx.backends.cuda import emit

    monkeypatch.setattr(emit, "ADVANCE", "no C++")
    x = np.random.default_rng(0).normal(size=(20, 3))
    settings = dict(loss="squared_error", epochs=2, backend="cupy")
    with pytest.raises(nnx.BackendError, match="compile=True: the step cannot be compiled: its kernels do not compile"):
        nnx.fit(nnx.Dense(1), x, x[:, :1], compile=True, **settings)


# ---- matrix products


def product(a, b, c, device=None):
    """c = a @ b by a plan, of views of arrays that lie anywhere in memory."""
    device = device or HostDevice()
    memory = [a, b, c]
    views = [View(i, 0, x.shape, x.strides, x.dtype) for i, x in enumerate(memory)]
    item = Pass(Operation("matmul", np.matmul, tuple(views[:2]), views[2]), c.shape)
    products = device.products()
    products.plan(item, lambda view: memory[view.buffer].ctypes.data)(0)
    return c


def laid(rng, shape, dtype, how):
    """Random numbers of this shape: row after row, column after column, or as a part of a larger array."""
    if how == "rows":
        return rng.normal(size=shape).astype(dtype)
    if how == "columns":
        return np.swapaxes(rng.normal(size=(*shape[:-2], shape[-1], shape[-2])).astype(dtype), -1, -2)
    return rng.normal(size=(*shape[:-1], shape[-1] + 3)).astype(dtype)[..., 1:-2]


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("first", ["rows", "columns", "part"])
@pytest.mark.parametrize("second", ["rows", "columns", "part"])
@pytest.mark.parametrize("lead", [((), ()), ((3,), (3,)), ((1,), (3,)), ((), (2,)), ((2, 3), (2, 3)), ((2, 1), (2, 3))])
def test_products_of_matrices_as_they_lie(lead, first, second, dtype):
    rng = np.random.default_rng(0)
    a, b = laid(rng, (*lead[0], 5, 4), dtype, first), laid(rng, (*lead[1], 4, 6), dtype, second)
    c = np.full(np.matmul(a, b).shape, np.nan, dtype)
    np.testing.assert_allclose(product(a, b, c), a @ b, atol=1e-5 if dtype == "float32" else 1e-13)


@needs_compiler
@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 7, 1), (7, 1, 7), (1, 1, 9), (128, 1, 64), (64, 128, 1)])
@pytest.mark.parametrize("first", ["rows", "columns"])
def test_products_with_sides_of_length_one(sizes, first):
    rng, (m, k, n) = np.random.default_rng(0), sizes
    a, b = laid(rng, (m, k), "float64", first), laid(rng, (k, n), "float64", first)
    np.testing.assert_allclose(product(a, b, np.full((m, n), np.nan)), a @ b, rtol=1e-13)


@needs_compiler
def test_a_product_into_columns_is_refused():
    a = np.ones((3, 4))
    with pytest.raises(Refused, match="transposed"):
        product(a, np.ones((4, 5)), np.empty((5, 3)).T)


@needs_compiler
@pytest.mark.parametrize("name", ["MatmulAlgoGetHeuristic", "Matmul"])
def test_a_product_that_the_library_does_not_support_is_refused(name):
    class Unsupported(HostDevice):
        def lib(self):
            whole = super().lib()
            return SimpleNamespace(
                **{f"cublasLt{call}": getattr(whole, f"cublasLt{call}") for call in CALLS if call != name},
                **{f"cublasLt{name}": lambda *arguments: 15},
            )

    with pytest.raises(Refused, match=f"a matrix product that cublasLt{name} does not support|no algorithm for"):
        product(np.ones((3, 4)), np.ones((4, 5)), np.empty((3, 5)), Unsupported())


CALLS = ("Create", "MatmulDescCreate", "MatmulDescSetAttribute", "MatrixLayoutCreate", "MatrixLayoutSetAttribute")
CALLS += ("MatmulPreferenceCreate", "MatmulPreferenceSetAttribute", "MatmulAlgoGetHeuristic", "Matmul")


@pytest.mark.gpu
def test_an_error_in_a_capture_ends_the_capture(request):
    make(request, "cupy")
    from nnx.backends.cuda.device import CuPyDevice

    device, calls = CuPyDevice(), []

    def run(stream):
        calls.append(stream)
        if len(calls) == 2:
            raise ValueError("in the capture")

    with pytest.raises(ValueError, match="in the capture"):
        device.capture(run)
    assert device.address(device.empty(8)) > 0
    device.capture(lambda stream: calls.append(stream))()  # another one can be begun, and run
    assert len(calls) == 4


def test_an_error_of_the_library_is_named():
    lib = SimpleNamespace(cublasLtCreate=lambda *args: 1)
    with pytest.raises(nnx.BackendError, match="backend 'cupy': cublasLtCreate failed with status 1"):
        Products(lib, 0)
