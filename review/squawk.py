"""The linter's program: one file for each statement, so that it is known which one a finding is about."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from review.errors import ReviewInputError
from review.migrations import Migration

SERVER = "17"
"""The PostgreSQL that is linted for."""
_SECONDS = 60
_FILES_AT_ONCE = 500


def program() -> str:
    """Where it is: beside this Python, or on PATH; empty if it is nowhere."""
    return (
        shutil.which("squawk", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
        or ""
    )


def check(squawk: str, migrations: Sequence[Migration]) -> list[list[set[str]]]:
    """The names of squawk's rules that each statement of each migration breaks. Raises ReviewInputError."""
    found: list[list[set[str]]] = [[set() for _ in each.statements] for each in migrations]
    with TemporaryDirectory() as folder:
        files = []
        for number, migration in enumerate(migrations):
            for index, statement in enumerate(migration.statements):
                file = Path(folder) / f"{number}-{index}.sql"
                # A waiver is written into the migration, with its reason; squawk's own comment gives none.
                file.write_text(statement.sql.replace("squawk-ignore", "squawk ignore"), encoding="utf-8")
                files.append(file.name)
        for start in range(0, len(files), _FILES_AT_ONCE):
            for name, rule in _run(squawk, folder, files[start : start + _FILES_AT_ONCE]):
                number_of, _, index_of = Path(name).stem.partition("-")
                found[int(number_of)][int(index_of)].add(rule)
    return found


def _run(squawk: str, folder: str, files: Sequence[str]) -> list[tuple[str, str]]:
    flags = ["--reporter=json", f"--pg-version={SERVER}", "--config=/dev/null"]
    try:
        done = subprocess.run(
            [squawk, *flags, *files], cwd=folder, text=True, capture_output=True, check=False, timeout=_SECONDS
        )
        return [(str(each["file"]), str(each["rule_name"])) for each in json.loads(done.stdout or "[]")]
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise ReviewInputError(
            f"linter: squawk must tell its findings as JSON (got {type(error).__name__}). Install it anew:"
            " pip install squawk-cli."
        ) from None
