"""Saving under faults: each system call failing, a kill or a power failure at each. No file is ever half there."""

import errno
import itertools
import os
import stat
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

import nnx
from nnx import system
from nnx.files import read, write_whole

NET = nnx.Dense(2)
CALLS = ("listdir", "open", "write", "fsync", "replace")
linux = pytest.mark.skipif(sys.platform != "linux", reason="of the system calls of Linux")


def save(path, seed):
    nnx.save(path, NET, nnx.init(NET, 3, seed=seed))


class Layer:
    """Stands before the system calls of a save: notes them, and may do something else at one of them."""

    def __init__(self, monkeypatch, act=None):
        self.log, self.names = [], {}
        for name in (*CALLS, "close", "unlink"):
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name), act))

    def wrapped(self, name, real, act):
        def call(*arguments):
            number = len(self.log)
            self.log.append((name, *arguments))
            if act is not None:
                arguments = act(number, name, arguments) or arguments
            result = real(*arguments)
            if name == "open":
                self.names[result] = str(arguments[0])
                self.log[number] = (name, *arguments, result)
            elif name in ("write", "fsync"):
                what = bytes(arguments[1])[:result] if name == "write" else b""
                self.log[number] = (name, self.names[arguments[0]], what)
            return result

        return call


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "m.safetensors", 0)
    return tmp_path / "m.safetensors"


