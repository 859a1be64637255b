"""One look at a stack: reads, compares, reports."""

import json
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

from drift import compare, database, files, program, schema
from drift.errors import DriftError
from drift.inside import look
from drift.observed import observe
from drift.recorded import Recorded
from drift.report import Report
from release.docker_cli import Docker


def compared(docker: Docker, recorded: Recorded, *, stack: str) -> Report:
    """The running system beside the state. Raises DriftError."""
    start = time.monotonic()
    observed = observe(docker, recorded)
    inside = look(docker, recorded, observed)
    drift = [
        *compare.findings(recorded, observed),
        *files.findings(recorded, observed, inside),
        *database.findings(recorded, inside.postgres),
        *schema.findings(inside.schema),
    ]
    notes = list(schema.notes(inside.schema))
    seconds = round(time.monotonic() - start, 2)
    return Report(stack=stack, drift=drift, program=(), unread=inside.unread, notes=notes, seconds=seconds)


def with_program(report: Report, *, exit_code: int, stdout: str, stderr: str) -> Report:
    """The same, with what a preview has said."""
    if exit_code:
        why = f"the program: it cannot be previewed ({program.failure(stdout, stderr)})"
        return replace(report, unread=[*report.unread, why])
    try:
        return replace(report, program=program.findings(stdout, stack=report.stack))
    except DriftError as problem:
        return replace(report, unread=[*report.unread, str(problem)])


def require_no_lock(folder: Path | None, *, project: str, stack: str) -> None:
    """Raises DriftError while an update holds the stack: what it is about to change is no drift.

    Only a backend of files can be asked; with any other a release under way is known by its containers.
    """
    locks = folder / ".pulumi" / "locks" / "organization" / project / stack if folder else None
    for path in sorted(locks.glob("*.json")) if locks else ():
        try:
            owner = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # it has just ended
            continue
        except ValueError:
            owner = {}
        if not _is_gone(owner):
            told = "{username}@{hostname}, process {pid}".format_map({**_NOBODY, **owner})
            raise DriftError(
                f"stack {stack}: no update may be under way (got a lock of {told})."
                " Wait for its end; if it is dead, free the stack with ./pulumiw cancel."
            )


_NOBODY = dict.fromkeys(("username", "hostname", "pid"), "?")


def _is_gone(owner: dict[str, object]) -> bool:
    """Whether the lock's process was on this machine, and is no more."""
    pid = owner.get("pid")
    return owner.get("hostname") == socket.gethostname() and isinstance(pid, int) and not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
