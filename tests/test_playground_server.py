"""`nnx playground` on a socket: who is let in, what is served, and what a hostile client gets."""

import http.client
import json
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import nnx
from nnx.errors import NNXError
from nnx.playground.server import PAGE, SESSIONS, serve


@contextmanager
def served(*options):
    for package in ("click", "starlette", "uvicorn", "websockets"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    given = [sys.executable, "-m", "nnx", "playground", "--no-browser", *options]
    process = subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or not lines[-1].startswith("http"):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        yield lines, urlsplit(lines[-1].split()[0])
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def address():
    with served() as (lines, parts):
        assert len(lines) == 1
        yield parts


def got(address, path, **headers):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def talking(address, path=None, origin="own"):
    from websockets.sync.client import connect

    own = f"http://{address.hostname}:{address.port}"
    where = f"ws://{address.hostname}:{address.port}{path or address.path + 'socket'}"
    return connect(where, origin=own if origin == "own" else origin, max_size=2**24, open_timeout=10)


def asked(client, message):
    client.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
    return json.loads(client.recv(timeout=20))


def test_it_listens_on_this_machine_alone(address):
    assert address.hostname == "127.0.0.1" and len(address.path) > 20
    outside = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)} - {"127.0.0.1", "::1"}
    for other in outside:
        with socket.socket(socket.AF_INET6 if ":" in other else socket.AF_INET) as probe:
            probe.settimeout(2)
            assert probe.connect_ex((other, address.port)) != 0


def test_the_page_and_its_parts_are_served(address):
    status, headers, text = got(address, address.path)
    assert status == 200 and "<title>nnx playground</title>" in text
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    for name in re.findall(r'(?:src|href)="([^"#]+)"', text):
        assert got(address, address.path + name)[0] == 200, name
    for file in PAGE.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', file.read_text()):
            status, headers, _ = got(address, address.path + name)
            assert status == 200 and headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/socket", "/wrong/", "/wrong/app.js", "{own}../app.js", "{own}nothing.js"]
)
def test_without_the_token_nothing_is_found(address, path):
    status, _, text = got(address, path.replace("{own}", address.path))
    assert status == 404 and text.startswith("not found")


@pytest.mark.parametrize(
    "name", ["..%2f..%2fserver.py", "%2e%2e/server.py", "worker.js%00.css", "page", ".", "..", "../../server.py"]
)
def test_nothing_but_the_page_is_served(address, name):
    assert got(address, address.path + name)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1", ""])
def test_another_host_is_refused(address, host):
    assert got(address, address.path, Host=host)[0] in (400, 404)


def test_localhost_is_the_same_host(address):
    assert got(address, address.path, Host=f"localhost:{address.port}")[0] == 200


@pytest.mark.parametrize(
    "given",
    [
        {"origin": "http://evil.example"},
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://127.0.0.1"},
        {"path": "/wrong/socket"},
    ],
)
def test_another_site_cannot_talk(address, given):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus, match="403"), talking(address, **given):
        pass


def test_a_training_over_the_socket(address):
    with talking(address) as client:
        first = asked(client, {"do": "set", "settings": {"data": "xor"}, "id": 1})
        last = asked(client, {"do": "run", "ms": 300, "id": 2})
        assert (first["id"], last["id"]) == (1, 2) and last["step"] > 10 and last["loss"] < first["loss"]


