"""The playground on this machine: its page and one session for each WebSocket, for the holder of the address alone.

The address holds a random token, without which nothing is found; the headers Host and Origin have to name this server,
so that no other site can reach it through a browser. Each message is limited in bytes and in time, and nothing runs
between two messages: a page that is closed has ended its training.
"""

import json
from collections.abc import Callable
from pathlib import Path
from secrets import compare_digest, token_urlsafe
from time import perf_counter
from typing import Any

from ..backends import Backend
from ..errors import NNXError
from .messages import BYTES, answered
from .session import Session

PAGE = Path(__file__).parent / "page"
FILES = frozenset(path.name for path in PAGE.iterdir())
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SESSIONS = 8  # at the same time
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Missing(NNXError, ImportError):
    """What the server needs is not installed."""


def make_app(backend: Backend, *, token: str, hosts: set[str] | None, table: dict[str, Any] | None = None) -> Any:
    """The application. hosts: what the header Host may be, such as "127.0.0.1:8000"; None for any.

    table: that every session begins with, as `table.read` gives it. Raises Missing.
    """
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, Response
        from starlette.routing import Route, WebSocketRoute
        from starlette.websockets import WebSocket, WebSocketDisconnect
    except ImportError:
        raise Missing("the playground needs starlette: pip install 'nnx-array[playground]'") from None
    open_now: set[int] = set()

    def allowed(connection: Any) -> bool:
        """True for one who knows the token and does not come by way of another site."""
        host, origin = connection.headers.get("host", ""), connection.headers.get("origin")
        known = compare_digest(connection.path_params["token"].encode(), token.encode())
        own = origin is None or origin.partition("://")[2] == host
        return known and own and (hosts is None or host in hosts)

    async def page(request: Request) -> Response:
        name = request.path_params.get("name") or "index.html"
        if not allowed(request):
            return PlainTextResponse("not found\n", 404, HEADERS)
        if name == "where.json":
            return Response(json.dumps({"carrier": "socket"}), headers=HEADERS, media_type="application/json")
        path = PAGE / name
        if name not in FILES or path.suffix not in TYPES:
            return PlainTextResponse("not found\n", 404, HEADERS)
        return Response(path.read_bytes(), headers=HEADERS, media_type=TYPES[path.suffix])

    async def talk(socket: WebSocket) -> None:
        if not allowed(socket) or socket.headers.get("origin") is None:
            await socket.close(4403)
            return
        await socket.accept()
        if len(open_now) >= SESSIONS:
            await socket.send_text(json.dumps({"error": f"{SESSIONS} playgrounds are open already: close one"}))
            await socket.close(4429)
            return
        open_now.add(id(socket))
        try:
            session = await run_in_threadpool(begun, backend, table)
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                text = message.get("text")
                answer = await run_in_threadpool(answered, session, text)
                await socket.send_text(answer)
        except (WebSocketDisconnect, RuntimeError):  # the page has gone
            pass
        finally:
            open_now.discard(id(socket))

    async def elsewhere(request: Request) -> Response:
        return PlainTextResponse("not found: open the address that nnx playground printed\n", 404, HEADERS)

    return Starlette(
        routes=[
            WebSocketRoute("/{token}/socket", talk),
            Route("/{token}/", page),
            Route("/{token}/{name}", page),
            Route("/{rest:path}", elsewhere),
        ]
    )


def begun(backend: Backend, table: dict[str, Any] | None) -> Session:
    """A session, on the table if there is one."""
    session = Session(backend, clock=perf_counter)
    session.table = table
    return session


def serve(app: Any, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until Ctrl-C; `ready` is told the port once it listens. Raises Missing, NNXError."""
    import asyncio
    import socket

    try:
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise Missing(f"the playground needs {error.name}: pip install 'nnx-array[playground]'") from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(64)
    except (OSError, OverflowError) as error:
        listening.close()
        raise NNXError(f"cannot listen on {host}, port {port}: {getattr(error, 'strerror', None) or error}") from None
    ready(listening.getsockname()[1])
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="auto",
        ws_per_message_deflate=False,
        ws_max_size=BYTES,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


def new_token() -> str:
    """A token that nobody can guess."""
    return token_urlsafe(18)
