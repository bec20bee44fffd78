"""`condfoley studio`: serves the page on which soundtracks are made and edited, and opens it."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.cli.arguments import from_parsed, option_parser
from condfoley.cli.options import SoundOptions
from condfoley.errors import require_extra
from condfoley.weights import read_card

if TYPE_CHECKING:
    import uvicorn

    from condfoley.foley import Foley
    from condfoley.studio.options import StudioOptions
    from condfoley.studio.server import Studio
    from condfoley.studio.users import Users

WAITING = 128
"""Connections that wait before the server runs."""


def run(argv: list[str]) -> int:
    """Run with command-line arguments until it is interrupted. Raises InputError for anything that cannot be used."""
    from condfoley.studio.options import StudioOptions

    parser = option_parser("condfoley studio", StudioOptions)
    parser.add_argument("project", nargs="?", help="Folder that `condfoley generate` wrote, to open.")
    parsed = parser.parse_args(argv)
    options = from_parsed(parsed, StudioOptions)
    require_extra("studio", "condfoley studio")
    serve(options, Path(parsed.project) if parsed.project else None)
    return 0


def serve(options: StudioOptions, project: Path | None = None) -> None:
    """Serves the page until it is interrupted. project: a result to open. Raises InputError."""
    import uvicorn

    from condfoley.server.listen import bound_socket
    from condfoley.studio.page import require_vendor
    from condfoley.studio.server import open_studio

    require_vendor()
    card = read_card(options.weights_folder)
    with bound_socket(options.host, options.port) as listener:
        listener.listen(WAITING)  # who comes before the server runs waits a little
        studio = open_studio(options, str(card.get("name", "")), lambda: _model(options))
        try:
            opened = _opened(studio, project) if project else ""
            address = page_address(options, listener.getsockname()[1], studio.users, opened)
            server = uvicorn.Server(_config(studio))
            print(f"condfoley studio: {address} (Ctrl-C ends it)", file=sys.stderr, flush=True)
            threading.Thread(target=studio.model, name="model", daemon=True).start()
            if options.browser:
                _open_browser(address)
            server.run(sockets=[listener])
        finally:
            studio.close()


def _opened(studio: Studio, project: Path) -> str:
    from condfoley.studio.opened import open_project

    return open_project(studio.users.workspace(studio.users.names[0]), project, studio.limits)


def _config(studio: Studio) -> uvicorn.Config:
    import uvicorn

    from condfoley.server.connections import CONNECTIONS, PatientProtocol
    from condfoley.studio.app import application

    return uvicorn.Config(
        application(studio),
        http=PatientProtocol,
        log_level="warning",
        access_log=False,  # names of files are nobody's business
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )


def page_address(options: StudioOptions, port: int, users: Users, opened: str = "") -> str:
    """Where the page is; with a token for each user where one is needed. opened: id of a project of the first user's."""
    host = options.host if options.host not in ("0.0.0.0", "::") else socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    base = f"http://{host}:{port}/"
    place = f"#/project/{opened}" if opened else ""
    if not options.needs_token:
        return base + place
    tokens = [f"{base}?token={users.tokens[name]}" for name in users.names]
    tokens[0] += place
    if not options.users.strip():
        return tokens[0]
    return "  ".join(f"{name}: {address}" for name, address in zip(users.names, tokens, strict=True))


def _model(options: StudioOptions) -> Foley:
    from condfoley.cli.run_job import loaded_model

    return loaded_model(SoundOptions(weights=options.weights, device=options.device, engine=options.engine))


def _open_browser(address: str) -> None:
    import webbrowser

    threading.Timer(0.5, webbrowser.open, (address,)).start()
