"""Takes the steps of a plan. No decisions here."""

import os
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from pathlib import Path

from wrapper import signing_key
from wrapper.console import say
from wrapper.errors import WrapperError
from wrapper.host import SYSTEM_PATH, Host
from wrapper.install_plan import DOCKERD_LOG, FetchKey, Plan, Run, StartDocker, Step, Write

_START_SECONDS = 60
_KEY_TIMEOUT_SECONDS = 20
_KEPT_LINES = 25


class Installer:
    """Runs a plan on this machine; `docker_answers` says whether an Engine is there."""

    def __init__(self, host: Host, *, docker_answers: Callable[[], bool]) -> None:
        self._as_root = [] if host.root else ["sudo"]
        self._docker_answers = docker_answers

    def carry_out(self, plan: Plan) -> None:
        """Raises WrapperError at the first step that fails, with what it printed."""
        for step in plan.steps:
            say(f"  # {str(step).partition(chr(10))[0]}")
            self._take(step)

    def _take(self, step: Step) -> None:
        match step:
            case Run():
                self._run(list(step.argv))
            case Write():
                self._write(step.path, step.text)
            case FetchKey():
                self._fetch_key(step)
            case StartDocker():
                self._start(step)

    def _run(self, argv: list[str]) -> None:
        lines: deque[str] = deque(maxlen=_KEPT_LINES)
        environment = {**os.environ, "PATH": os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_PATH))}
        with subprocess.Popen(
            [*self._as_root, *argv],
            env=environment,
            text=True,
            errors="replace",
            stdin=None if self._as_root else subprocess.DEVNULL,  # sudo may ask for a password
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None  # noqa: S101  stdout=PIPE
            for line in process.stdout:
                lines.append(line)
                if sys.stderr.isatty():
                    print(f"\r\033[K    {line.strip()[:100]}", end="", file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        if process.returncode:
            raise WrapperError(
                f"install: `{' '.join(argv)}` failed (exit code {process.returncode}):\n{''.join(lines).rstrip()}\n"
                "Put that right and run this again; what is installed already is not installed twice."
            )

    def _write(self, path: str, text: str) -> None:
        folder = str(Path(path).parent)
        subprocess.run([*self._as_root, "mkdir", "-p", "-m", "755", folder], check=True)
        command = [*self._as_root, "sh", "-c", 'umask 022 && cat >"$1"', "sh", path]
        subprocess.run(command, input=text, text=True, check=True)

    def _fetch_key(self, step: FetchKey) -> None:
        try:
            with urllib.request.urlopen(step.url, timeout=_KEY_TIMEOUT_SECONDS) as response:  # noqa: S310  https
                text = response.read().decode("ascii", errors="replace")
        except OSError as error:
            raise WrapperError(f"docker: {step.url} cannot be fetched ({error}). Run this again.") from error
        signing_key.check(text, fingerprint=step.fingerprint)
        self._write(step.path, text)

    def _start(self, step: StartDocker) -> None:
        if not self._docker_answers():
            # No pipe: dockerd would keep it open for as long as it lives.
            subprocess.run([*self._as_root, *step.argv], stdin=subprocess.DEVNULL, check=False)
        deadline = time.monotonic() + _START_SECONDS
        while not self._docker_answers():
            if time.monotonic() > deadline:
                log = "journalctl -u docker" if step.systemd else DOCKERD_LOG
                raise WrapperError(f"docker: it was started and does not answer after {_START_SECONDS} s. See {log}.")
            time.sleep(0.3)
