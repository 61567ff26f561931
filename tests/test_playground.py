"""The playground's session: messages in, answers out."""

import doctest
import json
import subprocess
import sys
from base64 import b64decode

import numpy as np
import pytest

import nnx
from nnx.layers import ACTIVATIONS
from nnx.losses import LOSSES
from nnx.optimizers import OPTIMIZERS
from nnx.playground import Session, data as playground_data, session as playground_session
from nnx.playground.data import CLASSES, FEATURES, VALUES, features, parted, points
from nnx.playground.formulas import gradient
from nnx.playground.maps import picture
from nnx.playground.messages import answered
from nnx.playground.settings import NORMS, SCHEDULES, Settings
from nnx.playground.table import read
from nnx.playground.training import Training


def began(**settings):
    session = Session()
    answer = session.answer({"do": "set", "settings": settings})
    assert "error" not in answer, answer
    return session


def refused(message, session=None):
    return (session or Session()).answer(message)["error"]


def test_a_session_trains():
    session = began(data="circle", hidden=[6])
    first, last = session.answer({"do": "state"}), session.answer({"do": "run", "steps": 600})
    assert last["step"] == 600 and last["loss"] < 0.2 * first["loss"] and last["accuracy"] > 0.97


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_its_weights_are_those_of_fit(norm):
    session = began(
        data="xor", hidden=[5, 4], dropout=0.1, seed=3, batch_size=16, schedule="cosine", epochs=4, norm=norm
    )
    for _ in range(4):
        session.answer({"do": "run", "epoch": True})
    table, plan = session.data, session.plan
    x, y = table.x[table.train], table.target[table.train]
    fit = nnx.fit(
        plan.net, x, y, loss=plan.loss, optimizer=plan.optimizer, epochs=4, batch_size=16, seed=3, compile=False
    )
    for name, p in fit.params.items():
        np.testing.assert_allclose(session.training.params[name], p, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_four_parts_are_a_step():
    whole, parts = began(dropout=0.2), began(dropout=0.2)
    one = whole.answer({"do": "step"})
    told = [parts.answer({"do": "part"}) for _ in range(4)]
    assert [answer["told"]["part"] for answer in told] == ["evaluate", "loss", "backprop", "update"]
    assert told[-1]["params"] == one["params"] and told[-1]["loss"] == one["loss"] and told[2]["step"] == 0


def test_a_part_tells_the_numbers_of_the_step():
    session = began(hidden=[3], batch_size=4)
    evaluate, loss, backprop, update = (session.answer({"do": "part"})["told"] for _ in range(4))
    x = session.data.x[evaluate["rows"]]
    np.testing.assert_allclose(evaluate["layers"][0]["x"], x, rtol=1e-6)
    z = evaluate["layers"][-1]["y"]
    assert loss["z"] == z and loss["target"] == session.data.target[evaluate["rows"]].tolist()
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    assert loss["value"] == pytest.approx(
        -np.mean(np.log(p[np.arange(4), session.data.target[evaluate["rows"]]])), rel=1e-5
    )
    last = backprop["layers"][0]
    assert backprop["loss"]["dz"] == last["dy"] and "dz = s (p - t)" in backprop["loss"]["formula"]
    np.testing.assert_allclose(last["dy"], (p - np.eye(2)[session.data.target[evaluate["rows"]]]) / 4, atol=1e-6)
    np.testing.assert_allclose(last["grads"]["db"], np.sum(last["dy"], axis=0), atol=1e-6)
    changed = {p["name"]: p for p in update["params"]}
    assert changed["0.W"]["before"] != changed["0.W"]["after"]
    assert changed["0.W"]["change"] == pytest.approx(0.01, rel=1e-2)  # Adam's first step is its rate


def test_a_run_ends_an_open_step_first():
    session = began()
    session.answer({"do": "part"})
    assert session.answer({"do": "step"})["step"] == 1
    assert session.answer({"do": "step"})["params"] == began().answer({"do": "run", "steps": 2})["params"]


def test_an_epoch_ends_with_its_last_batch():
    session = began(rows=100, test=0.25, batch_size=10)  # 75 rows: 8 batches
    answers = [session.answer({"do": "run", "epoch": True}) for _ in range(2)]
    assert [(a["step"], a["epoch"]) for a in answers] == [(8, 1), (16, 2)]
    session.answer({"do": "step"})
    session.answer({"do": "part"})
    assert session.answer({"do": "run", "epoch": True})["step"] == 24


def test_a_run_ends_when_its_time_is_over():
    ticks = iter(range(10**6))
    session = Session(clock=lambda: next(ticks) / 100)
    assert 10 <= session.answer({"do": "run", "ms": 200})["step"] <= 30


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ("absolute_error", "quantile", "huber")])
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_a_gradient_is_its_central_difference(loss, activation):
    session = began(data="xor", loss=loss, activation=activation, dropout=0.2, norm="layer")
    session.answer({"do": "run", "steps": 7})
    for name, at in (("0.W", [1, 2]), ("1.gain", [3]), ("8.b", [0])):
        found = session.answer({"do": "check", "name": name, "at": at})["check"]
        assert found["error"] < 1e-7 * max(1, abs(found["difference"])) and found["backprop"] != 0


