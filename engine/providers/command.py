"""command:local:Command."""

import contextlib
import io
import os
import secrets
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO

from engine.errors import ProviderError, UnsupportedError
from engine.model import Diff, State
from engine.program import PIPED, kill_group
from engine.providers import Context, ResourceType
from engine.providers.schema import compare_plain
from engine.values import Properties, Secret, has_secret, reveal

_STREAMS = ("stdout", "stderr")
_KNOWN = frozenset(["create", "update", "delete", "triggers", "environment", "stdin"])
_POLL_SECONDS = 0.1
_KILL_AFTER_SECONDS = 5.0
_ID_BYTES = 4
_RUNNING: set["subprocess.Popen[str]"] = set()


def kill_all() -> None:
    """Ends every running command, and all that it has started, on the spot."""
    for process in list(_RUNNING):
        kill_group(process)


class Command(ResourceType):
    """A program run on this machine when the resource is created, updated or deleted."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        unsupported = sorted(set(news) - _KNOWN)
        if unsupported:
            raise UnsupportedError(f"{name}: property '{unsupported[0]}' is not supported by the embedded engine.")
        return {key: value for key, value in news.items() if value is not None}

    def diff(self, old: State, news: Properties) -> Diff:
        return compare_plain(old.inputs, news, replacing=["triggers"])

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        id_ = context.name + secrets.token_hex(_ID_BYTES)
        return id_, _outputs(inputs, _run(context, plain.get("create"), plain, {}))

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        plain = reveal(inputs)
        return _outputs(inputs, _run(context, plain.get("update") or plain.get("create"), plain, reveal(old.outputs)))

    def delete(self, context: Context, state: State) -> None:
        plain = reveal(state.outputs)
        _run(context, plain.get("delete"), plain, plain)


def _outputs(inputs: Properties, streams: Properties) -> Properties:
    """Inputs and streams. What a command prints is secret when one of its inputs is."""
    hidden = has_secret(inputs)
    return {**inputs, **{key: Secret(value) if hidden else value for key, value in streams.items()}}


def _run(context: Context, command: str | None, plain: Properties, previous: Properties) -> Properties:
    """Runs `command`, if there is one, and returns what it wrote. Raises ProviderError if it fails."""
    before = {key: previous.get(key) or "" for key in _STREAMS}
    if not command:
        return before
    process = _start(context, command, plain, before if previous else {})
    said: list[tuple[str, str]] = []

    def drain(name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                said.append((name, line))
                context.progress(context.blind(line.rstrip("\n")))

    pipes = zip(_STREAMS, (process.stdout, process.stderr), strict=True)
    threads = [threading.Thread(target=drain, args=pair, daemon=True) for pair in pipes]
    for thread in threads:
        thread.start()
    with contextlib.suppress(BrokenPipeError), process.stdin or io.StringIO() as stdin:  # it may end without reading
        stdin.write(plain.get("stdin") or "")
    _RUNNING.add(process)
    try:
        _await_end(context, process)
    finally:
        _RUNNING.discard(process)
    for thread in threads:
        thread.join(_KILL_AFTER_SECONDS)  # a background child may hold the pipes open
    code = process.returncode
    if code:
        cause = f"exit status {code}" if code > 0 else f"signal: {signal.Signals(-code).name}"
        text = "".join(line for _, line in said)
        raise ProviderError(context.blind(f"{cause}: running {command!r}:\n{text}".rstrip()))
    return {name: "".join(line for stream, line in said if stream == name).removesuffix("\n") for name in _STREAMS}


def _start(context: Context, command: str, plain: Properties, previous: Properties) -> "subprocess.Popen[str]":
    environment = {**os.environ, **(plain.get("environment") or {})}
    environment |= {f"PULUMI_COMMAND_{key.upper()}": value for key, value in previous.items()}
    shell = ["/bin/sh", "-c", command]
    try:
        return subprocess.Popen(shell, **PIPED, stderr=subprocess.PIPE, cwd=context.cwd, env=environment)
    except OSError as error:
        raise ProviderError(f"{context.name}: the command cannot be started ({error}).") from error


def _await_end(context: Context, process: "subprocess.Popen[str]") -> None:
    """Waits; a cancelled or late command is asked to end, then made to."""
    deadline = time.monotonic() + (context.timeout_seconds or float("inf"))
    while process.poll() is None:
        if context.cancelled.is_set() or time.monotonic() > deadline:
            for number in (signal.SIGTERM, signal.SIGKILL):
                kill_group(process, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_KILL_AFTER_SECONDS)
                    return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
