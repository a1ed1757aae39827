"""Verbs that try the controls themselves: `doctor` plants known faults and shows what fires."""

from __future__ import annotations

import typer

from synthdata.cli.options import AsJson, Config, Overrides
from synthdata.text.terminal import emit_json, progress, say, table


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(doctor)


def doctor(config: Config = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Plant known faults and see what catches them.

    In a throw-away corpus; shows which control fired on each. Exit code 1 if one did not.

    Copies at three levels, noise of two kinds, a leak of a held-out text, a secret, bursts of one lesson, a generator
    that narrows, reviews of other runs and of other trials, a judge that passes everything. Where several controls
    would stop a fault each is tried alone. With your --config or --set it tries your settings.
    """
    import tempfile
    from dataclasses import asdict
    from pathlib import Path

    from synthdata.cli.decide import load_settings
    from synthdata.doctor import STAGES, examine

    settings = load_settings(config, overrides)
    with tempfile.TemporaryDirectory() as folder, progress("planting faults", len(STAGES)) as advance:
        findings = examine(Path(folder), settings, advance)
    silent = [finding for finding in findings if not finding.fired]
    if as_json:
        emit_json({"healthy": not silent, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [("yes" if f.fired else "NO", f.planted, f.control, f.seen) for f in findings]
        table("planted faults", ["fired", "planted", "control", "seen"], rows)
        for finding in silent:
            say(f"{finding.control} did not fire on {finding.planted}: {finding.seen}")
        say("Every control fired." if not silent else f"{len(silent)} of {len(findings)} controls did not fire.")
    if silent:
        raise typer.Exit(1)
