"""`nnx playground`: the page in a browser, its training on this machine."""

from pathlib import Path
from typing import Any

from ..backends import backend as backend_of, probe
from ..errors import DataError
from ..playground.server import make_app, new_token, serve
from ..playground.table import CHARACTERS, read

LOCAL = ("127.0.0.1", "localhost", "::1")


def playground(data: str | None, backend: str | None, host: str, port: int, *, browser: bool) -> None:
    """Serve the playground until Ctrl-C. Raises NNXError."""
    chosen = backend_of(backend)
    probe(chosen)
    table = None if data is None else table_of(data)
    token = new_token()
    hosts: set[str] | None = set() if host in LOCAL else None
    app = make_app(chosen, token=token, hosts=hosts, table=table)

    def ready(number: int) -> None:
        if hosts is not None:
            hosts.update(f"{name}:{number}" for name in ("127.0.0.1", "localhost", "[::1]"))
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host in LOCAL else host
        address = f"http://{shown}:{number}/{token}/"
        if hosts is None:
            print(f"warning: listening on {host}, not on this machine alone: whoever has the address can use it")
        print(f"{address}  ({chosen}; Ctrl-C ends it)", flush=True)
        if browser:
            open_browser(address)

    serve(app, host, port, ready)


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
        content = Path(path).read_bytes()[: CHARACTERS * 4]
        return read(content.decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a text file in UTF-8") from None
