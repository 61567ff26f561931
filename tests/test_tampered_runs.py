"""The files of a run changed by a stranger: file x change x command, each one line and exit code 3, before training."""

import copy
import json
import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from test_run_folders import TRAIN, folder, made, one_line, runs  # noqa: F401

import nnx as library
from nnx.training.alone import Alone
from nnx.training.population.members import Members

tomli_w = pytest.importorskip("tomli_w", reason="tomli-w is not installed")
READ = {  # by resume: what is not in it is only written anew
    "run": {"config.toml", "data.json"},
    "searching": {"search.json"},
    "searched": {"config.toml", "data.json", "search.csv"},
}
CONTENT = {
    "empty": b"",
    "binary": bytes(range(256)) * 10,
    "null": b"null",
    "list": b"[1, 2]",
    "object": b"{}",
    "deep JSON": b"[" * 100_000,
    "deep TOML": b"a = " + b"[" * 100_000,
    "5,000 digits": b'{"sha256": ' + b"9" * 5000 + b"}",
    "5,000 digits in TOML": b"a = " + b"9" * 5000,
}
VALUES = [10**30, -1, 1e308, float("nan"), "x", [], ["x", 2], {"a": 1}, None]


def placed(file, how):
    """Something that is no regular file in the place of a file."""
    file.unlink()
    if how == "folder":
        file.mkdir()
    elif how == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to({"link to nowhere": "nowhere", "link": __file__, "endless": "/dev/zero"}[how])


@pytest.fixture
def unfinished(runs, nnx, monkeypatch):  # noqa: F811
    """Runs and searches that were interrupted, from now on where nothing can be trained."""

    def trained(self, *_):
        raise AssertionError("trained")

    monkeypatch.setattr(Alone, "epoch", trained)
    monkeypatch.setattr(Members, "epoch", trained)

    def refused(name, change, *words):
        """That the command refuses a copy of the run after the change."""
        shutil.rmtree("t", ignore_errors=True)
        shutil.copytree(name, "t")
        change(Path("t"))
        code, _, err = nnx(*words or ["resume", "t", "-q"])
        one_line(err, words, code, 3)
        return err

    return refused


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
def test_what_is_no_file_is_refused_wherever_it_is(unfinished):
    count = 0
    for name in READ:
        for file in os.listdir(name):
            for how in ("folder", "pipe", "link to nowhere", "link", "endless"):
                for words in (["resume", "t", "-q"], [*TRAIN, "--out", "t", "--force"]):
                    err = unfinished(name, lambda t, file=file, how=how: placed(t / file, how), *words)
                    assert file in err and "not a regular file" in err
                    count += 1
    print(count, "refused")
    for how in ("folder", "pipe", "link to nowhere", "endless"):
        for words in (["predict", "t", "data.csv"], ["evaluate", "t", "data.csv"], ["inspect", "t"], ["plot", "t"]):
            unfinished("run", lambda t, how=how: placed(t / "best.safetensors", how), *words)


def test_other_content_is_refused_by_what_reads_it(unfinished):
    for how, content in CONTENT.items():
        for name, files in READ.items():
            for file in files:
                err = unfinished(name, lambda t, file=file, content=content: (t / file).write_bytes(content))
                assert file in err, how
        for words in (["predict", "t", "data.csv"], ["evaluate", "t", "data.csv"], ["inspect", "t"]):
            unfinished("run", lambda t, content=content: (t / "best.safetensors").write_bytes(content), *words)

        def both(t, content=content):
            for file in ("checkpoint.safetensors", "checkpoint.safetensors.previous"):
                (t / file).write_bytes(content)

        unfinished("run", both)


def test_pictures_are_not_drawn_of_other_figures(unfinished, pictures):
    texts = ["epoch,loss\n2,1\n1,1\n", "epoch,loss\n1,x\n", "epoch,loss\n1\n", "epoch,loss\n1,1,1\n", "loss\n1\n"]
    for content in [*CONTENT.values(), *(text.encode() for text in texts)]:
        unfinished("run", lambda t, content=content: (t / "metrics.csv").write_bytes(content), "plot", "t")