def test_a_check_is_of_the_batch_that_is_open():
    session = began(hidden=[3], batch_size=5)
    for _ in range(3):
        session.answer({"do": "part"})
    grads = session.training.kept["grads"]["0.W"]
    found = session.answer({"do": "check", "name": "0.W", "at": [1, 2]})["check"]
    assert found["backprop"] == pytest.approx(float(grads[1, 2]), rel=1e-4)


def test_a_check_says_of_which_rows_it_is():
    session = began(hidden=[3], batch_size=5)
    message = {"do": "check", "name": "0.W", "at": [1, 2]}
    first = session.answer(message)["check"]
    assert (first["of"], first["rows"], first["step"]) == ("first", 5, 0)
    whole = began(hidden=[3], batch_size=len(session.data.train)).answer(message)["check"]
    assert whole["backprop"] != first["backprop"]
    session.answer({"do": "part"})
    assert session.answer(message)["check"]["of"] == "open"
    session.answer({"do": "step"})
    last = session.answer(message)["check"]
    assert (last["of"], last["step"]) == ("last", 1)


def test_a_check_changes_nothing():
    session = began(dropout=0.3)
    before = session.answer({"do": "state"})
    session.answer({"do": "check", "name": "0.W", "at": [0, 0]})
    assert session.answer({"do": "state"}) == before


def test_a_restart_is_what_its_seed_makes_alone():
    session = began(data="gauss", hidden=[4], dropout=0.1, seed=7, test=0.0, batch_size=20)
    answer = session.answer({"do": "restarts", "epochs": 3})["restarts"]
    assert len(answer["members"]) == 16 and answer["epoch"] == 3
    population = session.restarted.training
    for k in (0, 5):
        alone = Training(session.plan, session.data, session.backend, 20, 7 + k)
        alone.run(population.step)
        for name, p in alone.params.items():
            np.testing.assert_allclose(population.params[name][k], p, rtol=1e-4, atol=1e-6)
        assert answer["members"][k]["seed"] == 7 + k
        z = alone.outputs(alone.train)
        assert answer["members"][k]["loss"] == pytest.approx(float(alone.loss_of(z, alone.train)), rel=1e-4)


def test_restarts_go_on_and_begin_anew():
    session = began(hidden=[3])
    first = session.answer({"do": "restarts"})["restarts"]
    assert session.answer({"do": "restarts", "epochs": 2})["restarts"]["epoch"] == 3
    assert session.answer({"do": "restarts", "again": True})["restarts"] == first


