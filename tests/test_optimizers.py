"""Optimizers against the implementations of PyTorch and scikit-learn; the laws do the rest."""

import numpy as np
import pytest

import nnx


def trajectory(optimizer, p, gradients):
    params = {"0.W": p.copy()}
    state = optimizer.init(params)
    for g in gradients:
        params, state = optimizer.update(params, {"0.W": g.copy()}, state)
    return params["0.W"]


def torch_trajectory(make, p, gradients):
    import torch

    t = torch.nn.Parameter(torch.from_numpy(p.copy()))
    optimizer = make(torch.optim, [t])
    for g in gradients:
        t.grad = torch.from_numpy(g.copy())
        optimizer.step()
    return t.detach().numpy()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (nnx.SGD(0.1), lambda o, p: o.SGD(p, 0.1)),
        (nnx.Momentum(0.1, momentum=0.8), lambda o, p: o.SGD(p, 0.1, momentum=0.8)),
        (nnx.Nesterov(0.1, momentum=0.8), lambda o, p: o.SGD(p, 0.1, momentum=0.8, nesterov=True)),
        (nnx.RMSProp(0.1, decay=0.9), lambda o, p: o.RMSprop(p, 0.1, alpha=0.9)),
        (nnx.Adagrad(0.1, epsilon=1e-10), lambda o, p: o.Adagrad(p, 0.1)),
        (nnx.Adam(0.1, epsilon=1e-30), lambda o, p: o.Adam(p, 0.1, eps=1e-30)),  # epsilon stands elsewhere there
        (
            nnx.AdamW(0.1, weight_decay=0.3, epsilon=1e-30),
            lambda o, p: o.AdamW(p, 0.1, weight_decay=0.3, eps=1e-30),
        ),
        (nnx.WeightDecay(nnx.SGD(0.1), 0.3), lambda o, p: o.SGD(p, 0.1, weight_decay=0.3)),
    ],
)
def test_optimizer_is_that_of_torch(ours, theirs):
    rng = np.random.default_rng(0)
    p, gradients = rng.normal(size=(3, 2)), rng.normal(size=(12, 3, 2))
    np.testing.assert_allclose(trajectory(ours, p, gradients), torch_trajectory(theirs, p, gradients), rtol=1e-10)


def test_adam_is_that_of_scikit_learn():
    import sklearn.neural_network._stochastic_optimizers as module

    rng = np.random.default_rng(0)
    p, gradients = rng.normal(size=(3, 2)), rng.normal(size=(12, 3, 2))
    theirs, q = module.AdamOptimizer([p.copy()], 0.1, 0.8, 0.95, 1e-3), [p.copy()]
    for g in gradients:
        theirs.update_params(q, [g])
    np.testing.assert_allclose(trajectory(nnx.Adam(0.1, beta1=0.8, beta2=0.95, epsilon=1e-3), p, gradients), q[0])


def test_lion_by_hand():
    # m = 0: p -= rate sign(0.1 g); then m = 0.01 g, and the next step follows sign(0.9 m + 0.1 g')
    p = trajectory(
        nnx.Lion(0.5, beta1=0.9, beta2=0.99), np.asarray([[1.0]]), [np.asarray([[2.0]]), np.asarray([[-0.1]])]
    )
    assert p == 1.0 - 0.5 - 0.5 * np.sign(0.9 * 0.02 + 0.1 * -0.1)


def test_clip_by_norm_scales_all_gradients_together():
    params = {"W": np.zeros((1, 1)), "b": np.zeros(1)}
    optimizer = nnx.ClipNorm(nnx.SGD(1.0), 1.0)
    params, _ = optimizer.update(params, {"W": np.asarray([[3.0]]), "b": np.asarray([4.0])}, optimizer.init(params))
    np.testing.assert_allclose([params["W"][0, 0], params["b"][0]], [-0.6, -0.8])


def test_decay_spares_biases():
    params = {"0.W": np.ones((1, 1)), "0.b": np.ones(1), "1.gain": np.ones(1)}
    optimizer = nnx.AdamW(0.1, weight_decay=0.5)
    zero = {name: np.zeros_like(p) for name, p in params.items()}
    params, _ = optimizer.update(params, zero, optimizer.init(params))
    assert params["0.W"] == pytest.approx(0.95) and params["0.b"] == 1.0 and params["1.gain"] == 1.0


def test_one_cycle_is_that_of_torch():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=50, cycle_momentum=False)
    for step in range(49):
        ours = nnx.OneCycle(50).evaluate(np.asarray(float(step)))
        assert float(ours) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()


def test_cosine_by_hand():
    schedule = nnx.Cosine(10, warmup=2, final=0.0)
    factors = [float(schedule.evaluate(np.asarray(float(s)))) for s in (0, 1, 2, 6, 10)]
    np.testing.assert_allclose(factors, [0.5, 1.0, 1.0, 0.5, 0.0], atol=1e-12)