def leaves(values, before=()):
    """The path to each value in nested plain data."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        yield (*before, key)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*before, key))


def changed(values, path, value):
    """The same with another value in one place; None leaves it out."""
    whole = at = copy.deepcopy(values)
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return whole


def test_each_value_of_the_schema_and_the_settings_is_of_its_kind(unfinished):
    schema, settings = json.loads(Path("run/data.json").read_text()), tomllib.loads(Path("run/config.toml").read_text())
    search, count = json.loads(Path("searching/search.json").read_text()), 0
    for number, path in enumerate(leaves(schema)):
        value = VALUES[number % len(VALUES)]
        text = json.dumps(changed(schema, path, value))
        unfinished("run", lambda t, text=text: (t / "data.json").write_text(text))
        count += 1
    for section, names in settings.items():
        for name in names:
            text = tomli_w.dumps(changed(settings, (section, name), {"a": {"b": 1}}))
            unfinished("run", lambda t, text=text: (t / "config.toml").write_text(text))
            count += 1
    for path in (
        ("settings",),
        ("ended",),
        ("settings", "wanted"),
        ("settings", "wanted", "cv"),
        ("settings", "config"),
    ):
        for value in (-1, "x", [1], None):
            text = json.dumps(changed(search, path, value))
            unfinished("searching", lambda t, text=text: (t / "search.json").write_text(text))
            count += 1
    print(count, "refused")


def test_settings_of_another_run_are_refused(unfinished):
    settings = tomllib.loads(Path("run/config.toml").read_text())
    for path, value in {
        ("network", "hidden"): [5],
        ("optimizer", "rate"): 0.5,
        ("optimizer", "name"): "sgd",
        ("training", "seed"): 9,
        ("training", "epochs"): 7,
        ("training", "batch_size"): 7,
        ("training", "members"): 3,
        ("data", "validation"): 0.5,
        ("data", "target"): "a",
        ("data", "test"): 0.5,
        ("data", "path"): "",
        ("data", "decimal"): ",,",
        ("place", "backend"): "nonsense",
        ("place", "threads"): 10**9,
        ("result", "stopped"): "nonsense",
    }.items():
        text = tomli_w.dumps(changed(settings, path, value))
        unfinished("run", lambda t, text=text: (t / "config.toml").write_text(text))


@pytest.mark.parametrize(("name", "file"), [("run", "checkpoint"), ("searching", "search-2")])
def test_checkpoints_with_a_right_hash_and_other_keys_types_or_shapes(unfinished, name, file):
    model = library.load(f"{name}/{file}.safetensors")
    about, count = model.about["checkpoint"], 0

    def saved(t, about=about, arrays=model.arrays, encoder=model.encoder):
        (t / f"{file}.safetensors.previous").unlink()
        library.save(
            t / f"{file}.safetensors", model.net, model.params, loss=model.loss, arrays=arrays,
            about={"checkpoint": about}, encoder=encoder, target=model.target if encoder else None,
        )  # fmt: skip

    keys = [key for key in about if key not in ("environment", "execution")]
    for key in keys:
        for value in (10**9, "x", {"a": [1]}, None):
            if key == "mean" or (key, value) == ("idle", 10**9):  # true or false of anything; any count
                continue
            unfinished(name, lambda t, key=key, value=value: saved(t, changed(about, (key,), value)))
            count += 1
    for array, values in model.arrays.items():
        if array.startswith("part"):
            continue
        for other in (None, np.zeros((7, 7)), np.zeros(values.shape, bool)):
            arrays = {k: a for k, a in model.arrays.items() if k != array} | ({} if other is None else {array: other})
            unfinished(name, lambda t, arrays=arrays: saved(t, arrays=arrays))
            count += 1
    if name == "run":
        assert "no table encoder" in unfinished(name, lambda t: saved(t, encoder=None))
    print(count, "refused")
