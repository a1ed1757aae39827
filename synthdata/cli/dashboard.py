"""The verb `dashboard`: pages about a corpus, live on this machine or as a folder of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthdata.cli.options import AsOf, CorpusPath
from synthdata.text.terminal import progress, say

if TYPE_CHECKING:
    from fastapi import FastAPI

# Long enough that nobody guesses it.
LEAST_TOKEN = 16


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(dashboard)


def dashboard(
    corpus: CorpusPath,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs --token-env.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8765,
    token_env: Annotated[
        str, typer.Option(help="Environment variable that holds the token every reader must show.")
    ] = "",
    static: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the pages into this new folder instead, and end.")
    ] = None,
    beside: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Another corpus to compare it with, on the page Compare.")
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Show the corpus as pages.

    State, alarms, trends, rounds, every decision, releases; live, or with --static as a folder. They only read; with a
    token and on this machine, people's verdicts on steps can be given there too.
    """
    from synthdata.dashboard.reading import Reader
    from synthdata.errors import InputError

    reading = Reader(corpus, as_of).current()
    if beside is not None:
        Reader(beside).current()
    if static is not None:
        from synthdata.dashboard.folder import write_folder

        with progress("pages", 0) as count:
            files = write_folder(reading, static, count)
        say(f"{static}: {files} files; open {static / 'index.html'}")
        return
    token = os.environ.get(token_env, "") if token_env else ""
    if token_env and len(token) < LEAST_TOKEN:
        raise InputError(f"{token_env}: the variable must hold a token of at least {LEAST_TOKEN} characters")
    loopback = host in ("127.0.0.1", "localhost")
    if not loopback and not token:
        raise InputError(f"--host {host}: others could read the corpus; name a token's variable with --token-env")
    import uvicorn

    from synthdata.dashboard.patience import PatientProtocol

    address = f"[{host}]" if ":" in host else host
    say(f"http://{address}:{port} shows {corpus}; Ctrl-C ends it")
    uvicorn.run(
        server(corpus, token, as_of, beside, loopback=loopback),
        host=host,
        port=port,
        http=PatientProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
    )


def server(corpus: Path, token: str, as_of: int | None, beside: Path | None = None, *, loopback: bool) -> FastAPI:
    """What the verb serves: the pages, and `/lessons` for agents behind the same guard."""
    from synthdata.dashboard.app import LOOPBACK, make_app
    from synthdata.memory.api import lessons_router

    app = make_app(corpus, token, LOOPBACK if loopback else ("*",), as_of, beside)
    app.include_router(lessons_router(corpus, as_of=as_of))
    return app
