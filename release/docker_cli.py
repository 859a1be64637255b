"""The one seam to Docker: the docker command, which knows DOCKER_HOST, contexts and ssh by itself."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from typing import Any, Protocol

from release.errors import DockerError

TIMEOUT_SECONDS = 120
"""For one command; `docker stop` may take its own --time on top."""

HARDENED = (
    "--rm", "--interactive", "--pull=never", "--no-healthcheck", "--read-only", "--cap-drop=ALL",
    "--security-opt=no-new-privileges:true",
)  # fmt: skip
"""Flags of a `docker run` that only looks: user, limits and network are the caller's to say."""


class Docker(Protocol):
    """Runs docker commands."""

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:
        """Standard output of `docker WORDS`, with `both` its errors too. Raises DockerError unless `check` is False."""


class DockerCli:
    """The real one. `host` is the engine, as DOCKER_HOST has it; empty is the environment's own."""

    def __init__(self, host: str = "") -> None:
        self._environment = {**os.environ, "DOCKER_HOST": host} if host else None

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:
        errors = subprocess.STDOUT if both else subprocess.PIPE
        seconds = TIMEOUT_SECONDS + sum(int(word.partition("=")[2]) for word in words if word.startswith("--time="))
        try:
            done = subprocess.run(
                ["docker", *words],
                input=stdin,
                text=True,
                encoding="utf-8",
                errors="replace",  # a log may hold anything
                stdout=subprocess.PIPE,
                stderr=errors,
                check=False,
                timeout=seconds,
                env=self._environment,
            )
        except subprocess.TimeoutExpired:
            raise DockerError(f"docker {words[0]}: no end after {seconds} s. Is the engine overloaded?") from None
        if check and done.returncode:
            raise DockerError(f"docker {' '.join(words[:3])}: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def inspect(docker: Docker, names: Sequence[str]) -> list[dict[str, Any]]:
    """The inspections of the containers that exist, in their order. Raises DockerError when that is not known."""
    if not names:
        return []
    told = docker("inspect", "--type=container", *names, check=False, both=True)
    array = re.search(r"^\[", told, re.MULTILINE)  # with errors and warnings before or after it
    found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(told[array.start() :])[0] if array else []
    missing = {*names} - {each["Name"].lstrip("/") for each in found}
    if any(not re.search(rf"no such .*: {re.escape(name)}$", told, re.MULTILINE | re.IGNORECASE) for name in missing):
        raise DockerError(f"docker inspect: {told.removeprefix('[]').strip()}")
    return found


def labelled(docker: Docker, prefix: str, role: str = "") -> list[str]:
    """Names of a stack's containers, of one role or all, stopped ones included, sorted."""
    filters = [f"--filter=label=django-stack.stack={prefix}"]
    filters += [f"--filter=label=django-stack.role={role}"] if role else []
    return sorted(docker("ps", "--all", "--format={{.Names}}", *filters).split())


def last_lines(docker: Docker, name: str, lines: int = 25) -> str:
    """The end of a container's log, both streams in their order."""
    return docker("logs", f"--tail={lines}", name, check=False, both=True).rstrip()
