"""The promises of determinism, as `nnx verify` shows them."""

import json

import pytest

pytest.importorskip("click", reason="click is not installed")
from conftest import make

from nnx import cli
from nnx.backends import backend
from nnx.cli import verify

BACKENDS = ["numpy", "torch", "jax", pytest.param("cupy", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_same_seed_gives_the_same_training(request, name):
    make(request, name)
    (found,) = verify.verify([name])
    assert found.kept, found


@pytest.mark.parametrize("name", BACKENDS)
def test_run_after_run_gives_the_same_bits(request, name):
    make(request, name)
    runs = 3 if name == "jax" else 20  # JAX compiles each fit anew, which is all the time it takes
    assert len({tuple(verify.losses(backend(name), 2)) for _ in range(runs)}) == 1


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["verify", *arguments])
    return stopped.value.code, *capsys.readouterr()


def test_the_command_shows_a_table_and_its_exit_code_says_whether_all_is_kept(capsys, monkeypatch):
    code, out, _ = run(capsys, "--backends", "numpy")
    assert code == 0 and out.startswith("backend") and "the same" in out and "1e-09" in out
    code, out, _ = run(capsys, "--backends", "numpy", "--json")
    assert code == 0 and json.loads(out)["rerun"] is True
    monkeypatch.setattr(verify, "SINGLE", -1.0)
    code, out, _ = run(capsys, "--backends", "numpy")
    assert code == 1
    code, _, err = run(capsys, "--backends", "nump")
    assert code == 4 and "did you mean 'numpy'" in err
