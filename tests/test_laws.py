"""The laws that every layer, loss, optimizer and schedule obeys on every library."""

import copy

import numpy as np
import pytest
from libraries import LIBRARIES
from tables import LAYER_MEMBERS, LAYERS, LOSS_MEMBERS, LOSSES, MEMBERS, OPTIMIZERS, SCHEDULES, generator, rows_of

import nnx
from nnx.contract import as_row
from nnx.random import key as make_key

N = 7  # rows
EXACT = dict(rtol=1e-10, atol=1e-12)  # float64 on every library: a few rounding errors of sums over tens of terms


def layer_case(name, seed=3, dtype="float64", library=None):
    """The layer, its parameters, an input and an output gradient, all on the host."""
    layer, features = LAYERS[name]
    rng = generator(name)
    params = nnx.init(layer, features, seed=seed, dtype="float64") if layer.names else {}
    params = {k: p + 0.1 * rng.random(p.shape) for k, p in params.items()}  # no gain of exactly 1, no bias of 0
    x = rows_of(rng, N, features)
    y, _ = layer.evaluate(params, x, train=True, key=make_key(5, 1))
    return layer, params, x, rng.normal(size=y.shape)


def one_pass(layer, need_dx=True):
    def both(params, x, dy, key):
        y, saved = layer.evaluate(params, x, train=True, key=key)
        return y, *layer.backprop(params, saved, dy, need_dx=need_dx)

    return both


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_along_a_random_direction_is_the_central_difference(name):
    layer, params, x, dy = layer_case(name)
    rng, key, h = generator(name + "direction"), make_key(5, 1), 1e-6
    v = {k: rng.normal(size=params[k].shape) for k in layer.names}
    vx = rng.normal(size=x.shape)

    def along(t):
        moved = {k: p + t * v.get(k, 0.0) for k, p in params.items()}
        return np.sum(dy * layer.evaluate(moved, x + t * vx, train=True, key=key)[0])

    _, dx, grads = one_pass(layer)(params, x, dy, key)
    assert set(grads) == set(layer.names)
    slope = np.sum(dx * vx) + sum(np.sum(grads[k] * v[k]) for k in grads)
    # error of the difference: h^2 times a third derivative, plus 1e-16 / h of rounding
    np.testing.assert_allclose((along(h) - along(-h)) / (2 * h), slope, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", LAYERS)
def test_shapes_are_those_of_the_parameters_and_of_a_row_of_the_output(name):
    layer, features = LAYERS[name]
    params = nnx.init(layer, features, seed=(1, 2))
    row = as_row(features)
    shapes, after = layer.shapes(row)
    assert [(n, (2, *shape)) for n, shape in shapes.items()] == [(n, p.shape) for n, p in params.items()]
    y, _ = layer.evaluate(params, np.zeros((N, *row), "float32"))
    assert (N * layer.copies, *after) == y.shape[-len(after) - 1 :]


def modes():
    """Every layer in training, and outside of it those that do something else there."""
    for name in LAYERS:
        layer, params, x, _ = layer_case(name)
        trained, used = (layer.evaluate(params, x, train=train, key=make_key(5, 1))[0] for train in (True, False))
        yield name, True
        if not np.array_equal(trained, used):
            yield name, False


@pytest.mark.parametrize(("name", "train"), list(modes()))
def test_backprop_is_the_vjp_of_evaluate(name, train):
    import jax

    layer, params, x, dy = layer_case(name)
    _, saved = layer.evaluate(params, x, train=train, key=make_key(5, 1))
    dx, grads = layer.backprop(params, saved, dy)
    backend = nnx.backend("jax", dtype="float64")

    @jax.jit
    def expected(params, x, dy):
        key = make_key(5, 1, backend=backend)
        return jax.vjp(lambda p, x: layer.evaluate(p, x, train=train, key=key)[0], params, x)[1](dy)

    with backend.scope():
        inputs = {k: backend.floats(p) for k, p in params.items()}
        own, own_dx = expected(inputs, backend.floats(x), backend.floats(dy))
        np.testing.assert_allclose(dx, own_dx, **EXACT)
        for k in layer.names:
            np.testing.assert_allclose(grads[k], own[k], **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_all_libraries_agree_on_layers_and_leave_inputs_alone(name, library):
    layer, params, x, dy = layer_case(name)
    expected = one_pass(layer)(params, x, dy, make_key(5, 1))
    with library.scope():
        key = make_key(5, 1, backend=library.backend)
        inputs = library.arrays((params, x, dy))
        before = copy.deepcopy(library.host(inputs))
        y, dx, grads = library.run(one_pass(layer), *inputs, key)
        assert y.dtype == dx.dtype == inputs[1].dtype
        assert all(grads[k].dtype == inputs[0][k].dtype for k in grads)
        assert_equal_trees(library.host(inputs), before)
        got = library.host((y, dx, grads))
    assert_close_trees(got, expected)


@pytest.mark.parametrize("library", [name for name in LIBRARIES if not name.startswith("jax")], indirect=True)
@pytest.mark.parametrize("name", LAYERS)
def test_backprop_can_be_called_twice(name, library):
    """Of a library whose arrays can be written on, which JAX's cannot."""
    layer, params, x, dy = layer_case(name)

    def twice(params, x, dy, key):
        _, saved = layer.evaluate(params, x, train=True, key=key)
        first = layer.backprop(params, saved, dy)
        return first, layer.backprop(params, saved, dy)

    with library.scope():
        key = make_key(5, 1, backend=library.backend)
        first, second = library.run(twice, *library.arrays((params, x, dy)), key)
        assert_equal_trees(library.host(first), library.host(second))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_float32_stay_float32_whatever_the_target(name, library):
    loss, z, target, weight = loss_case(name)
    backend = nnx.Backend(library.backend.library, library.backend.xp, library.backend.device, "float32")
    with library.scope():
        target = library.array(target)  # float64 or integer
        value, dz = library.run(loss_pass(loss), backend.floats(z), target, library.array(weight))
        assert {str(a.dtype).rpartition(".")[2] for a in (value, dz)} == {"float32"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_of_float32_stay_float32(name, library):
    params, target = optimizer_case(name)
    backend = nnx.Backend(library.backend.library, library.backend.xp, library.backend.device, "float32")
    with backend.scope():
        params = {k: backend.floats(p) for k, p in params.items()}
        grads = {k: backend.floats(t) for k, t in target.items()}
        state = OPTIMIZERS[name].init(params)
        params, state = library.run(OPTIMIZERS[name].update, params, grads, state, writes=(0, 1, 2))
        slots = [a for slot in state.values() if isinstance(slot, dict) for a in slot.values()]
        assert {str(a.dtype).rpartition(".")[2] for a in (*params.values(), *slots, state["rate"])} == {"float32"}


@pytest.mark.parametrize("name", LAYERS)
def test_float32_stays_float32(name, library):
    layer, params, x, dy = layer_case(name)
    expected = one_pass(layer)(params, x, dy, make_key(5, 1))
    backend = nnx.Backend(library.backend.library, library.backend.xp, library.backend.device, "float32")
    with backend.scope():
        params, x, dy = {k: backend.floats(p) for k, p in params.items()}, backend.floats(x), backend.floats(dy)
        y, dx, grads = library.run(one_pass(layer), params, x, dy, make_key(5, 1, backend=backend))
        assert {str(a.dtype).rpartition(".")[2] for a in (y, dx, *grads.values())} == {"float32"}
        got = [backend.to_numpy(a) for a in (y, dx)]
    for a, b in zip(got, expected, strict=False):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)  # float32, sums over fewer than ten terms


@pytest.mark.parametrize("name", LAYERS)
def test_need_dx_changes_no_gradient(name):
    layer, params, x, dy = layer_case(name)
    _, _, with_dx = one_pass(layer, True)(params, x, dy, make_key(5, 1))
    _, _, without = one_pass(layer, False)(params, x, dy, make_key(5, 1))
    assert_close_trees(without, with_dx)


@pytest.mark.parametrize("shared", [True, False], ids=["shared_x", "own_x"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_population_of_layers_is_its_members_alone(name, shared, library):
    layer, features = LAYERS[name]
    rng = generator(name)
    members = [layer_case(name, seed)[1] for seed in (1, 2, 3)]
    row, (_, after) = as_row(features), layer.shapes(as_row(features))
    x = rng.normal(size=(N, *row) if shared else (3, N, *row))
    dy = rng.normal(size=(3, N * layer.copies, *after))
    alone = [
        one_pass(layer)(p, x if shared else x[k], dy[k], make_key(seed, 1))
        for k, (p, seed) in enumerate(zip(members, (5, 6, 7), strict=True))
    ]
    together = {name: np.stack([p[name] for p in members]) for name in members[0]}
    with library.scope():
        key = make_key((5, 6, 7), 1, backend=library.backend)
        y, dx, grads = library.host(library.run(one_pass(layer), *library.arrays((together, x, dy)), key))
    for k in range(3):
        np.testing.assert_allclose(np.broadcast_to(y, dy.shape)[k], alone[k][0], **EXACT)
        np.testing.assert_allclose(dx[k], alone[k][1], **EXACT)
        for name in layer.names:
            np.testing.assert_allclose(grads[name][k], alone[k][2][name], **EXACT)


@pytest.mark.parametrize("shared", [True, False], ids=["shared_x", "own_x"])
@pytest.mark.parametrize("name", LAYER_MEMBERS)
def test_layers_with_settings_for_each_member_are_its_members_alone(name, shared, library):
    layer, members, features = LAYER_MEMBERS[name]
    rng = generator(name)
    params = [nnx.init(m, features, seed=k, dtype="float64") if m.names else {} for k, m in enumerate(members)]
    x, dy = rng.normal(size=(N, features) if shared else (3, N, features)), rng.normal(size=(3, N, features))
    alone = [
        one_pass(m)(p, x if shared else x[k], dy[k], make_key(k, 1))
        for k, (m, p) in enumerate(zip(members, params, strict=True))
    ]
    together = {name: np.stack([p[name] for p in params]) for name in params[0]}
    with library.scope():
        key = make_key((0, 1, 2), 1, backend=library.backend)
        inputs = library.arrays((together, x, dy))
        before = copy.deepcopy(library.host(inputs))
        y, dx, grads = library.host(library.run(one_pass(layer), *inputs, key))
        assert_equal_trees(library.host(inputs), before)
    for k in range(3):
        assert_close_trees((y[k], dx[k], {name: g[k] for name, g in grads.items()}), alone[k])


@pytest.mark.parametrize("name", [n for n in LAYERS if LAYERS[n][0].running])
def test_running_statistics_agree_and_a_population_is_its_members(name, library):
    layer, features = LAYERS[name]
    x = rows_of(generator(name), N, features)
    members = [layer_case(name, seed)[1] for seed in (1, 2)]

    def step(params, x, key):
        _, saved = layer.evaluate(params, x, train=True, key=key)
        return layer.update(params, saved)

    alone = [step({k: v.copy() for k, v in p.items()}, x, make_key(seed, 1)) for seed, p in zip((5, 6), members)]  # noqa: B905
    with library.scope():
        together = library.arrays({k: np.stack([p[k] for p in members]) for k in members[0]})
        new = library.run(step, together, library.array(x), make_key((5, 6), 1, backend=library.backend), writes=(0,))
        got = library.host(new)
    for name in layer.running:
        assert not np.allclose(got[name][0], members[0][name])
        np.testing.assert_allclose(got[name], [p[name] for p in alone], **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_survives_a_model_file(name, library, tmp_path):
    layer, features = LAYERS[name]
    with library.scope():
        params = nnx.init(layer, features, seed=2, backend=library.backend) if layer.names else {}
        row = None if isinstance(features, int) and name != "reshape" else as_row(features)
        nnx.save(tmp_path / "model.safetensors", layer, params, row=row)
        model = nnx.load(tmp_path / "model.safetensors", backend="numpy")
        assert model.net == layer and model.row == (as_row(features) if row or layer.names else None)
        assert_equal_trees(model.params, library.host(params))


def loss_case(name):
    loss, k, make_target = LOSSES[name]
    rng = generator(name)
    return loss, rows_of(rng, N * loss.copies, k), make_target(rng, N, k), rng.random(N)


def loss_pass(loss):
    def both(z, target, weight):
        value, saved = loss.evaluate(z, target, weight)
        return value, loss.backprop(saved)

    return both


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradient_is_jax_grad_and_the_central_difference(name, weighted):
    loss, z, target, weight = loss_case(name)
    weight = weight if weighted else None
    _, dz = loss_pass(loss)(z, target, weight)
    v, h = generator(name + "v").normal(size=z.shape), 1e-6
    difference = (loss.evaluate(z + h * v, target, weight)[0] - loss.evaluate(z - h * v, target, weight)[0]) / (2 * h)
    np.testing.assert_allclose(np.sum(dz * v), difference, rtol=1e-7, atol=1e-9)
    import jax

    backend = nnx.backend("jax", dtype="float64")
    with backend.scope():
        t = backend.integers(target) if target.dtype.kind == "i" else backend.floats(target)
        w = None if weight is None else backend.floats(weight)
        expected = jax.jit(jax.grad(lambda z: loss.evaluate(z, t, w)[0]))(backend.floats(z))
        np.testing.assert_allclose(dz, expected, **EXACT)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_all_libraries_agree_on_losses_and_populations(name, weighted, library):
    loss, z, target, weight = loss_case(name)
    weight = weight if weighted else None
    population = np.stack([z, 2 * z, -z])
    expected = [loss_pass(loss)(member, target, weight) for member in population]
    with library.scope():
        inputs = library.arrays((population, target, weight))
        before = copy.deepcopy(library.host(inputs))
        value, dz = library.run(loss_pass(loss), *inputs)
        assert value.shape == (3,) and value.dtype == dz.dtype == inputs[0].dtype
        assert_equal_trees(library.host(inputs), before)
        value, dz = library.host((value, dz))
    np.testing.assert_allclose(value, [e[0] for e in expected], **EXACT)
    np.testing.assert_allclose(dz, [e[1] for e in expected], **EXACT)


@pytest.mark.parametrize("shared", [True, False], ids=["shared_target", "own_target"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSS_MEMBERS)
def test_losses_with_settings_for_each_member_are_its_members_alone(name, weighted, shared, library):
    loss, members, k, make_target = LOSS_MEMBERS[name]
    rng = generator(name)
    z, weight = rng.normal(size=(3, N, k)), rng.random((N,) if shared else (3, N)) if weighted else None
    target = make_target(rng, N, k) if shared else np.stack([make_target(rng, N, k) for _ in members])
    alone = [
        loss_pass(m)(z[i], *((target, weight) if shared else (target[i], None if weight is None else weight[i])))
        for i, m in enumerate(members)
    ]
    with library.scope():
        inputs = library.arrays((z, target, weight))
        before = copy.deepcopy(library.host(inputs))
        value, dz = library.host(library.run(loss_pass(loss), *inputs))
        assert_equal_trees(library.host(inputs), before)
    np.testing.assert_allclose(value, [e[0] for e in alone], **EXACT)
    np.testing.assert_allclose(dz, [e[1] for e in alone], **EXACT)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_of_two_is_a_row_twice(name):
    loss, z, target, _ = loss_case(name)
    weight = np.ones(N)
    weight[2] = 2.0
    twice = [*range(N), 2]
    value, dz = loss_pass(loss)(z, target, weight)
    of_rows = z.reshape(N, loss.copies, *z.shape[1:])  # the members of each
    expected, dz_twice = loss_pass(loss)(of_rows[twice].reshape(-1, *z.shape[1:]), target[twice], None)
    dz, dz_twice = dz.reshape(of_rows.shape), dz_twice.reshape(N + 1, *of_rows.shape[1:])
    np.testing.assert_allclose(value, expected, **EXACT)
    np.testing.assert_allclose(dz[2], dz_twice[2] + dz_twice[-1], **EXACT)


def optimizer_case(name):
    """Parameters, and where a quadratic bowl has its minimum."""
    rng = generator(name)
    params = {"0.W": rng.normal(size=(4, 3)), "0.b": rng.normal(size=3), "2.W": rng.normal(size=(3, 2))}
    return params, {k: rng.normal(size=p.shape) for k, p in params.items()}


def optimizer_step(optimizer):
    def step(params, state, target):
        grads = {k: params[k] - target[k] for k in params}
        return optimizer.update(params, grads, state)

    return step


def optimize(library, optimizer, params, target, steps, population=()):
    with library.scope():
        params, target = library.arrays((params, target))
        state = optimizer.init(params, population=population)
        for _ in range(steps):
            params, state = library.run(optimizer_step(optimizer), params, state, target, writes=(0, 1))
        return library.host(params), library.host(state)


def numpy_library():
    from libraries import LIBRARIES

    return LIBRARIES["numpy"]()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_libraries_agree_on_optimizers(name, library):
    params, target = optimizer_case(name)
    expected, expected_state = optimize(numpy_library(), OPTIMIZERS[name], params, target, 6)
    got, state = optimize(library, OPTIMIZERS[name], params, target, 6)
    assert_close_trees(got, expected)
    assert_close_trees(state, expected_state)
    assert got["0.W"].dtype == np.float64 and state["rate"].dtype == np.float64


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_finds_the_bottom_of_a_bowl(name):
    params, target = optimizer_case(name)
    got, _ = optimize(numpy_library(), OPTIMIZERS[name], params, target, 400)
    height = [sum(np.sum((p[k] - target[k]) ** 2) for k in p) for p in (params, got)]
    assert height[1] < 0.01 * height[0]  # decay moves the minimum, sign steps overshoot it: both by less than that


@pytest.mark.parametrize("name", MEMBERS)
def test_a_population_of_optimizers_is_its_members_alone(name, library):
    optimizer, members = MEMBERS[name]
    cases = [optimizer_case(name + str(k)) for k in range(3)]
    together = [{n: np.stack([c[i][n] for c in cases]) for n in cases[0][0]} for i in (0, 1)]
    got, _ = optimize(library, optimizer, *together, 5, population=(3,))
    for k, member in enumerate(members):
        alone, _ = optimize(numpy_library(), member, *cases[k], 5)
        assert_close_trees({n: p[k] for n, p in got.items()}, alone)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_without_gradient_is_not_touched(name):
    params, target = optimizer_case(name)
    before = {k: p.copy() for k, p in params.items()}
    state = OPTIMIZERS[name].init(params)
    params, _ = OPTIMIZERS[name].update(params, {"2.W": params["2.W"] - target["2.W"]}, state)
    np.testing.assert_array_equal(params["0.W"], before["0.W"])
    np.testing.assert_array_equal(params["0.b"], before["0.b"])
    assert not np.array_equal(params["2.W"], before["2.W"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_flat_vectors_train_as_separate_parameters_do(name):
    from nnx.training.flat import Flat, Named

    params, target = optimizer_case(name)
    results = []
    for layout in (
        Flat(params, tuple(params), apart=OPTIMIZERS[name].decays),
        Flat(params, tuple(params), apart=True),
        Named(params, tuple(params)),
    ):
        vectors = layout.pack({k: p.copy() for k, p in params.items()})
        state = OPTIMIZERS[name].init(vectors)
        for _ in range(5):
            views = layout.views(vectors)
            grads = layout.pack({k: views[k] - target[k] for k in params})
            vectors, state = OPTIMIZERS[name].update(vectors, grads, state)
        results.append({k: v.copy() for k, v in layout.views(vectors).items()})
    assert_close_trees(results[0], results[2])
    assert_close_trees(results[1], results[2])


@pytest.mark.parametrize("name", SCHEDULES)
def test_all_libraries_agree_on_schedules(name, library):
    steps = [0, 1, 4, 7, 15, 29, 30, 40]
    expected = [SCHEDULES[name].evaluate(np.asarray(float(s))) for s in steps]
    with library.scope():
        got = [library.run(SCHEDULES[name].evaluate, library.array(float(s))) for s in steps]
        got = [float(library.backend.to_numpy(f)) for f in got]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_a_compiled_step_is_traced_once():
    import jax

    from nnx.training.flat import Named
    from nnx.training.objective import MeanLoss
    from nnx.training.step import Carry, make_step

    backend = nnx.backend("jax", dtype="float64")
    net, _ = LAYERS["nested"]
    with backend.scope():
        params = nnx.init(net, 3, backend=backend)
        layout = Named(params, net.names)
        optimizer = nnx.ClipNorm(nnx.AdamW(schedule=nnx.Cosine(50, warmup=5)))
        traces = []

        def counted(*args):
            traces.append(1)
            return make_step(MeanLoss(net, nnx.SoftmaxCrossEntropy()), optimizer, layout)(*args)

        key = make_key(1, backend=backend)
        vectors = layout.pack(params)
        running = {n: params[n] for n in net.running}
        carry = Carry(vectors, running, optimizer.init(vectors), key.seed, *(backend.floats(0.0) for _ in range(2)))
        x, y = backend.floats(np.ones((5, 3))), backend.integers([0, 1, 2, 3, 0])
        step = jax.jit(counted)
        for _ in range(4):
            carry = step(carry, x, y, None, None)
    assert len(traces) == 1


def assert_equal_trees(a, b):
    _compare(a, b, np.testing.assert_array_equal)


def assert_close_trees(a, b):
    _compare(a, b, lambda x, y: np.testing.assert_allclose(x, y, **EXACT))


def _compare(a, b, check):
    if isinstance(a, dict):
        assert set(a) == set(b)
        for k in a:
            _compare(a[k], b[k], check)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            _compare(x, y, check)
    elif a is not None:
        check(a, b)