def calls_of(path):
    """The names of the system calls of one save."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        layer = Layer(monkeypatch)
        save(path, 0)
    return [entry[0] for entry in layer.log]


@pytest.mark.parametrize("code", ["ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT"])
def test_whichever_call_fails_the_old_file_stays(path, code):
    """In full, with no temporary file left and one line said; only where the folder is synced the new one is there."""
    calls = calls_of(path)
    assert [c for c in calls if c != "write"] == [
        "listdir",
        "open",
        "open",
        "fsync",
        "close",
        "replace",
        "fsync",
        "close",
    ]
    before = path.read_bytes()
    for fail in range(len(calls)):
        with pytest.MonkeyPatch.context() as monkeypatch:

            def act(number, name, arguments, fail=fail):
                if number == fail:
                    raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

            Layer(monkeypatch, act)
            if calls[fail] == "listdir" or fail == len(calls) - 1:  # tidying: nothing is lost
                save(path, 0)
                assert path.read_bytes() == before
                continue
            with pytest.raises(nnx.ModelFileError) as error:
                save(path, 1)
        text = str(error.value)
        assert os.strerror(getattr(errno, code)) in text and text.isprintable() and len(text) <= 200
        if fail == len(calls) - 2:
            assert "is written, but a power failure may undo it" in text
            assert nnx.load(path) and path.read_bytes() != before
            save(path, 0)
        assert path.read_bytes() == before and os.listdir(path.parent) == [path.name], (fail, calls[fail])


def test_a_disk_that_fills_up_while_writing_leaves_the_old_file(path):
    """A write of a part, and then none."""
    before = path.read_bytes()
    with pytest.MonkeyPatch.context() as monkeypatch:
        written = []

        def act(number, name, arguments):
            if name == "write":
                written.append(1)
                if len(written) > 3:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return arguments[0], bytes(arguments[1])[:5]
            return None

        Layer(monkeypatch, act)
        with pytest.raises(nnx.ModelFileError, match="No space left"):
            save(path, 1)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_writes_of_a_few_bytes_at_a_time_add_up(path):
    before = path.read_bytes()
    path.unlink()
    with pytest.MonkeyPatch.context() as monkeypatch:
        Layer(monkeypatch, lambda n, name, a: (a[0], bytes(a[1])[:7]) if name == "write" else None)
        save(path, 0)
    assert path.read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_no_temporary_file(path, error):
    before = path.read_bytes()
    for fail, name in enumerate(calls_of(path)[:-2]):
        with pytest.MonkeyPatch.context() as monkeypatch:

            def act(number, name, arguments, fail=fail):
                if number == fail:
                    raise error

            Layer(monkeypatch, act)
            with pytest.raises(error):
                save(path, 1)
        assert path.read_bytes() == before and os.listdir(path.parent) == [path.name], name


def test_a_folder_that_is_not_there_or_no_folder_is_one_line(tmp_path, path):
    for place in (tmp_path / "gone" / "m", path / "m", tmp_path, "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(nnx.ModelFileError, match="cannot be written") as error:
            save(place, 0)
        assert len(str(error.value)) <= 200 and str(error.value).isprintable()
    assert os.listdir(tmp_path) == [path.name]


@linux
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_one_line(path):
    path.parent.chmod(0o555)
    with pytest.raises(nnx.ModelFileError, match="Permission denied"):
        save(path, 1)
    path.parent.chmod(0o755)


@linux
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_rights_are_those_that_the_umask_leaves(path, mask):
    old = os.umask(mask)
    try:
        save(path, 1)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


# Power failures ---------------------------------------------------------------------------------


def remains(log, before, *, synced=True):
    """Every state of the files that a power failure after each call may leave: name -> content.

    What was written and not synced may be gone, cut off, zero, or there; what was done to the folder since it was
    last synced may be there or not, each change by itself.
    """
    calls = [c for c in log if c[0] in ("open", "write", "fsync", "replace", "unlink")]
    for stop in range(len(calls) + 1):
        volatile, durable, changes, folder = {}, {}, [], dict(before)
        for name, *arguments in calls[:stop]:
            where = str(arguments[0])
            if name == "open" and arguments[1] & os.O_CREAT:
                volatile[where], durable[where] = b"", None
                changes.append((where, where))
            elif name == "write":
                volatile[where] += arguments[1]
                durable[where] = None
            elif name == "fsync" and where in volatile and synced:
                durable[where] = volatile[where]
            elif name == "fsync" and synced:  # of the folder
                folder = applied(folder, changes)
                changes = []
            elif name == "replace":
                changes.append((where, str(arguments[1])))
            elif name == "unlink":
                changes.append((where, None))
        for kept in itertools.product((False, True), repeat=len(changes)):
            links = applied(folder, [c for c, keep in zip(changes, kept, strict=True) if keep])
            contents = []
            for link in links.values():
                if isinstance(link, bytes):
                    contents.append([link])
                elif durable[link] is not None:
                    contents.append([durable[link]])
                else:
                    whole = volatile[link]
                    contents.append([b"", whole[: len(whole) // 2], bytes(len(whole)), whole])
            for chosen in itertools.product(*contents):
                yield stop == len(calls), dict(zip(links, chosen, strict=True))


def applied(folder, changes):
    """A folder after changes: (temporary, name that now stands for it, or None)."""
    folder = dict(folder)
    for source, name in changes:
        folder.pop(source, None)
        if name is not None:
            folder[name] = source
    return folder


def recorded(path, seed):
    with pytest.MonkeyPatch.context() as monkeypatch:
        layer = Layer(monkeypatch)
        save(path, seed)
    return layer.log


def weights(content):
    try:
        return read(BytesIO(content), len(content)).params["W"].tobytes()
    except nnx.ModelFileError:
        return None


@linux
@pytest.mark.parametrize("existing", [True, False])
def test_after_a_power_failure_the_new_or_the_previous_file_loads(path, existing):
    before = {str(path): path.read_bytes()} if existing else {}
    if not existing:
        path.unlink()
    log = recorded(path, 1)
    old, new = weights(before.get(str(path), b"")), weights(path.read_bytes())
    assert new and new != old
    states = 0
    for finished, files in remains(log, before):
        states += 1
        found = weights(files[str(path)]) if str(path) in files else "none"
        assert found == new or (not finished and found == (old if existing else "none"))
    print(states, "states")
    assert states > 20


@linux
def test_the_replay_would_notice_a_save_that_is_not_synced(path):
    before = {str(path): path.read_bytes()}
    log = recorded(path, 1)
    assert any(weights(files.get(str(path), b"")) is None for _, files in remains(log, before, synced=False))


@linux
def test_two_saves_in_a_row_leave_one_of_the_two_newest(path):
    """Of two files, the second saved after the first: each alone is whole at every moment."""
    last = path.with_name("last.safetensors")
    before = {str(path): path.read_bytes()}
    log = recorded(last, 1) + recorded(path, 2)
    fine = {
        str(last): {weights(last.read_bytes())},
        str(path): {weights(before[str(path)]), weights(path.read_bytes())},
    }
    for _, files in remains(log, before):
        assert str(path) in files
        for name in files.keys() & fine.keys():
            assert weights(files[name]) in fine[name]


# Kills ------------------------------------------------------------------------------------------

KILLS = """
import os, signal, sys
from pathlib import Path
import nnx
path = Path(sys.argv[1])
net = nnx.Dense(2)
old, new = nnx.init(net, 3, seed=0), nnx.init(net, 3, seed=1)
nnx.save(path, net, old)
nnx.save(path.with_name("new"), net, new)
whole = {path.read_bytes(), path.with_name("new").read_bytes()}
path.with_name("new").unlink()
calls, left, at = 0, 0, 0
def killing(name, real):
    def call(*arguments):
        global calls
        calls += 1
        if calls == at:
            if name == "write":
                real(arguments[0], bytes(arguments[1])[:len(arguments[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    return call
while True:
    at += 1
    process = os.fork()
    if process == 0:
        for name in ("listdir", "open", "write", "fsync", "replace", "close", "unlink", "kill"):
            if name != "kill":
                setattr(os, name, killing(name, getattr(os, name)))
        nnx.save(path, net, new if at % 2 else old)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    nnx.load(path)
    assert path.read_bytes() in whole
    others = [name for name in os.listdir(path.parent) if name != path.name]
    assert len(others) <= 1, others
    left += len(others)
    if os.WIFEXITED(status):
        break
nnx.save(path, net, old)
assert os.listdir(path.parent) == [path.name], os.listdir(path.parent)
print(at - 1, left)
"""


def child(script, *arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(nnx.__file__).parents[1])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@linux
def test_a_kill_at_any_call_leaves_the_old_or_the_new_file(tmp_path):
    """And the next save removes the temporary file that it left."""
    kills, left = map(int, child(KILLS, tmp_path / "m.safetensors").split())
    print(kills, "kills,", left, "temporary files left and removed")
    assert kills == len(calls_of(tmp_path / "m.safetensors")) and left >= 5


def test_only_what_a_dead_process_left_of_this_file_is_removed(path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    dead, machine, live = int(dead.stdout), system.machine(), os.getppid()
    kept = [
        f"m.safetensors.tmp-{machine}-{live}-0123abcd",  # being written now
        f"n.safetensors.tmp-{machine}-{dead}-0123abcd",  # of another file
        f"mXsafetensors.tmp-{machine}-{dead}-0123abcd",
        f"m.safetensors.tmp-00000000-{dead}-0123abcd",  # of another machine
        f"m.safetensors.tmp-{machine}-{dead}-0123abcd.bak",
        f"m.safetensors.tmp-{machine}-{dead}-0123ABCD",
        f"m.safetensors.tmp-{machine}-{dead}",
        f"m.safetensors.tmp-{dead}",
        "m.safetensors.tmp",
        "m.safetensors.tmp-mine",
    ]
    gone = [f"m.safetensors.tmp-{machine}-{number}-0123abcd" for number in (dead, os.getpid())]
    for name in kept + gone:
        path.with_name(name).write_bytes(b"x")
    save(path, 1)
    assert sorted(os.listdir(path.parent)) == sorted([*kept, path.name])


def test_other_content_is_replaced_whole_too(tmp_path):
    write_whole(tmp_path / "x", b"one")
    write_whole(tmp_path / "x", b"two ", memoryview(b"pieces"), b"")
    assert (tmp_path / "x").read_bytes() == b"two pieces" and os.listdir(tmp_path) == ["x"]
