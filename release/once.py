"""A command that runs to its end, told as it goes; its failure comes with the cause, if its words are known."""

import subprocess
from collections import deque
from collections.abc import Callable, Sequence

from release.errors import StepError
from release.explain import explain

REMEMBERED_LINES = 200


def run_once(command: Sequence[str], tell: Callable[[str], None]) -> None:
    """Run it and pass its output on. Raises StepError with cause and cure when it fails."""
    last: deque[str] = deque(maxlen=REMEMBERED_LINES)
    with subprocess.Popen(
        command,
        text=True,
        encoding="utf-8",
        errors="replace",
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
