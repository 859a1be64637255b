"""`./ops rollback` and `./ops unpin`: back to a release that was live, and on again."""

import argparse
import json
import os
import subprocess
from typing import Any

from operations import release_ledger
from operations.command import add_command
from operations.errors import OperationError
from operations.release_ledger import Record
from operations.stack import ROOT, Stack, open_stack
from release.docker_cli import Docker, DockerCli

_DESCRIPTION = """\
Takes the stack back to a release that was live before: its image, config, secrets and static files together, with no
build and no registry. Writes the release into the stack config (pinnedRelease) and runs an ordinary `up`. The stack is
held there until ./ops unpin.

Refuses where a migration since then has taken away something that the release needs.
"""

_UNPIN = "Lets the stack go on after a rollback: the next `up` deploys code and config as they are."


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = add_command(
        commands, "rollback", run, shared=shared, summary="go back to a release that was live", description=_DESCRIPTION
    )
    parser.add_argument("release", nargs="?", default="", help="the release (default: the one before the live one)")
    parser.add_argument("--list", action="store_true", help="list the releases that it can go back to")
    parser.add_argument("--yes", action="store_true", help="do not ask before the `up`")
    letting_go = commands.add_parser(
        "unpin", parents=[shared], help="let the stack go on after a rollback", description=_UNPIN, allow_abbrev=False
    )
    letting_go.set_defaults(run=unpin)


def run(arguments: argparse.Namespace) -> int:
    """Pin a release and deploy it. Raises OperationError."""
    stack = open_stack(arguments.stack, os.environ)
    docker, prefix = DockerCli(stack.docker_host()), f"{stack.project}-{stack.name}"
    records = release_ledger.read(docker, prefix)
    found = release_ledger.candidates(records, int(stack.values().get(f"{stack.project}:keepReleases", 5)))
    if arguments.list:
        print("\n".join(line(record, release_ledger.obstacle(records, record)) for record in found) or "none")
        return 0
    target = chosen(found, arguments.release)
    check(docker, records, target)
    live = [record for record in records if record["result"] == "live"][-1]
    held = stack.values().get(f"{stack.project}:pinnedRelease")
    instead_of = json.loads(held)["instead_of"] if held else wanted(_state(stack)) or live["release"]
    stack.write({"pinnedRelease": release_ledger.pin(target, instead_of)})
    print(f"stack {stack.name}: held at release {target['release']}, instead of {live['release']}")
    return _up(stack, yes=arguments.yes)


def unpin(arguments: argparse.Namespace) -> int:
    """Take the pin away."""
    stack = open_stack(arguments.stack, os.environ)
    if not stack.values().get(f"{stack.project}:pinnedRelease"):
        print(f"stack {stack.name}: it is not held at a release")
        return 0
    stack.write({"pinnedRelease": ""})
    print(f"stack {stack.name}: let go. ./pulumiw up deploys code and config as they are")
    return 0


def chosen(found: list[Record], release: str) -> Record:
    """The release that is meant. Raises OperationError."""
    for record in found:
        if release in ("", record["release"]):
            return record
    known = ", ".join(record["release"] for record in found) or "none"
    asked = f"got {release}" if release else "there is none"
    raise OperationError(f"rollback: the release must be one that was live and is kept ({asked}). There are: {known}.")


def check(docker: Docker, records: list[Record], target: Record) -> None:
    """Refuse what could not work. Raises OperationError."""
    if reason := release_ledger.obstacle(records, target):
        raise OperationError(
            f"rollback: release {target['release']} cannot run any more: {reason}."
            " Correct the problem in a new release, or restore the database as it was then."
        )
    for kind, name in (("image", target["image"]), ("volume", target["secrets_volume"])):
        if not docker(kind, "inspect", name, check=False).strip(" []\n"):
            raise OperationError(f"rollback: the {kind} {name} of release {target['release']} is gone from the server.")


def wanted(state: str) -> str:
    """The release that code and config made at the last `up`, live or not; empty if the state has none. Pure."""
    resources = (json.loads(state).get("deployment") or {}).get("resources") or []
    found = [each for each in resources if each["type"] == "django-stack:index:Gunicorn"]
    return str(found[-1].get("outputs", {}).get("release", "")) if found else ""


def line(record: Record, obstacle: str) -> str:
    """One release of the list."""
    commit = record["commit"][:12] or "no commit"
    told = f"{record['release']}  {record['time']}  {commit}  {record['who']}"
    return f"{told}  cannot: {obstacle}" if obstacle else told


def _state(stack: Stack) -> str:
    command = [str(ROOT / "pulumiw"), "stack", "export", "--stack", stack.name]
    done = subprocess.run(command, cwd=stack.folder, check=False, text=True, stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise OperationError(f"rollback: the state of stack {stack.name} must be readable (pulumi says why, above).")
    return done.stdout


def _up(stack: Stack, *, yes: bool) -> int:
    command = [str(ROOT / "pulumiw"), "up", "--stack", stack.name, *(["--yes", "--skip-preview"] if yes else [])]
    return subprocess.run(command, cwd=stack.folder, check=False).returncode