def test_each_socket_has_a_session_of_its_own(address):
    with talking(address) as one, talking(address) as other:
        asked(one, {"do": "run", "steps": 9})
        assert asked(other, {"do": "state"})["step"] == 0 and asked(one, {"do": "state"})["step"] == 9


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[[[",
        "NaN",
        "null",
        b"\x00\x01",
        "[" * 200_000,
        '{"do": "run", "steps": 1e999}',
        '{"do": "run", "id": [1]}x',
    ],
)
def test_a_hostile_message_gets_a_line_and_the_session_goes_on(address, message):
    with talking(address) as client:
        asked(client, {"do": "run", "steps": 3})
        error = asked(client, message)["error"]
        assert len(error) <= 200 and "\n" not in error
        assert asked(client, {"do": "step"})["step"] == 4


def test_a_message_that_is_too_large_ends_the_connection(address):
    from websockets.exceptions import ConnectionClosed

    with talking(address) as client, pytest.raises(ConnectionClosed, match="1009"):
        asked(client, " " * (2**20 + 1))
    with talking(address) as client:
        assert asked(client, {"do": "step"})["step"] == 1


def test_only_so_many_sessions_at_once(address):
    with ExitStack() as stack:
        clients = [stack.enter_context(talking(address)) for _ in range(SESSIONS)]
        assert [asked(client, {"do": "step"})["step"] for client in clients] == [1] * SESSIONS
        with talking(address) as one_more:
            assert "close one" in json.loads(one_more.recv(timeout=10))["error"]
    for _ in range(50):
        with talking(address) as again:
            answer = asked(again, {"do": "step"})
        if "error" not in answer:
            return
    raise AssertionError("closed sessions still count")


def test_other_hosts_and_a_table(tmp_path):
    file = tmp_path / "plants.csv"
    file.write_text("length,width,kind\n" + "\n".join(f"{i},{i % 3},{'ab'[i % 2]}" for i in range(20)))
    with served(str(file), "--host", "0.0.0.0") as (lines, parts):
        assert lines[0].startswith("warning: listening on 0.0.0.0")
        address = urlsplit(f"http://127.0.0.1:{parts.port}{parts.path}")
        assert got(address, address.path, Host="other.example")[0] == 200
        assert got(address, "/wrong/", Host="other.example")[0] == 404
        with talking(address) as client:
            table = asked(client, {"do": "options"})["table"]
    assert (
        table["classes"] == ["a", "b"] and table["names"] == ["length", "width", "kind"] and len(table["points"]) == 20
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["nothing.csv"], "nothing.csv"),
        (["--backend", "nmpy"], "did you mean 'numpy'"),
        (["--port", "99999"], "99999"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
    ],
)
def test_what_cannot_be_begun_is_told_in_one_line(given, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("click", reason="click is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "nnx", "playground", "--no-browser", *given], capture_output=True, text=True
    )
    assert done.returncode and told in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told(address):
    with pytest.raises(NNXError, match=f"cannot listen on 127.0.0.1, port {address.port}"):
        serve(None, "127.0.0.1", address.port, print)


def test_without_its_packages_the_extra_is_named(monkeypatch):
    from click.testing import CliRunner

    from nnx.cli.commands import nnx as command

    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    result = CliRunner().invoke(command, ["playground", "--no-browser"])
    assert "pip install 'nnx-array[playground]'" in str(result.exception)


def test_the_page_asks_nobody_else():
    for file in sorted(PAGE.iterdir()):
        text = file.read_text()
        addresses = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not addresses, file.name
        assert "innerHTML" not in text and "eval(" not in text, file.name


def test_the_page_is_small():
    assert sum(file.stat().st_size for file in Path(PAGE).iterdir()) < 150_000


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("LOCALHOST", True), ("::1", True), ("0.0.0.0", False), ("box", False)],
)
def test_it_is_known_whether_an_address_is_of_this_machine_alone(host, local):
    from nnx.cli.playground import is_local

    assert is_local(host) == local


def test_no_address_is_refused():
    from nnx.cli.playground import is_local

    with pytest.raises(nnx.SettingError, match="--host must be an address"):
        is_local(" ")


def test_a_file_without_end_is_read_as_far_as_a_table_goes(tmp_path):
    from nnx.cli.playground import table_of

    (tmp_path / "long.csv").write_text("a" + "é" * 600_000, encoding="utf-8")
    for path in ("/dev/zero", tmp_path / "long.csv"):
        with pytest.raises(nnx.DataError, match="at most 262,144 characters"):
            table_of(str(path))
