"""Compiled formulas: the same bits as the plain ones, and only where they pay."""

import numpy as np
import pytest

import nnx
from nnx.backends import elementwise, fused, sqrt
from nnx.backends.native import machine
from nnx.backends.native.machine import can_compile
from nnx.optimizers import rules as optimizers

FORMULAS = {name: f for name, f in vars(optimizers).items() if isinstance(f, elementwise)}
RULES = {
    "sgd": nnx.SGD(0.1),
    "heavy_ball": nnx.Momentum(0.1),
    "nesterov": nnx.Nesterov(0.1),
    "rmsprop": nnx.RMSProp(0.1),
    "adagrad": nnx.Adagrad(0.1),
    "adam": nnx.Adam(0.1),
    "lion": nnx.Lion(0.1),
}


def train(rule, dtype, steps=5, size=80000):
    rng = np.random.default_rng(0)
    params = {"0.W": rng.normal(size=(size // 50, 50)).astype(dtype)}
    state = rule.init(params)
    for _ in range(steps):
        grads = {"0.W": rng.normal(size=params["0.W"].shape).astype(dtype)}
        params, state = rule.update(params, grads, state)
    return params["0.W"], [state[slot]["0.W"] for slot in rule.slots]


def test_every_formula_is_tried():
    assert set(FORMULAS) == set(RULES)


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_a_compiled_formula_gives_the_same_bits(name, dtype, monkeypatch):
    monkeypatch.setattr(fused, "choice", "never")
    plain = train(RULES[name], dtype)
    monkeypatch.setattr(fused, "choice", "always")
    fast = train(RULES[name], dtype)
    assert FORMULAS[name].programs
    assert fast[0].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(fast[0], plain[0])
    for a, b in zip(fast[1], plain[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
@pytest.mark.parametrize("name", RULES)
def test_a_compiled_formula_works_on_the_memory_of_tensors(name, monkeypatch):
    import torch

    monkeypatch.setattr(fused, "choice", "always")
    rng = np.random.default_rng(0)
    p, g = rng.normal(size=(2, 1600, 50)).astype("float32")
    results = []
    for convert in (np.copy, lambda a: torch.from_numpy(a.copy())):
        params, state = {"0.W": convert(p)}, None
        state = RULES[name].init(params)
        for _ in range(3):
            params, state = RULES[name].update(params, {"0.W": convert(g)}, state)
        results.append(np.asarray(params["0.W"]))
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-7)  # the scalars are computed by the two libraries


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_a_formula_is_compiled_after_enough_work_and_not_before(monkeypatch):
    @elementwise
    def halve(p, g):
        p *= 0.5
        p += sqrt(g)
        return (p,)

    monkeypatch.setattr(fused, "choice", "auto")
    monkeypatch.setattr(fused, "ENOUGH", 400_000)
    p, g = np.ones(80000), np.ones(80000)
    halve(p, g)
    assert not halve.programs
    for _ in range(10):
        halve(p, g)
    assert halve.programs
    small = np.ones(3)
    assert halve(small, np.ones(3))[0] is small


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_members_with_settings_of_their_own_take_the_plain_path(monkeypatch):
    monkeypatch.setattr(fused, "choice", "always")
    p, rate = np.ones((2, 40000)), np.asarray([[1.0], [2.0]])
    optimizers.sgd(p, np.ones((2, 40000)), rate)
    np.testing.assert_array_equal(p[:, 0], [0.0, -1.0])


def test_without_llvmlite_all_is_plain(monkeypatch):
    monkeypatch.setattr(fused, "choice", "always")
    monkeypatch.setattr(machine, "can_compile", lambda: False)
    p = np.ones(80000)
    optimizers.sgd(p, np.ones(80000), 0.25)
    assert p[0] == 0.75
