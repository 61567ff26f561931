"""Compiled programs on disk: nothing is loaded that another could have written, and nothing that is damaged.

That they are the same bits cold and warm is in test_native.py, for every layer.
"""

import errno
import os
import stat
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest

import nnx
from nnx.backends.native import build, machine, programs
from nnx.backends.native.machine import can_compile
from nnx.cli import caches
from nnx.tabular import cache as tables

pytestmark = pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
X, Y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3


ASK = programs.ask


@pytest.fixture(autouse=True)
def cold(tmp_path, monkeypatch):
    """An empty cache, and a process that has compiled nothing."""
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(programs, "ask", ASK)
    forget(monkeypatch)


def forget(monkeypatch):
    """As if this were another process."""
    monkeypatch.setattr(machine, "_ready", {})
    monkeypatch.setattr(machine, "_asked", set())
    monkeypatch.setattr(build, "_plans", [])
    monkeypatch.setattr("nnx.backends.native.record._known", {})


def trained(hidden=(7,), compile=True):
    fit = nnx.fit(nnx.mlp(hidden, 3), X, Y, loss="softmax_cross_entropy", epochs=3, batch_size=20, compile=compile)
    if compile == "auto":
        return fit.execution
    assert fit.execution == "recorded and compiled"
    return fit.params["0.W"].tobytes()


def compiles(monkeypatch):
    """How often LLVM is asked from now on, in a list of one number."""
    count = [0]

    def counted(text, known=machine._object):
        count[0] += 1
        return known(text)

    monkeypatch.setattr(machine, "_object", counted)
    forget(monkeypatch)
    return count


def test_folder_and_files_are_closed_to_others():
    trained()
    (entry,) = programs.entries()
    assert stat.S_IMODE(programs.folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(entry[2].stat().st_mode) == 0o600


def open_folder(path, monkeypatch):
    path.parent.chmod(0o770)


def open_file(path, monkeypatch):
    path.chmod(0o620)


def readable_file(path, monkeypatch):
    path.chmod(0o644)


def other_owner(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)


def linked_file(path, monkeypatch):
    os.rename(path, path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def linked_folder(path, monkeypatch):
    os.rename(path.parent, path.parent.with_name("elsewhere"))
    path.parent.symlink_to(path.parent.with_name("elsewhere"))


def a_folder(path, monkeypatch):
    path.unlink()
    path.mkdir()


def empty(path, monkeypatch):
    path.write_bytes(b"")


def cut(path, monkeypatch):
    path.write_bytes(path.read_bytes()[:-1])


def cut_in_its_head(path, monkeypatch):
    path.write_bytes(path.read_bytes()[:20])


def longer(path, monkeypatch):
    path.write_bytes(path.read_bytes() + b"\0")


def another_bit(path, monkeypatch):
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)


def another_version(path, monkeypatch):
    path.write_bytes(path.read_bytes().replace(b"program 1", b"program 0"))


def of_another_program(path, monkeypatch):
    trained((9, 9))
    other = next(p for _, _, p in programs.entries() if p != path)
    path.write_bytes(other.read_bytes())


def a_pipe(path, monkeypatch):
    path.unlink()
    os.mkfifo(path)


ATTACKS = [
    *(open_folder, open_file, readable_file, other_owner, linked_file, linked_folder, a_folder, a_pipe),
    *(empty, cut, cut_in_its_head, longer, another_bit, another_version, of_another_program),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda f: f.__name__)
def test_what_is_damaged_or_could_be_anothers_is_compiled_anew(attack, monkeypatch):
    before = trained()
    ((_, _, path),) = programs.entries()
    count = compiles(monkeypatch)
    assert trained() == before and count == [0]
    attack(path, monkeypatch)
    count[0] = 0
    forget(monkeypatch)
    assert trained() == before and count == [1]


@pytest.mark.parametrize("attack", [empty, cut, another_bit, another_version, readable_file], ids=lambda f: f.__name__)
def test_it_is_then_mended(attack, monkeypatch):
    trained()
    ((_, _, path),) = programs.entries()
    attack(path, monkeypatch)
    forget(monkeypatch)
    trained()
    count = compiles(monkeypatch)
    trained()
    assert count == [0]


def no_room(*given, **settings):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["os.replace", "os.fdopen", "nnx.backends.native.programs.mkstemp"])
def test_a_full_disk_stops_no_training(where, monkeypatch):
    before = trained()
    caches.clear()
    forget(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(where, no_room)
        assert trained() == before
    assert programs.entries() == []  # nothing half-written is left


def test_a_cache_that_cannot_be_written_stops_no_training(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "file" / "cache"))
    trained()


