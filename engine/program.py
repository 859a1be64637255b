"""The program's process: started early, so that its imports overlap with the engine's own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.errors import EngineError, UnsupportedError
from engine.project import Project

_RUNNER = Path(__file__).with_name("runner.py")
_END_SECONDS = 5.0
ALREADY_TOLD, NO_SDK = 32, 33  # as the runner has them, whose imports are slow
_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
PIPED: Any = {**_PIPES, "text": True, "errors": "replace", "start_new_session": True}
"""How a process is started that writes text to the engine. ^C reaches the engine alone."""


def kill_group(process: "subprocess.Popen[str]", number: int = signal.SIGKILL) -> None:
    """Signals a process and all that it has started; that it is gone already is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def find_python(project: Project) -> str:
    """The project's interpreter: its virtual environment's, else PULUMI_PYTHON_CMD, else this one."""
    toolchain, virtualenv = (project.runtime_options.get(key) for key in ("toolchain", "virtualenv"))
    if toolchain not in (None, "pip", "auto"):
        raise UnsupportedError(f"Pulumi.yaml: the toolchain {toolchain!r} is not supported by the embedded engine.")
    if not virtualenv:
        return os.environ.get("PULUMI_PYTHON_CMD") or sys.executable
    python = project.directory / str(virtualenv) / "bin" / "python"
    if not python.exists():
        raise EngineError(
            f"Pulumi.yaml: runtime.options.virtualenv has no Python (got {virtualenv!r}). "
            "Create it: python3 -m venv, then pip install -r requirements.txt."
        )
    return str(python)


class Program:
    """One run of the program."""

    def __init__(self, project: Project) -> None:
        """Starts the process, which waits for `run`."""
        self._path = project.program
        command = [find_python(project), str(_RUNNER)]
        environment = {**os.environ, "GRPC_VERBOSITY": "NONE", "PYTHONUNBUFFERED": "1"}
        try:
            self._process = subprocess.Popen(command, **PIPED, stderr=subprocess.STDOUT, env=environment)
        except OSError as error:
            raise EngineError(f"the program's Python cannot be started ({error}).") from error
        self._reader: threading.Thread | None = None

    def _read(self, say: Callable[[str], None]) -> None:
        for line in self._process.stdout or ():
            say(line.rstrip("\n"))

    def run(self, settings: Mapping[str, Any], say: Callable[[str], None]) -> int:
        """Hands over the monitor's settings and waits for the end; the exit code. `say` gets each line it prints."""
        directory = self._path if self._path.is_dir() else self._path.parent
        settings = {**settings, "program": str(self._path), "directory": str(directory)}
        self._reader = threading.Thread(target=self._read, args=(say,), daemon=True)
        self._reader.start()
        assert self._process.stdin is not None  # noqa: S101  it was opened as a pipe
        with contextlib.suppress(BrokenPipeError):  # it has ended already; the exit code tells
            self._process.stdin.write(json.dumps(settings) + "\n")
            self._process.stdin.flush()
        code = self._process.wait()
        self._reader.join(_END_SECONDS)
        if code == NO_SDK:
            raise EngineError("the program's Python has no Pulumi SDK. Run: pip install -r requirements.txt.")
        return code

    def kill(self) -> None:
        """Ends the process and all that it has started, and waits for nothing: a signal handler may call it."""
        if self._process.returncode is None:
            kill_group(self._process)

    def stop(self) -> None:
        """Ends the process and all that it has started, if it still runs."""
        if self._process.poll() is None:
            self.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(_END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
