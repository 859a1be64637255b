"""A command that runs to its end, told as it goes; its failure comes with the cause, if its words are known."""

import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO

from release.docker_cli import Docker, inspect
from release.errors import StepError
from release.explain import explain

REMEMBERED_LINES = 200
POLL_SECONDS = 1.0


def make_way(docker: Docker, command: Sequence[str], tell: Callable[[str], None]) -> None:
    """See that the container of a `docker run --name=…` is not there any more.

    One that still runs, after a deployment that was killed, is waited for: it may be in the middle of a migration.
    """
    name = next((word.partition("=")[2] for word in command if word.startswith("--name=")), "")
    waiting = False
    while found := inspect(docker, [name] if name else []):
        if not found[0]["State"]["Running"]:
            docker("rm", "--force", name, check=False)
            return
        if not waiting:
            tell(f"waiting for {name}, of a deployment that was interrupted; `docker stop {name}` ends it")
        waiting = True
        time.sleep(POLL_SECONDS)


def run_once(command: Sequence[str], tell: Callable[[str], None], *, stdin: IO[bytes] | None = None) -> None:
    """Run it, on `stdin` if given, and pass its output on. Raises StepError with cause and cure when it fails."""
    last: deque[str] = deque(maxlen=REMEMBERED_LINES)
    with subprocess.Popen(
        command,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            tell(line.rstrip())
    if process.returncode:
        known = explain("\n".join(last), exit_code=process.returncode)
        told = last[-1] if last else f"it ended with code {process.returncode}"
        raise StepError(f"{told}\n  cause: {known}." if known else told)
