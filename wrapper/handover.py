"""Runs the chosen engine: in the place of this process where nothing is left to do afterwards."""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from wrapper.engine_choice import Engine

_EMBEDDED = "engine"
_LOCK = "requirements.txt"


class Runner:
    """The engine of one call, with the variables that it gets."""

    def __init__(self, engine: Engine, *, root: Path, environment: Mapping[str, str]) -> None:
        self._engine = engine
        self._root = root
        self._environment = dict(environment)

    def become(self, arguments: Sequence[str]) -> None:
        """Never returns. Signals, exit code, stdin and stdout are the engine's own."""
        if self._engine.kind == "pulumi":
            os.execve(self._engine.path, ["pulumi", *arguments], self._environment)  # noqa: S606  no shell is wanted
        # This process runs in .venv already, so the embedded engine needs no further one.
        os.environ.clear()
        os.environ.update(self._environment)
        sys.argv = [_EMBEDDED, *arguments]
        runpy.run_module(_EMBEDDED, run_name="__main__", alter_sys=True)
        sys.exit(0)

    def run(self, arguments: Sequence[str]) -> int:
        """Run it and come back with its exit code; a signal's is 128 + its number, as in a shell.

        The terminal sends ^C to the engine as well as to this process, so it is not passed on; SIGTERM is.
        """
        with subprocess.Popen(self._command(arguments), env=self._environment) as process:

            def pass_on(number: int, _: FrameType | None) -> None:
                process.send_signal(number)

            before = {
                signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
                signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on),
            }
            code = process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
        return code if code >= 0 else 128 - code

    def ask(self, arguments: Sequence[str], *, cwd: Path, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run it aside, in `cwd`, with `text` as its stdin, and keep what it prints."""
        return subprocess.run(
            self._command(arguments),
            cwd=cwd,
            env=self._environment,
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )

    def _command(self, arguments: Sequence[str]) -> list[str]:
        if self._engine.kind == "pulumi":
            return [self._engine.path, *arguments]
        launcher = self._root / "wrapper" / "__main__.py"
        return [sys.executable, str(launcher), _LOCK, _EMBEDDED, *arguments]
