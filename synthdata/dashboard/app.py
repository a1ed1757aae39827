"""The pages over HTTP: read-only, nothing from another host, and no reader without the token where one is set."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from synthdata.dashboard import explorer as exploring
from synthdata.dashboard.coverage import drawing
from synthdata.dashboard.distributions import distributions
from synthdata.dashboard.judges import judges
from synthdata.dashboard.overview import overview
from synthdata.dashboard.prometheus import exposition
from synthdata.dashboard.reading import Reader, Reading
from synthdata.dashboard.releases import history
from synthdata.dashboard.rounds import rounds
from synthdata.dashboard.site import ASSETS, problem, render
from synthdata.dashboard.text import finite
from synthdata.errors import InputError, SynthdataError

LOOPBACK = ("127.0.0.1", "localhost")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # What agents wrote may be private: no copy stays in a browser or a proxy.
    "Cache-Control": "no-store",
}
_Round = Annotated[int | None, Query(ge=1)]


def link(page: str, /, **given: object) -> str:
    """The address of a page of the server; parameters that are empty are left out."""
    if page == "asset":
        return f"/assets/{given['name']}"
    if page == "decision":
        return f"/decision/{quote(str(given['name']), safe='')}"
    query = {name: value for name, value in given.items() if value not in ("", None)}
    path = "/" if page == "overview" else f"/{page}"
    return f"{path}?{urlencode(query)}" if query else path


def make_app(corpus: Path, token: str = "", hosts: Sequence[str] = LOOPBACK, as_of: int | None = None) -> FastAPI:
    """The dashboard of one corpus.

    `token` is asked for as a bearer token or as the password of HTTP Basic, of any user; empty asks nobody. `hosts` are
    the names under which it may be called (`*` for all), so that no foreign page reaches it through a name of its own.
    """
    reader = Reader(corpus, as_of)
    # Its own documentation pages would load scripts from elsewhere.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/assets", StaticFiles(directory=ASSETS))
    _pages(app, reader)
    _facts(app, reader)

    @app.exception_handler(SynthdataError)
    def refused(_: Request, error: SynthdataError) -> HTMLResponse:
        code = 404 if isinstance(error, InputError) else 500
        return HTMLResponse(problem("This cannot be shown", str(error), link), code)

    @app.exception_handler(HTTPException)
    def missing(request: Request, error: HTTPException) -> HTMLResponse:
        says = f"There is no page {request.url.path}." if error.status_code == 404 else error.detail
        return HTMLResponse(problem("This page is not here", says, link), error.status_code)

    @app.exception_handler(RequestValidationError)
    def misread(_: Request, error: RequestValidationError) -> HTMLResponse:
        problems = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        return HTMLResponse(problem("This address cannot be read", problems, link), 422)

    @app.middleware("http")
    async def guarded(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if token and not _knows(request.headers.get("authorization", ""), token):
            refusal = {"WWW-Authenticate": 'Basic realm="synthdata", charset="UTF-8"'}
            response: Response = Response("a token is needed", 401, refusal, media_type="text/plain")
        else:
            response = await proceed(request)
        response.headers.update(HEADERS)
        return response

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    return app


def _pages(app: FastAPI, reader: Reader) -> None:
    def show(page: str, context: Callable[[Reading], dict[str, Any]], template: str = "") -> HTMLResponse:
        reading = reader.current()
        return HTMLResponse(render(template or page, reading, link, True, context(reading) | {"page": page}))

    @app.get("/")
    def overview_page() -> HTMLResponse:
        return show("overview", overview)

    @app.get("/rounds")
    def rounds_page(round: _Round = None) -> HTMLResponse:
        return show("rounds", lambda reading: rounds(reading, round))

    @app.get("/explorer")
    def explorer_page(search: Annotated[exploring.Search, Query()]) -> HTMLResponse:
        return show("explorer", lambda reading: exploring.explorer(reading, search))

    @app.get("/download")
    def download_rows(search: Annotated[exploring.Search, Query()]) -> StreamingResponse:
        lines = exploring.download(reader.current(), search)
        name = {"Content-Disposition": 'attachment; filename="decisions.jsonl"'}
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=name)

    @app.get("/decision/{name}")
    def decision_page(name: str) -> HTMLResponse:
        return show("explorer", lambda reading: exploring.decision(reading, name), "decision")

    @app.get("/coverage")
    def coverage_page() -> HTMLResponse:
        return show("coverage", lambda reading: drawing(reading.map) | {"distributions": distributions(reading)})

    @app.get("/judges")
    def judges_page() -> HTMLResponse:
        return show("judges", judges)

    @app.get("/releases")
    def releases_page() -> HTMLResponse:
        return show("releases", history)


def _facts(app: FastAPI, reader: Reader) -> None:
    @app.get("/version")
    def version() -> JSONResponse:
        return JSONResponse({"version": reader.current().version})

    @app.get("/api/status")
    def status() -> JSONResponse:
        return JSONResponse(finite(reader.current().facts))

    @app.get("/api/coverage")
    def coverage() -> JSONResponse:
        drawing = reader.current().map
        cells = [asdict(cell) for cell in drawing.cells]
        return JSONResponse(finite({"rows": drawing.rows, "outside": drawing.outside, "cells": cells}))

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        text, media = exposition(reader.current(), request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media})

    @app.get("/api/decisions")
    def decisions(search: Annotated[exploring.Search, Query()]) -> JSONResponse:
        listed = exploring.explorer(reader.current(), search)
        return JSONResponse(finite({name: listed[name] for name in ("total", "at", "last", "rows")}))


def _knows(header: str, token: str) -> bool:
    """Whether an Authorization header carries the token; takes as long for a wrong one as for the right one."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())
