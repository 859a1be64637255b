"""command:local:Command."""

import os
import secrets
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

from engine.errors import ProviderError, UnsupportedError
from engine.model import Diff, State
from engine.providers import Context, Plain
from engine.providers.schema import deep_changes, with_marks
from engine.values import Properties, Secret, has_secret, reveal

_KNOWN = frozenset(
    [
        "create",
        "update",
        "delete",
        "triggers",
        "environment",
        "stdin",
        "interpreter",
        "dir",
        "logging",
        "addPreviousOutputInEnv",
    ]
)
_LOGGED = {
    None: ("stdout", "stderr"),
    "stdoutAndStderr": ("stdout", "stderr"),
    "stdout": ("stdout",),
    "stderr": ("stderr",),
    "none": (),
}
_POLL_SECONDS = 0.1
_KILL_AFTER_SECONDS = 5.0
_ID_DIGITS = 4  # bytes, so 8 hex digits


class Command(Plain):
    """A program run on this machine when the resource is created, updated or deleted."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        for key in news:
            if key not in _KNOWN:
                raise UnsupportedError(f"{name}: property '{key}' is not supported by the embedded engine.")
        logging = news.get("logging")
        if isinstance(logging, str) and logging not in _LOGGED:
            raise ProviderError(f"{name}.logging: must be one of {', '.join(filter(None, _LOGGED))} (got {logging!r}).")
        return {key: value for key, value in news.items() if value is not None}

    def diff(self, old: State, news: Properties) -> Diff:
        changes = {}
        for key in sorted({*old.inputs, *news}):
            hidden = has_secret(old.inputs.get(key)) or has_secret(news.get(key))
            for path, change in deep_changes(key, reveal(old.inputs.get(key)), reveal(news.get(key))):
                changes[path] = with_marks(change, hidden=hidden, replaces=key == "triggers")
        return Diff(changes=changes)

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        id_ = context.name + secrets.token_hex(_ID_DIGITS)
        command = reveal(inputs).get("create")
        return id_, self._outputs(inputs, _run(context, command, reveal(inputs), {}) if command else {})

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        plain, previous = reveal(inputs), _streams(reveal(old.outputs))
        command = plain.get("update") or plain.get("create")
        return self._outputs(inputs, _run(context, command, plain, previous) if command else previous)

    def delete(self, context: Context, state: State) -> None:
        plain = reveal(state.outputs)
        if plain.get("delete"):
            _run(context, plain["delete"], plain, _streams(plain))

    def _outputs(self, inputs: Properties, streams: Properties) -> Properties:
        """Inputs and streams. What a command prints is secret when one of its inputs is."""
        hidden = has_secret(inputs)
        streams = {"stdout": "", "stderr": "", **streams}
        return {**inputs, **{key: Secret(value) if hidden else value for key, value in streams.items()}}


def _streams(outputs: Properties) -> Properties:
    return {key: outputs.get(key) or "" for key in ("stdout", "stderr")}


def _run(context: Context, command: str, plain: Properties, previous: Properties) -> Properties:
    """Runs `command` and returns what it wrote. Raises ProviderError if it fails."""
    process = _start(context, command, plain, previous)
    logged = _LOGGED[plain.get("logging")]
    texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
    both: list[str] = []

    def drain(name: str, stream: IO[str]) -> None:
        for line in stream:
            texts[name].append(line)
            both.append(line)
            if name in logged:
                context.log("info#err", context.blind(line.rstrip("\n")))

    streams: list[tuple[str, Any]] = [("stdout", process.stdout), ("stderr", process.stderr)]
    threads = [threading.Thread(target=drain, args=pair, daemon=True) for pair in streams]
    for thread in threads:
        thread.start()
    _feed(process, plain.get("stdin") or "")
    _await_end(context, process)
    for thread in threads:
        thread.join(_KILL_AFTER_SECONDS)  # a background child may hold the pipes open
    if process.returncode:
        cause = (
            f"exit status {process.returncode}"
            if process.returncode > 0
            else f"signal: {signal.Signals(-process.returncode).name}"
        )
        raise ProviderError(context.blind(f"{cause}: running {command!r}:\n{''.join(both)}".rstrip()))
    return {name: "".join(lines).removesuffix("\n") for name, lines in texts.items()}


def _start(context: Context, command: str, plain: Properties, previous: Properties) -> "subprocess.Popen[str]":
    environment = {**os.environ, **(plain.get("environment") or {})}
    if previous and plain.get("addPreviousOutputInEnv") is not False:
        environment |= {f"PULUMI_COMMAND_{key.upper()}": value for key, value in previous.items()}
    folder = context.cwd / (plain.get("dir") or ".")
    try:
        return subprocess.Popen(
            [*(plain.get("interpreter") or ["/bin/sh", "-c"]), command],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # ^C reaches the engine alone, which then ends the command
        )
    except OSError as error:
        raise ProviderError(f"{context.name}: the command cannot be started in {folder} ({error}).") from error


def _feed(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdin is not None  # noqa: S101  it was opened as a pipe
    try:
        process.stdin.write(text)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended without reading


def _await_end(context: Context, process: "subprocess.Popen[str]") -> None:
    """Waits; a cancelled or late command is asked to end, then made to."""
    deadline = time.monotonic() + (context.timeout_seconds or float("inf"))
    while process.poll() is None:
        if context.cancelled.is_set() or time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_KILL_AFTER_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
