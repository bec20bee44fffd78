"""The page itself: our own files, wavesurfer.js, and the policy under which a browser runs them."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from condfoley.errors import InputError
from condfoley.studio.users import COOKIE, Users

STATIC = Path(__file__).parent / "static"
VENDOR = Path(__file__).parent / "web/node_modules/wavesurfer.js/dist"
MARK = re.compile(r"<meta name=\"csp-nonce\"[^>]*>")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' blob: data:; "
    "media-src 'self' blob: data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
AGAIN = '<!doctype html><meta http-equiv="refresh" content="0; url=/"><title>condfoley</title>'


def require_vendor(folder: Path = VENDOR) -> None:
    """Raises InputError where the browser's library was not fetched."""
    if not (folder / "wavesurfer.esm.js").is_file():
        raise InputError("the page's library is missing (wavesurfer.js); fetch it with: make studio-web")


class Files(StaticFiles):
    """Files that a browser asks for again only if they were changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_page(app: FastAPI, users: Users, needs_token: bool, static: Path = STATIC, vendor: Path = VENDOR) -> None:
    """Serves the page at /, which signs a browser in: with a token where that is needed, else as the only user."""

    @app.get("/", include_in_schema=False)
    def page(request: Request, token: str = "") -> Response:
        if token:
            user = users.of_token(token)
            if user is None:
                return PlainTextResponse("This token is not known; open the address that was printed last.", 401)
            return _signed_in(request, users.cookie(user))
        name = request.scope["studio_user"]
        if name is None and needs_token:
            return PlainTextResponse("You are not signed in; open the address that `condfoley studio` printed.", 401)
        response = _index(static / "index.html")
        if name is None:
            _set_cookie(response, users.cookie(users.names[0]))
        return response

    app.mount("/static", Files(directory=static), name="static")
    app.mount("/vendor", Files(directory=vendor, check_dir=False), name="vendor")


def _index(path: Path) -> Response:
    """The page with a nonce of its own, for the styles that wavesurfer.js makes."""
    nonce = secrets.token_urlsafe(16)
    html = path.read_text(encoding="utf-8")
    mark = f'<meta name="csp-nonce" content="{nonce}">'
    html = MARK.sub(mark, html, count=1) if MARK.search(html) else html.replace("<head>", f"<head>\n{mark}", 1)
    return HTMLResponse(html, headers={"Content-Security-Policy": POLICY.format(nonce=nonce)})


def _signed_in(request: Request, cookie: str) -> Response:
    """To the page, without the token in the address.

    A browser sends a strict cookie only with what began here, so one that comes from another page goes on from one of ours.
    """
    site = request.headers.get("sec-fetch-site", "none")
    here = site in ("none", "same-origin")
    response: Response = RedirectResponse("/", 303) if here else HTMLResponse(AGAIN)
    _set_cookie(response, cookie)
    return response


def _set_cookie(response: Response, value: str) -> None:
    response.set_cookie(COOKIE, value, max_age=400 * 86400, path="/", httponly=True, samesite="strict")
