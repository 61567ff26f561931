"""`nnx playground`: the page in a browser, its training on this machine."""

from ipaddress import ip_address
from typing import Any

from ..backends import backend as backend_of, probe
from ..errors import DataError, require
from ..playground.server import make_app, new_token, serve
from ..playground.table import CHARACTERS, read

NAMES = ("127.0.0.1", "localhost", "[::1]")  # by which a browser may call this machine


def playground(data: str | None, backend: str | None, host: str, port: int, *, browser: bool) -> None:
    """Serve the playground until Ctrl-C. Raises NNXError."""
    local = is_local(host)
    chosen = backend_of(backend)
    probe(chosen)
    table = None if data is None else table_of(data)
    token = new_token()
    hosts: set[str] | None = set() if local else None
    app = make_app(chosen, token=token, hosts=hosts, table=table)

    def ready(number: int) -> None:
        if hosts is not None:
            hosts.update(f"{name}:{number}" for name in (*NAMES, host.lower()))
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host.lower() == "localhost" else host
        address = f"http://{shown}:{number}/{token}/"
        if hosts is None:
            print(f"warning: listening on {host}, not on this machine alone: whoever has the address can use it")
        print(f"{address}  ({chosen}; Ctrl-C ends it)", flush=True)
        if browser:
            open_browser(address)

    serve(app, host, port, ready)


def is_local(host: str) -> bool:
    """True for an address that this machine alone can reach. Raises SettingError for none."""
    require(bool(host.strip()), "playground: --host must be an address, such as 127.0.0.1", host)
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def open_browser(address: str) -> None:
    """Open the address in the browser, once the server answers."""
    import threading
    import webbrowser

    timer = threading.Timer(0.5, webbrowser.open, [address])
    timer.daemon = True
    timer.start()


def table_of(path: str) -> dict[str, Any]:
    """The points in a file. Raises DataError."""
    try:
        with open(path, encoding="utf-8") as file:
            return read(file.read(CHARACTERS + 1))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a text file in UTF-8") from None
