"""`./ops drift`: does what runs still be what was deployed? Looks only, unless it is told to mend."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from drift import examine, recorded
from drift.errors import DriftError
from drift.finding import printable
from drift.mend import Plan, plan
from drift.recorded import Recorded
from drift.repair import repair
from drift.report import ERROR, Report, as_json, as_markdown, as_text
from operations import drift_issue, drift_webhook
from operations.command import add_command
from operations.errors import OperationError
from operations.issue_tracker import tracker
from operations.stack import ROOT, Stack, open_stack
from release.docker_cli import DockerCli
from wrapper import record

_DESCRIPTION = """\
Compares what runs with the recorded state, and that with the program: containers, networks, volumes and images, and
what only a look inside shows: files in volumes, Nginx's configuration, PostgreSQL's settings, roles and migrations.
Each difference comes with its likely cause and the command that mends it. Looks only, unless --fix is given.

For looks by a schedule: --issue keeps one issue about the stack's drift, in the repository whose workflow or pipeline
this runs in; --notify tells driftWebhookUrl of the stack config, if it is set, when drift appears, changes or ends.

Exit code: 0 when there is no difference, 2 when there is, 1 when something could not be looked at or told.
docs/drift.md explains each kind by its id.
"""
WEBHOOK = "driftWebhookUrl"
_UNHEALTHY = "drift.C004"
_SETTLING_SECONDS, _POLL_SECONDS = 30.0, 2.0
_ROUNDS = 3
"""What is put right may bring to light what else is not: a network that is back has yet to be joined."""


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = add_command(
        commands,
        "drift",
        run,
        shared=shared,
        summary="compare what runs with what was deployed",
        description=_DESCRIPTION,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", "-j", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print Markdown, for an issue")
    parser.add_argument("--issue", action="store_true", help="open, update or close the issue about the stack's drift")
    parser.add_argument("--notify", action="store_true", help="tell driftWebhookUrl what is new")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended, then look again")
    parser.add_argument(
        "--yes-destroy", action="store_true", help="agree to mends that delete, interrupt or deploy something"
    )


def run(arguments: argparse.Namespace) -> int:
    """Look, tell, and mend if asked to. Raises OperationError where nothing can be compared."""
    stack = open_stack(arguments.stack, os.environ)
    docker = DockerCli(stack.docker_host())
    try:
        state, report = _look(stack, docker)
        if arguments.fix and report.drift:
            if not arguments.json and not arguments.markdown:
                print(as_text(report) + "\n")
            report = _fix(stack, docker, state, report, agreed=arguments.yes_destroy)
    except DriftError as problem:
        raise OperationError(str(problem)) from None
    if arguments.json:
        print(json.dumps(as_json(report), indent=2), flush=True)
    else:
        print(as_markdown(report) if arguments.markdown else as_text(report), flush=True)
    channels = [_in_issue] * arguments.issue + [_by_webhook] * arguments.notify
    told = [_told(channel, stack, docker, report) for channel in channels]
    return report.exit_code if all(told) else ERROR


def _told(channel: Callable[[Stack, DockerCli, Report], str], stack: Stack, docker: DockerCli, report: Report) -> bool:
    """Whether others could be told; one that could not keeps no other from it."""
    try:
        _tell(printable(channel(stack, docker, report)))
    except OperationError as problem:
        _tell(printable(f"error: {problem}"))
        return False
    return True


def _in_issue(stack: Stack, docker: DockerCli, report: Report) -> str:  # noqa: ARG001 - as every channel
    return drift_issue.tell(report, stack.project, tracker(os.environ))


def _by_webhook(stack: Stack, docker: DockerCli, report: Report) -> str:
    """Raises OperationError."""
    key = f"{stack.project}:{WEBHOOK}"
    value = stack.values().get(key)
    if not value:
        return f"webhook: none, as {WEBHOOK} is not set"
    if isinstance(value, str):
        raise OperationError(
            f"{WEBHOOK}: must be encrypted, and is in clear in the stack config."
            f" Set it with ./pulumiw config set --secret {WEBHOOK} --stack {stack.name}."
        )
    done = _pulumi(stack, "config", "get", key)
    if done.returncode:
        told = " ".join(done.stderr.split())
        raise OperationError(f"{WEBHOOK}: must be readable (got {told[-600:]}). Set the stack's passphrase.")
    return drift_webhook.tell(report, done.stdout.strip(), docker, f"{stack.project}-{stack.name}")


def _look(stack: Stack, docker: DockerCli) -> tuple[Recorded, Report]:
    """The state and what is found. The program runs meanwhile."""
    _require_deployed(stack)
    _require_no_lock(stack)
    with ThreadPoolExecutor(max_workers=1) as pool:
        previewed = pool.submit(_pulumi, stack, "preview", "--json")
        exported = _pulumi(stack, "stack", "export", "--show-secrets")
        if exported.returncode:
            told = " ".join(exported.stderr.split())
            raise DriftError(f"stack {stack.name}: its state must be readable (got {told[-600:]})")
        state = recorded.read(exported.stdout, prefix=f"{stack.project}-{stack.name}")
        report = examine.compared(docker, state, stack=stack.name)
        report = _with_program(report, previewed)
    _require_no_lock(stack)
    return state, report


def _require_deployed(stack: Stack) -> None:
    """A preview of a stack that is not there would make it, where its state is a file."""
    backend = stack.session.backend
    found = record.look(stack.session) if backend.has_files else None
    if backend.has_files and not (found and found.has_resources):
        raise DriftError(
            f"stack {stack.name}: must be deployed (got none in {backend.folder or backend.url})."
            " Correct the name, or run ./pulumiw up first."
        )


def _require_no_lock(stack: Stack) -> None:
    examine.require_no_lock(stack.session.backend.folder, project=stack.project, stack=stack.name)


def _with_program(report: Report, previewed: "Future[subprocess.CompletedProcess[str]]") -> Report:
    done = previewed.result()
    return examine.with_program(report, exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def _pulumi(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """A verb that only reads, asked aside. Nobody answers its questions."""
    return subprocess.run(
        [str(ROOT / "pulumiw"), *words, "--stack", stack.name],
        cwd=stack.folder,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _fix(stack: Stack, docker: DockerCli, state: Recorded, report: Report, *, agreed: bool) -> Report:
    """Mend, look, and mend what has come to light; what is left then."""
    before = len(report.drift)
    for _ in range(_ROUNDS):
        chosen = plan(report, agreed=agreed)
        if chosen.refused and not agreed and _asks(chosen):
            agreed = True
            chosen = plan(report, agreed=True)
        if not chosen.does_something:
            break
        _tell(f"mending {len(report.drift)} of stack {stack.name}")
        repair(docker, state, chosen, folder=stack.folder, tell=_tell)
        code = _up(stack) if chosen.up else 0
        state, report = _look_when_settled(stack, docker)
        if code:
            _tell(f"the `up` ended with code {code}")
        if code or not report.drift:
            break
    else:
        chosen = plan(report, agreed=agreed)
    for refused in chosen.refused:
        _tell(printable(f"left alone: {refused}. Add --yes-destroy to agree"))
    _tell(f"{before - len(report.drift)} of {before} mended")
    return report


def _look_when_settled(stack: Stack, docker: DockerCli) -> tuple[Recorded, Report]:
    """A container that has just been mended is called unhealthy until its next health check."""
    deadline = time.monotonic() + _SETTLING_SECONDS
    while True:
        state, report = _look(stack, docker)
        if time.monotonic() > deadline or all(finding.id != _UNHEALTHY for finding in report.drift):
            return state, report
        time.sleep(_POLL_SECONDS)


def _asks(chosen: Plan) -> bool:
    """Whether the person at the terminal agrees to what needs consent."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    for each in chosen.refused:
        _tell(printable(f"needs consent: {each}"))
    print("Do all that? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _up(stack: Stack) -> int:
    """Its output is shown as it comes, beside the report."""
    command = [str(ROOT / "pulumiw"), "up", "--yes", "--refresh", "--stack", stack.name]
    return subprocess.run(command, cwd=stack.folder, check=False, stdout=sys.stderr).returncode


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
