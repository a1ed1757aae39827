"""The pages over HTTP: read-only, nothing from another host, and no reader without the token where one is set."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from synthdata.dashboard import explorer as exploring
from synthdata.dashboard.compare import compare
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
from synthdata.dashboard.verdicts import LONGEST_FORM, LONGEST_NAME, VerdictForms, take_verdict, verdicts_on
from synthdata.drawing import STYLE
from synthdata.errors import InputError, LockedError, RefusedError, SynthdataError
from synthdata.monitor.running import running
from synthdata.pictures.encode import thumbnail

LOOPBACK = ("127.0.0.1", "localhost")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    # A form that is sent names where it comes from, to this server alone.
    "Referrer-Policy": "same-origin",
    # What agents wrote may be private: no copy stays in a browser or a proxy.
    "Cache-Control": "no-store",
}
_Round = Annotated[int | None, Query(ge=1)]


def link(page: str, /, **given: object) -> str:
    """The address of a page of the server; parameters that are empty are left out."""
    if page == "asset":
        return f"/assets/{given['name']}"
    if page == "picture":
        return f"/picture/{given['name']}"
    if page == "decision":
        return f"/decision/{quote(str(given['name']), safe='')}"
    query = {name: value for name, value in given.items() if value not in ("", None)}
    path = "/" if page == "overview" else f"/{page}"
    return f"{path}?{urlencode(query)}" if query else path


def make_app(
    corpus: Path,
    token: str = "",
    hosts: Sequence[str] = LOOPBACK,
    as_of: int | None = None,
    beside: Path | None = None,
) -> FastAPI:
    """The dashboard of one corpus; `beside` is another one to compare it with.

    Verdicts of people on steps are taken where there is a token and nobody but this machine is served.

    `token` is asked for as a bearer token or as the password of HTTP Basic, of any user; empty asks nobody. `hosts` are
    the names under which it may be called (`*` for all), so that no foreign page reaches it through a name of its own.
    """
    reader = Reader(corpus, as_of)
    # Its own documentation pages would load scripts from elsewhere.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/assets/chart.css")
    def chart_style() -> Response:
        return Response(STYLE, media_type="text/css")

    app.mount("/assets", StaticFiles(directory=ASSETS))
    writes = bool(token) and as_of is None and set(hosts) <= set(LOOPBACK)
    forms = VerdictForms() if writes else None
    show = _shower(reader)
    _pages(app, show, reader)
    _close_pages(app, show, forms, None if beside is None else Reader(beside))
    _facts(app, reader)
    if forms is not None:
        _verdicts(app, reader, forms)

    @app.exception_handler(SynthdataError)
    def refused(request: Request, error: SynthdataError) -> HTMLResponse:
        sent = request.method == "POST"
        codes = {InputError: 400 if sent else 404, RefusedError: 403, LockedError: 409}
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), 500)
        headline = "This was not taken" if sent else "This cannot be shown"
        return HTMLResponse(problem(headline, str(error), link), code)

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


class Show(Protocol):
    """Makes a page of the navigation out of its context; `template` where its name is another one."""

    def __call__(self, page: str, context: Callable[[Reading], dict[str, Any]], template: str = "", /) -> HTMLResponse:
        """The page as the corpus stands now."""


def _shower(reader: Reader) -> Show:
    def show(page: str, context: Callable[[Reading], dict[str, Any]], template: str = "", /) -> HTMLResponse:
        reading = reader.current()
        return HTMLResponse(render(template or page, reading, link, True, context(reading) | {"page": page}))

    return show


def _pages(app: FastAPI, show: Show, reader: Reader) -> None:

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

    @app.get("/picture/{name}")
    def picture(name: str) -> Response:
        picture_store = reader.current().store.pictures
        if not picture_store.has(name):
            raise HTTPException(404)
        return Response(thumbnail(picture_store.read(name)), media_type="image/png")

    @app.get("/coverage")
    def coverage_page() -> HTMLResponse:
        return show("coverage", lambda reading: drawing(reading.map, link) | {"distributions": distributions(reading)})

    @app.get("/judges")
    def judges_page() -> HTMLResponse:
        return show("judges", judges)

    @app.get("/releases")
    def releases_page() -> HTMLResponse:
        return show("releases", history)


def _close_pages(app: FastAPI, show: Show, forms: VerdictForms | None, other: Reader | None) -> None:
    @app.get("/decision/{name}")
    def decision_page(name: str, request: Request) -> HTMLResponse:
        def facts(reading: Reading) -> dict[str, Any]:
            shown = exploring.decision(reading, name)
            verdicts = verdicts_on(reading.store, shown["facts"]["trajectory_id"]) if shown["steps"] else {}
            form = {"key": forms.key, "by": _signed(request)} if forms is not None else None
            return shown | {"verdicts": verdicts, "form": form}

        return show("explorer", facts, "decision")

    @app.get("/compare")
    def compare_page(left: _Round = None, right: _Round = None) -> HTMLResponse:
        beside = None if other is None else other.current()
        return show("compare", lambda reading: compare(reading, left, right, beside))


def _verdicts(app: FastAPI, reader: Reader, forms: VerdictForms) -> None:
    @app.post("/label")
    async def label(request: Request) -> RedirectResponse:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                break
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        verdict = forms.read(body, dict(request.headers), own)
        await run_in_threadpool(take_verdict, reader.current().store, verdict.label)
        return RedirectResponse(link("decision", name=verdict.decision) + "#steps", 303)


def _facts(app: FastAPI, reader: Reader) -> None:
    @app.get("/version")
    def version() -> JSONResponse:
        reading = reader.current()
        return JSONResponse({"version": reading.version, "under_way": str(running(reading.store) or "")})

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
    return hmac.compare_digest(_credentials(header)[1].encode(), token.encode())


def _signed(request: Request) -> str:
    """The user name of the browser's prompt: whoever gives a verdict need not type it again."""
    return _credentials(request.headers.get("authorization", ""))[0][:LONGEST_NAME]


def _credentials(header: str) -> tuple[str, str]:
    """User name and secret of an Authorization header; the name of a bearer is empty, as all is that cannot be read."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, secret.strip()
    return "", given.strip() if scheme.lower() == "bearer" else ""
