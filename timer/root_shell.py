"""The one seam to the server's host: a shell script run there as root, locally or over ssh."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

NO_SYSTEMD = 90
"""Exit code of the probe on a host without systemd; any other failure is one of access."""
PROBE = f"[ -d /run/systemd/system ] || exit {NO_SYSTEMD}\n"

AS_ROOT = '[ "$(id -u)" = 0 ] && exec sh -s; exec sudo -n sh -s'


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of a script."""

    code: int
    told: str


def command(docker_host: str, *, uid: int) -> list[str] | None:
    """How to run a shell as root where the Docker engine is; None where that is not known. Pure."""
    if docker_host.startswith("ssh://"):
        address = docker_host.removeprefix("ssh://").partition("/")[0]
        # In ssh's own form: without a port, the one that its configuration has for the host.
        return ["ssh", "-o", "BatchMode=yes", f"ssh://{address}", AS_ROOT]
    if docker_host and not docker_host.startswith("unix://"):
        return None
    return ["sh", "-s"] if uid == 0 else ["sudo", "-n", "sh", "-s"]


def run(script: str, environment: Mapping[str, str] = os.environ) -> Ran:
    """Run it, if the host has systemd."""
    words = command(environment.get("DOCKER_HOST", ""), uid=os.getuid())
    if words is None:
        return Ran(code=1, told=f"no way is known to the host behind {environment['DOCKER_HOST']}")
    try:
        done = subprocess.run(words, input=PROBE + script, text=True, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(code=1, told=str(error))
    return Ran(code=done.returncode, told=(done.stderr or done.stdout).strip())
