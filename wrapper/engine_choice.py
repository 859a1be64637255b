"""Which engine runs the program: the Pulumi CLI, or the embedded one."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Literal

from wrapper.errors import WrapperError

VARIABLE = "DJANGO_STACK_ENGINE"
FLOOR = (3, 202, 0)
"""The oldest CLI that we accept: the first whose Python host runs Python 3.14, the newest that we support. What else
is used is older: config keys of type `object` (3.186), PULUMI_STACK (3.154), --config-file (0.16)."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The engine of one call."""

    kind: Literal["pulumi", "embedded"]
    reason: str
    path: str = ""
    """Of the CLI."""

    @property
    def line(self) -> str:
        return f"engine: {self.kind} ({self.reason})" if self.kind == "embedded" else f"engine: {self.reason}"


def parse_version(text: str) -> tuple[int, int, int] | None:
    """`v3.259.0-alpha.1+dirty` is (3, 259, 0)."""
    match = re.match(r"\s*v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def choose(*, wish: str, path: str, version: str) -> Engine:
    """The engine for a wish (VARIABLE), the path of a `pulumi` and what `pulumi version` said; each may be empty.

    Raises WrapperError where the wish cannot be met.
    """
    if wish not in ("", "embedded", "pulumi"):
        raise WrapperError(f"{VARIABLE}: must be embedded or pulumi (got {wish!r}).", exit_code=2)
    if wish == "embedded":
        return Engine(kind="embedded", reason=f"{VARIABLE} is set")
    numbers = parse_version(version)
    floor = ".".join(map(str, FLOOR))
    if not path:
        obstacle = "pulumi is not on PATH"
    elif numbers is None:
        obstacle = f"{path} does not say its version"
    elif numbers < FLOOR:
        obstacle = f"{path} is {version.strip()}, older than v{floor}"
    else:
        return Engine(kind="pulumi", reason=f"pulumi {version.strip()}", path=path)
    if wish == "pulumi":
        raise WrapperError(
            f"{VARIABLE}: pulumi cannot be used ({obstacle}). "
            f"Install v{floor} or newer (https://www.pulumi.com/docs/install/), or unset {VARIABLE}."
        )
    return Engine(kind="embedded", reason=obstacle)


def find(wish: str) -> Engine:
    """Look for a `pulumi` and choose. Raises WrapperError."""
    path = "" if wish == "embedded" else shutil.which("pulumi") or ""
    return choose(wish=wish, path=path, version=_version_of(path) if path else "")


def _version_of(path: str) -> str:
    try:
        run = subprocess.run([path, "version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""
