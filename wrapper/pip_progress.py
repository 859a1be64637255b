"""Runs pip or uv and shows how far it is: a line that counts on a terminal, nothing in a log, its end on failure."""

import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence

from wrapper.errors import WrapperError

_KEPT_LINES = 25


def count_packages(lock: str) -> int:
    return sum(1 for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#")))


def label(line: str, *, done: int, packages: int) -> tuple[str, int]:
    """What to show for a line of pip's output, and how many packages it has come to."""
    words = line.split()
    if line.startswith("Collecting ") and len(words) > 1:
        done += 1
        return f"{min(done, packages)} of {packages}: {words[1].partition('==')[0]}", done
    if line.startswith("Installing collected packages"):
        return f"unpacking {packages} packages", done
    return "", done


def run(command: Sequence[str], *, environment: Mapping[str, str], packages: int) -> None:
    """Raises WrapperError with the last lines of the output."""
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    done = 0
    live = sys.stderr.isatty()
    with subprocess.Popen(
        list(command), env=dict(environment), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # noqa: S101  stdout=PIPE
        for line in process.stdout:
            lines.append(line)
            text, done = label(line, done=done, packages=packages)
            if live and text:
                print(f"\r\033[K  {text}", end="", file=sys.stderr, flush=True)
    if live:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if process.returncode:
        tail = "".join(lines).rstrip()
        raise WrapperError(
            f"venv: installing packages failed (exit code {process.returncode}):\n{tail}\n"
            "Check the network, or point pip at your index (PIP_INDEX_URL, PIP_CERT or pip.conf), and run this again."
        )