def test_periodic_cosine_has_four_cycles_from_zero_to_zero():
    schedule = nnx.PeriodicCosine(1000)
    zeros = [(2**k - 1) / 15 * 1000 for k in range(5)]
    peaks = [(2 ** (k + 0.5) - 1) / 15 * 1000 for k in range(4)]
    assert [float(schedule.evaluate(np.asarray(s))) for s in zeros] == pytest.approx([0] * 5, abs=1e-12)
    assert [float(schedule.evaluate(np.asarray(s))) for s in peaks] == pytest.approx([1] * 4)


def test_a_schedule_without_steps_says_so():
    params = {"W": np.zeros((1, 1))}
    optimizer = nnx.SGD(0.1, schedule=nnx.Cosine())
    with pytest.raises(nnx.SettingError, match="steps is not known"):
        optimizer.update(params, params, optimizer.init(params))


def test_the_current_rate_is_that_of_the_next_update():
    params = {"W": np.zeros((1, 1))}
    optimizer = nnx.ClipNorm(nnx.SGD(0.1, schedule=nnx.StepDecay(1, 0.5)))
    state = optimizer.init(params)
    rates = []
    for _ in range(3):
        rates.append(float(optimizer.current_rate(state)))
        params, state = optimizer.update(params, {"W": np.zeros((1, 1))}, state)
    assert rates == pytest.approx([0.1, 0.05, 0.025])


class Descent(nnx.Optimizer):
    """An optimizer of one's own: what the contract asks for, and no more."""

    def init(self, params, *, population=()):
        p = next(iter(params.values()))
        xp = nnx.namespace(p)
        rate = xp.broadcast_to(xp.asarray(0.1, dtype=p.dtype), population)
        return {"step": xp.asarray(0, dtype=xp.int32), "rate": xp.asarray(rate, copy=True)}

    def update(self, params, grads, state, factors=None):
        for name, g in grads.items():
            p = params[name]
            p -= state["rate"] * g
            params[name] = p
        return params, state | {"step": state["step"] + 1}


def test_an_optimizer_of_ones_own_needs_init_and_update_alone():
    x = np.random.default_rng(0).normal(size=(20, 3))
    net, settings = nnx.mlp((4,), 1), dict(loss="squared_error", epochs=3, batch_size=5)
    own = nnx.fit(net, x, x[:, :1], optimizer=Descent(), **settings)
    known = nnx.fit(net, x, x[:, :1], optimizer=nnx.SGD(0.1), **settings)
    for name, p in known.params.items():
        np.testing.assert_array_equal(own.params[name], p)
    assert own.history["rate"] == known.history["rate"]


STATES = {  # that are none, and what is said of them
    "nothing": (None, "a dict with 'step' and 'rate', got None"),
    "empty": ({}, "a dict with 'step' and 'rate'"),
    "no rate": ({"step": np.zeros(())}, "a dict with 'step' and 'rate'"),
    "no step": ({"rate": np.zeros(())}, "a dict with 'step' and 'rate'"),
    "a list": ([0, 0.1], "a dict with 'step' and 'rate'"),
    "numbers": ({"step": 0, "rate": 0.1}, "arrays, or dicts of them; 'step' is none, got 0"),
    "a text": ({"step": np.zeros(()), "rate": np.zeros(()), "note": "x"}, "'note' is none, got 'x'"),
    "two deep": ({"step": np.zeros(()), "rate": np.zeros(()), "m": {"a": {"b": np.zeros(2)}}}, "'m' is none"),
    "a rate for each": ({"step": np.zeros(()), "rate": np.zeros(3)}, r"a rate of one number, \(\)"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_is_none_is_told_in_a_line(name):
    state, text = STATES[name]

    class Lacking(Descent):
        def init(self, params, *, population=()):
            return state

    for more in ({}, {"members": 2}):
        wanted = text if not more or name != "a rate for each" else "a rate one number for each member"
        with pytest.raises(nnx.SettingError, match=f"Lacking: init must give .*{wanted}"):
            nnx.fit(nnx.Dense(1), np.ones((4, 2)), np.ones((4, 1)), loss="squared_error", optimizer=Lacking(), **more)


def test_an_update_that_changes_the_type_of_parameters_is_told():
    class Doubled(nnx.SGD):
        def update(self, params, grads, state, factors=None):
            params, state = super().update(params, grads, state)
            return {name: p.astype("float64") for name, p in params.items()}, state

    x = np.random.default_rng(0).normal(size=(20, 3))
    told = "update made parameters float64 that were float32"
    for more in ({}, {"members": 2}):
        with pytest.raises(nnx.SettingError, match=told):
            nnx.fit(nnx.Dense(1), x, x[:, :1], loss="squared_error", optimizer=Doubled(), epochs=1, **more)
