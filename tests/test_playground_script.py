""" "Copy as Python": the script prints the losses that the playground shows, to the last digit."""

import subprocess
import sys

import pytest

from nnx.layers import ACTIVATIONS, Dropout
from nnx.optimizers import Adam, WeightDecay
from nnx.playground import Session
from nnx.playground.script import constructor

OWN = [[0.5 * i, 100.0 - i * i, 0.1 * i] for i in range(30)]
CLASSES = [[float(i % 7), float(i % 5), float(i % 3)] for i in range(40)]
CASES = [
    {},
    {
        "data": "spiral",
        "activation": "gelu",
        "norm": "batch",
        "dropout": 0.2,
        "optimizer": "adamw",
        "weight_decay": 0.1,
    },
    {"data": "xor", "loss": "binary_cross_entropy", "activation": "mish", "norm": "layer", "optimizer": "lion"},
    {"data": "gauss", "loss": "squared_error", "activation": "relu", "optimizer": "sgd", "rate": 0.1, "test": 0.0},
    {"data": "waves", "loss": "huber", "activation": "silu", "optimizer": "rmsprop", "schedule": "one_cycle"},
    {"data": "hills", "loss": "absolute_error", "activation": "elu", "optimizer": "nesterov", "schedule": "cosine"},
    {"data": "plane", "loss": "quantile", "activation": "softplus", "optimizer": "momentum", "norm": "rms"},
    {"data": "circle", "loss": "poisson", "activation": "sigmoid", "optimizer": "adagrad", "schedule": "step"},
    {"data": "xor", "hidden": [32, 16, 8, 8, 4, 3], "activation": "selu", "batch_size": 33, "epochs": 5, "seed": 11},
    {"data": "xor", "weight_decay": 0.01, "activation": "gelu_tanh", "schedule": "flat_cosine", "epochs": 7},
    {"data": "circle", "inputs": ["x1^2", "x2^2", "sin x1"], "activation": "leaky_relu", "schedule": "exponential"},
    {"data": "circle", "activation": "identity", "schedule": "periodic_cosine", "batch_size": 200, "noise": 0.4},
    {"data": "own", "points": OWN, "values": True, "loss": "squared_error", "frame": [-1.0, 16.0, -800.0, 120.0]},
    {"data": "own", "points": CLASSES, "frame": [-1.0, 8.0, -1.0, 6.0], "dropout": 0.1, "rows": 20},
    {"data": "gauss", "inputs": ["x2"]},
    {"data": "own", "points": CLASSES, "loss": "binary_cross_entropy", "batch_size": 7},
]


def test_the_cases_have_all_activations():
    assert {case.get("activation", "tanh") for case in CASES} == set(ACTIVATIONS)


def test_the_script_prints_the_losses_that_are_shown():
    scripts, shown = [], []
    for i, case in enumerate(CASES):
        session = Session()
        answer = session.answer({"do": "set", "settings": {"hidden": [6, 5], **case}})
        assert "error" not in answer, answer
        answer = session.answer({"do": "run", "steps": 37 + 10 * i})
        session.answer({"do": "check", "name": "0.W", "at": [0, 0]})  # which changes nothing
        for _ in range(i % 4):
            session.answer({"do": "part"})
        if i % 4:
            answer = session.answer({"do": "step"})
        shown += [f"loss {answer['loss']!r}"] + ([f"test {answer['test']!r}"] if answer["test"] is not None else [])
        scripts.append(session.answer({"do": "script"})["script"])
    code = "import sys\nfor text in sys.stdin.read().split('\\0'):\n    exec(text, {'__name__': '__main__'})\n"
    done = subprocess.run([sys.executable, "-c", code], input="\0".join(scripts), capture_output=True, text=True)
    assert done.stdout.splitlines() == shown, done.stderr


def test_a_script_runs_alone_and_before_the_first_step():
    session = Session()
    text = session.answer({"do": "script"})["script"]
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    shown = session.answer({"do": "state"})
    assert done.stdout.split() == ["loss", repr(shown["loss"]), "test", repr(shown["test"])]


@pytest.mark.parametrize("case", CASES[:3], ids=["usual", "batch norm, dropout", "lion"])
def test_the_script_of_the_restarts_prints_their_losses(case):
    session = Session()
    assert "no restarts yet" in session.answer({"do": "script", "restarts": True})["error"]
    session.answer({"do": "set", "settings": {"hidden": [6, 5], **case}})
    session.answer({"do": "restarts", "epochs": 2})
    session.restarted.training.run(1)  # as a message does that ends when its time is over
    members = session.restarted.run(0, lambda: False)["members"]
    text = session.answer({"do": "script", "restarts": True})["script"]
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    shown = [f"seed {member['seed']} loss {member['loss']!r}" for member in members]
    assert len(set(shown)) == 16 and done.stdout.splitlines() == shown, done.stderr


@pytest.mark.parametrize("backend", ["torch"])
def test_a_script_says_what_the_page_computed_with(backend):
    assert f"computed with {backend}: the last digits" in Session(backend).answer({"do": "script"})["script"]


def test_a_constructor_names_what_is_not_the_default():
    assert constructor(Dropout(0.2)) == "nnx.Dropout(rate=0.2)"
    assert constructor(WeightDecay(Adam(rate=0.5), 0.1)) == "nnx.WeightDecay(nnx.Adam(rate=0.5), decay=0.1)"