def test_racers_walk_on_the_landscape_that_is_drawn():
    session = began(data="gauss", hidden=[4])
    answer = session.answer({"do": "race", "steps": 20, "radius": 1.0})["race"]
    surface = np.frombuffer(b64decode(answer["surface"]), "float32").reshape(answer["side"], -1)
    middle = surface[answer["side"] // 2, answer["side"] // 2]
    assert answer["low"] == pytest.approx(surface.min()) and answer["side"] % 2
    assert [r["optimizer"] for r in answer["racers"]] == list(OPTIMIZERS)
    for racer in answer["racers"]:
        assert racer["path"][0][:2] == [0, 0] and racer["path"][0][2] == pytest.approx(middle, rel=1e-5)
        assert len(racer["path"]) == 21 and min(p[2] for p in racer["path"]) < racer["path"][0][2]


def test_a_racer_on_two_weights_takes_their_gradient():
    session = began(hidden=[4], batch_size=200, test=0.0, loss="binary_cross_entropy")
    places = [["0.W", [0, 1]], ["2.b", [0]]]
    message = {"do": "race", "weights": places, "optimizers": ["sgd"], "rates": {"sgd": 0.5}, "steps": 1}
    path = session.answer(message)["race"]["racers"][0]["path"]
    for axis, (name, at) in enumerate(places):
        slope = session.answer({"do": "check", "name": name, "at": at})["check"]["backprop"]
        assert path[1][axis] == pytest.approx(-0.5 * slope, rel=1e-4, abs=1e-7)


def test_a_race_ends_when_its_time_is_over_and_looks_at_fewer_rows_of_a_large_network():
    ticks = iter(range(10**6))
    session = Session(clock=lambda: next(ticks) / 10)
    session.answer({"do": "set", "settings": {"hidden": [32, 32, 32], "rows": 2000}})
    race = session.answer({"do": "race", "optimizers": ["sgd", "adam"], "steps": 400})["race"]
    assert race["steps"] < 30 and {len(r["path"]) for r in race["racers"]} == {race["steps"] + 1}
    assert 20 <= race["rows"] < 300 and race["side"] == 21


@pytest.mark.parametrize("data", [*CLASSES, *VALUES])
def test_data_are_seeded_and_near_the_plane(data):
    x, y = points(data, 300, noise=0.2, seed=1)
    again, _ = points(data, 300, noise=0.2, seed=1)
    other, _ = points(data, 300, noise=0.2, seed=2)
    assert np.array_equal(x, again) and not np.array_equal(x, other)
    assert x.shape == (300, 2) and np.mean(np.abs(x) <= 3) > 0.97 and np.all(np.isfinite(y))
    assert set(y.tolist()) == {0, 1} if data in CLASSES else np.abs(y).max() < 1.6


def test_noise_parts_no_classes_that_are_parted_without_it():
    x, y = points("circle", 500, noise=0.0)
    radius = np.hypot(*x.T)
    assert radius[y == 1].max() < radius[y == 0].min()


def test_rows_are_parted_once():
    train, test = parted(100, 0.3, seed=4)
    assert len(test) == 30 and sorted([*train, *test]) == list(range(100))


def test_features_are_columns_of_their_names():
    x = np.array([[1.0, 2.0], [-1.0, 0.5]])
    np.testing.assert_allclose(features(x, ("x2", "x1^2", "x1 x2", "sin x1"))[0], [2, 1 / 3, 2 / 3, np.sin(1)])
    assert features(x, tuple(FEATURES)).shape == (2, len(FEATURES))


def test_every_choice_has_a_formula():
    options = Session().answer({"do": "options"})
    assert set(options["activations"]) == set(ACTIVATIONS) and set(options["optimizers"]) == set(OPTIMIZERS)
    formulas = [*options["activations"].values(), *options["optimizers"].values()]
    formulas += [found["formula"] for found in options["losses"].values()]
    assert all("=" in text for text in formulas)
    assert all(len(text) > 20 for name, text in options["schedules"].items() if name != "none")
    assert "y = tanh(x)" in options["activations"]["tanh"]


@pytest.mark.parametrize("kind", [*ACTIVATIONS.values(), nnx.Dense, nnx.Dropout, *filter(None, NORMS.values())])
def test_every_layer_says_its_gradient(kind):
    assert "dx = d" in gradient(kind) or "dx = (dh" in gradient(kind)


def test_every_loss_says_its_gradient():
    assert all("dz = s " in gradient(kind) for kind in LOSSES.values())
    assert gradient(ACTIVATIONS["tanh"]).startswith("dx = dy * y'. ")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_can_be_chosen(name):
    assert began(activation=name, hidden=[3]).answer({"do": "step"})["loss"] > 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_can_be_chosen(name):
    session = began(schedule=name, hidden=[3], epochs=6)
    rates = [session.answer({"do": "run", "epoch": True})["rate"] for _ in range(7)]
    assert (len(set(rates)) == 1) == (name == "none")


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy", "squared_error"])
def test_points_of_ones_own(classes, loss):
    own = [[k + 0.1 * i, k - 0.1 * i, k] for k in range(classes) for i in range(10)]
    session = began(data="own", points=own, frame=[-1, 7, -1, 7], loss=loss, test=0.2)
    answer = session.answer({"do": "run", "steps": 300})
    assert session.answer({"do": "state"})["classes"] == classes and answer["accuracy"] > 0.8


def test_values_of_ones_own_are_divided_by_the_largest():
    own = [[0.1 * i, 0.2 * i, 1000.0 * i] for i in range(20)]
    session = began(data="own", points=own, values=True, loss="squared_error", frame=[-1, 3, -1, 5])
    assert max(p[2] for p in session.answer({"do": "state"})["points"]) == 1.0
    assert session.answer({"do": "run", "steps": 400})["loss"] < 0.01


def test_the_picture_of_classes_and_values():
    assert picture(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]), 2).tolist() == [255, 0, 128]
    assert picture(np.array([[0.0, 0.0, 1.0]]), 3).tolist() == [2 * 32 + 31]
    assert picture(np.array([[-1.0], [0.0], [5.0], [np.nan]]), 0).tolist() == [0, 128, 254, 128]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_does_everything(loss):
    data = "waves" if loss in ("squared_error", "absolute_error", "huber", "quantile") else "xor"
    session = began(data=data, loss=loss, hidden=[3], rows=40, norm="batch", dropout=0.1)
    answers = [
        session.answer({"do": do}) for do in ("step", "part", "part", "part", "part", "state", "restarts", "script")
    ]
    answers.append(session.answer({"do": "race", "steps": 3, "optimizers": ["adam", "lion"]}))
    answers.append(session.answer({"do": "check", "name": "0.W", "at": [0, 0]}))
    assert not [answer for answer in answers if "error" in answer]
    surface = np.frombuffer(b64decode(answers[-2]["race"]["surface"]), "float32")
    assert surface.size == answers[-2]["race"]["side"] ** 2 and np.all(np.isfinite(surface))