def test_eight_processes_at_once(tmp_path):
    code = (
        "import numpy as np, nnx\n"
        "x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)\n"
        "y, settings = np.arange(60) % 3, dict(loss='softmax_cross_entropy', epochs=3, batch_size=20, compile=True)\n"
        "fit = nnx.fit(nnx.mlp((7,), 3), x, y, **settings)\n"
        "print(fit.execution, fit.params['0.W'].tobytes().hex())"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(8)]
    texts = {process.communicate(timeout=300)[0].decode().strip() for process in started}
    assert texts == {f"recorded and compiled {trained().hex()}"}
    assert [path.name[0] for _, _, path in programs.entries()].count(".") == 0 and len(programs.entries()) == 1


def test_the_oldest_make_room(monkeypatch):
    names = []
    for hidden in ((7,), (7, 7), (7, 7, 7)):
        trained(hidden)
        (path,) = (path for _, _, path in programs.entries() if path.name not in names)
        names.append(path.name)
        os.utime(path, (len(names), len(names)))
    sizes = {path.name: size for _, size, path in programs.entries()}
    monkeypatch.setattr(programs, "LIMIT", sizes[names[1]] + sizes[names[2]])
    programs._make_room(programs.folder())
    assert [path.name for _, _, path in programs.entries()] == names[1:]


def test_where_llvm_links_the_code_itself_the_bits_are_the_same(monkeypatch):
    """As on systems other than Linux on x86-64."""
    before = trained()
    monkeypatch.setattr(nnx.system, "runs_flat_code", lambda: False)
    machine._facts.cache_clear()
    machine._compiler.cache_clear()
    count = compiles(monkeypatch)
    assert trained() == before and count == [1]
    forget(monkeypatch)
    assert trained() == before and count == [1]
    machine._facts.cache_clear()
    machine._compiler.cache_clear()


def test_what_a_second_process_asks_for_is_compiled(monkeypatch):
    replayed, compiled = "recorded and replayed", "recorded and compiled"
    assert [trained(compile="auto") for _ in range(3)] == [replayed] * 3 and programs.entries() == []
    forget(monkeypatch)
    assert trained(compile="auto") == compiled and len(programs.entries()) == 1
    count = compiles(monkeypatch)
    assert trained(compile="auto") == compiled and count == [0]
    assert len(list(programs.folder().iterdir())) == 1  # the mark is gone
    monkeypatch.setattr(programs, "MOST", 2)
    assert [trained((9,) * n, compile="auto") for n in (2, 3, 4)] == [replayed] * 3
    assert len(list(programs.folder().iterdir())) == 3
    caches.clear()
    assert list(programs.folder().iterdir()) == []


def test_never_keeps_nothing(monkeypatch):
    monkeypatch.setenv("NNX_PROGRAMS", "never")
    nnx.fit(nnx.mlp((7,), 3), X, Y, loss="softmax_cross_entropy", epochs=3, batch_size=20, compile=True)
    assert not programs.folder().exists()


# ---- nnx cache


@pytest.mark.parametrize("in_use", [False, True])
def test_nnx_cache_lists_and_clears_but_no_table_in_use(in_use, nnx, tmp_path):
    trained()
    table = tmp_path / "cache" / "houses-0123"
    table.mkdir()
    (table / "counts.json").write_text("[]")
    (table / "train.x.npy").write_bytes(bytes(3 << 20))
    reads = (
        "import sys; from pathlib import Path; from nnx.tabular.cache import Cache\n"
        f"cache = Cache(Path({str(table)!r}), 1, 0, (1, 1, 1)); cache.use()\n"
        "print('reads', flush=True); sys.stdin.read()"
    )
    code, out, _ = nnx("cache")
    assert code == 0 and out.startswith("programs   1, 0.0 MiB, in ") and "tables     1, 3.0 MiB, in " in out
    assert "houses-0123: 3.0 MiB, last used " in out
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", reads], **pipes) if in_use else nullcontext() as process:
        if process:
            assert process.stdout.readline() == b"reads\n"
        code, out, _ = nnx("cache", "--clear")
        left = "; 1 in use" if in_use else ""
        gone = "0 removed, 0.0 MiB" if in_use else "1 removed, 3.0 MiB"
        assert (code, out.splitlines()) == (0, ["programs   1 removed, 0.0 MiB", f"tables     {gone}{left}"])
        assert table.exists() == in_use and programs.entries() == []
        if process:
            process.communicate()
    assert len(tables.entries()) == in_use


def test_nnx_cache_fill_compiles_the_usual_networks(nnx, monkeypatch):
    code, _, err = nnx("cache", "--fill")
    assert code == 0 and not err and len(programs.entries()) > 20
    count = compiles(monkeypatch)
    trained()
    assert nnx("cache", "--fill")[1].splitlines()[0] == "programs   0 compiled" and count[0] <= 1