@pytest.mark.parametrize("module", [playground_session, playground_data])
def test_the_examples_of_docstrings_run(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


def test_answers_are_json():
    session = began(rate=100.0, optimizer="sgd", activation="relu", loss="squared_error", weight_decay=50.0)
    answer = session.answer({"do": "run", "steps": 500})
    assert answer["loss"] is None
    for message in ("state", "part", "part", "part", "part", "script"):
        json.dumps(session.answer({"do": message}), allow_nan=False)
    for message in ({"do": "restarts"}, {"do": "race", "steps": 3}, {"do": "check", "name": "0.W", "at": [0, 0]}):
        assert json.loads(answered(session, json.dumps(message)))


HOSTILE = [
    None,
    7,
    "run",
    [],
    {},
    {"do": None},
    {"do": ["run"]},
    {"do": "__init__"},
    {"do": "run", "steps": -1},
    {"do": "run", "steps": 1e9},
    {"do": "run", "steps": True},
    {"do": "run", "ms": float("nan")},
    {"do": "run", "ms": 1e9},
    {"do": "set", "settings": []},
    {"do": "set", "settings": {"hidden": []}},
    {"do": "set", "settings": {"hidden": [33]}},
    {"do": "set", "settings": {"hidden": [4] * 7}},
    {"do": "set", "settings": {"hidden": "88"}},
    {"do": "set", "settings": {"hidden": [[8]]}},
    {"do": "set", "settings": {"rows": 10**9}},
    {"do": "set", "settings": {"rows": 10**400}},
    {"do": "set", "settings": {"seed": -1}},
    {"do": "set", "settings": {"seed": 0.5}},
    {"do": "set", "settings": {"rate": float("inf")}},
    {"do": "set", "settings": {"rate": 10**400}},
    {"do": "set", "settings": {"rate": "0.1"}},
    {"do": "set", "settings": {"dropout": 1.0}},
    {"do": "set", "settings": {"activation": ["relu"]}},
    {"do": "set", "settings": {"activation": "__class__"}},
    {"do": "set", "settings": {"data": "own"}},
    {"do": "set", "settings": {"data": "own", "points": [[0, 0, 0]] * 5000}},
    {"do": "set", "settings": {"data": "own", "points": [[0, 0, 0.5], [1, 1, 1]]}},
    {"do": "set", "settings": {"data": "own", "points": [[0, 1e300, 0], [1, 1, 1]]}},
    {"do": "set", "settings": {"data": "own", "points": [[0, None, 0], [1, 1, 1]]}},
    {"do": "set", "settings": {"frame": [0, 0, 1, 1]}},
    {"do": "set", "settings": {"inputs": []}},
    {"do": "set", "settings": {"data": "waves"}},
    {"do": "set", "settings": {"data": "waves", "loss": "poisson"}},
    {"do": "set", "settings": {"norm": "batch", "batch_size": 1}},
    {"do": "set", "settings": {"values": 1}},
    {"do": "set", "settings": {"__class__": 1}},
    {"do": "check"},
    {"do": "check", "name": "0.W", "at": "00"},
    {"do": "check", "name": "0.W", "at": [0, 99]},
    {"do": "check", "name": "0.W", "at": [0, -1]},
    {"do": "check", "name": ["0.W"], "at": [0, 0]},
    {"do": "restarts", "epochs": 10**6},
    {"do": "race", "optimizers": "adam"},
    {"do": "race", "optimizers": [{}]},
    {"do": "race", "optimizers": ["adam"] * 100},
    {"do": "race", "rates": []},
    {"do": "race", "rates": {"adam": -1}},
    {"do": "race", "radius": 0},
    {"do": "race", "steps": 10**6},
    {"do": "race", "weights": [["0.W", [0, 0]]]},
    {"do": "race", "weights": [["0.W", [0, 0]], ["0.W", [0, 0]]]},
    {"do": "race", "weights": [[{}, [0, 0]], ["0.W", [0, 0]]]},
    {"do": "read"},
    {"do": "read", "text": 7},
]


def test_a_hostile_message_gets_one_line_and_changes_nothing():
    session = began(hidden=[3])
    session.answer({"do": "run", "steps": 5})
    before = session.answer({"do": "state"})
    for message in HOSTILE:
        error = refused(message, session)
        assert 10 < len(error) <= 200 and "\n" not in error and "Error" not in error, (message, error)
    assert session.answer({"do": "state"}) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "must be text"),
        (b"{}", "must be text"),
        ("", "must be JSON"),
        ("{", "must be JSON"),
        ('{"do": NaN}', "NaN is no number of JSON"),
        ("[" * 500_000, "must be JSON"),
        ('{"do": ' + "[" * 900 + "]" * 900 + "}", "do must be one of"),
        ("9" * 10_000, "must be JSON"),
        (" " * 2**20 + "{}", "1048576 characters"),
        ('{"do": "run", "steps": 1e999}', "must be an integer"),
    ],
)
def test_what_is_no_message_gets_one_line(text, told):
    session = Session()
    error = json.loads(answered(session, text))["error"]
    assert told in error and "\n" not in error
    assert json.loads(answered(session, '{"do": "step", "id": 4}'))["id"] == 4


def test_a_wrong_setting_leaves_all_as_it_was():
    session = began(data="xor")
    session.answer({"do": "run", "steps": 30})
    assert "rows must be from 10 to 2000" in refused({"do": "set", "settings": {"rows": 3}}, session)
    assert session.answer({"do": "state"})["step"] == 30 and session.settings == Settings(data="xor")


def test_a_name_that_was_meant_is_told():
    assert "did you mean 'relu'?" in refused({"do": "set", "settings": {"activation": "ReLU"}})
    assert "did you mean 'rate'?" in refused({"do": "set", "settings": {"lr": 0.1}})


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_a_table_is_read(mark):
    rows = [["height", "weight", "kind"], ["1.5", "2", "cat"], ["0.25", "-3e1", "dog"], ["7", "1", "cat"]]
    table = read("\n".join(mark.join(row) for row in rows))
    assert table["points"] == [[1.5, 2.0, 0.0], [0.25, -30.0, 1.0], [7.0, 1.0, 0.0]]
    assert table["classes"] == ["cat", "dog"] and table["names"] == ["height", "weight", "kind"]
    left, right, bottom, top = table["frame"]
    assert left < 0.25 and right > 7 and bottom < -30 and top > 2 and not table["values"]


def test_a_table_with_decimal_commas_and_values():
    table = read("\ufeff1,5;2,25;10,5\n\n2;3;-4\r\n")
    assert table["points"] == [[1.5, 2.25, 10.5], [2.0, 3.0, -4.0]] and table["values"]
    assert read("1,1,3\n2,2,7\n3,1,3")["classes"] == ["3", "7"]
    assert read('"a b",y,t\n1,1,"x, y"\n2,2,z')["classes"] == ["x, y", "z"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no row"),
        ("1,2\n3,4", "line 1: expected two numbers and a target, got 2 columns"),
        ("x,y,t\n1,2,a\n1,oops,b", "line 3: expected a number"),
        ("x,y,t\n1,2,a\n1,inf,b", "line 3: expected a number"),
        ("x,y,t\n1,2,a\n1,nan,b", "line 3: expected a number"),
        ("1,2,a\n3,4,", "line 2: the target is empty"),
        ("1,2,a", "2 to 2000 rows"),
        ("\n".join(f"1,{i},w{i}" for i in range(9)), "9 different words"),
        ("\n".join(f"1,{i},1" for i in range(2001)), "2 to 2000 rows"),
        ("x" * 300_000, "at most 262,144 characters"),
        ('"' + "\n1" * 4, "got 1 columns"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_in_one_line(text, told):
    error = refused({"do": "read", "text": text})
    assert told in error and "\n" not in error and len(error) <= 200


@pytest.mark.parametrize("backend", ["torch", "jax", "array_api_strict"])
def test_a_session_on_another_library(backend):
    session, same = Session(backend), Session()
    for one in (session, same):
        one.answer({"do": "set", "settings": {"hidden": [2], "rows": 40, "test": 0.0, "batch_size": 40}})
    mine, numpy = (one.answer({"do": "run", "steps": 2}) for one in (session, same))
    assert mine["loss"] == pytest.approx(numpy["loss"], rel=1e-4)
    assert session.answer({"do": "part"})["told"]["part"] == "evaluate"


@pytest.mark.parametrize("backend", ["torch", "array_api_strict"])
def test_all_of_a_session_on_another_library(backend):
    session, same = Session(backend), Session()
    assert session.answer({"do": "check", "name": "0.W", "at": [0, 1]})["check"]["error"] < 1e-8
    message = {"do": "race", "optimizers": ["adam"], "steps": 2}
    mine, numpy = (one.answer(message)["race"]["racers"][0]["path"] for one in (session, same))
    np.testing.assert_allclose(mine, numpy, rtol=1e-2, atol=1e-4)
    assert len(session.answer({"do": "restarts"})["restarts"]["members"]) == 16


def test_the_session_needs_numpy_and_array_api_compat_alone():
    code = (
        "import sys\n"
        "class No:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        base = name.partition('.')[0]\n"
        "        if base not in sys.stdlib_module_names and base not in ('numpy', 'array_api_compat', 'nnx'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        "from nnx.playground import Session\n"
        "s = Session()\n"
        "for do in ('options', 'set', 'run', 'part', 'restarts', 'race', 'script'):\n"
        "    assert 'error' not in s.answer({'do': do}), do\n"
        "assert 'error' not in s.answer({'do': 'check', 'name': '0.W', 'at': [0, 0]})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
