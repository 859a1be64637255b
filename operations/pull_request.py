"""`./ops pull-request`: an environment for each pull request, as small as can be, and gone without a trace."""

import argparse
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operations import pull_request_report as report
from operations.command import add_command
from operations.environment import Environment, Server, docker_errors, open_environment, open_server
from operations.errors import OperationError

_UP = """\
Makes the stack pr-NUMBER if it is not there, and deploys the project as it is now to it: its own secrets, port, limits
and data. Its config, Pulumi.pr-NUMBER.yaml, is made anew each time of Pulumi.pr.yaml, laid over the config of
--template, where `{number}` and `{20000+number}` are filled in. A new database is seeded (seedDump, seedCommands); a
second `up` keeps the data. Refuses where ports are taken, and where it would not fit into the server's memory.

Needs PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, as every stack does. docs/pull-requests.md says more.
"""
_DOWN = """\
Takes an environment away: the stack, its data, images, secrets, config file, state and the state's backups. Only what
carries the stack's own label or name is removed, and only of stacks that ./ops pull-request up has made.

--force goes on where the engine cannot destroy the stack, as with a state that is lost: what carries the label is
removed all the same. Make sure that nobody is deploying it.
"""
_LIST = """\
Lists the environments of pull requests: number, address, age of the last deployment that was tried, commit that is
live, and the memory limits of its containers. The server says which there are, whichever clone has made them; a dash is
what is not known, as before the first deployment.
"""
_PRUNE = """\
Takes away the environments whose last deployment is older than --older-than, data included, as `down` does.
--keep-open names pull requests that keep theirs, whatever their age: in a workflow, those that are open.

  ./ops pull-request prune --older-than 1h --keep-open 12,15    # closed, and not noticed
  ./ops pull-request prune --older-than 14d                     # open, and forgotten
"""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:  # noqa: ARG001  a number names the stack
    parser = commands.add_parser(
        "pull-request", help="make and remove environments of pull requests", allow_abbrev=False
    )
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)
    texts = {
        "up": (up, "make an environment, or deploy to it", _UP),
        "down": (down, "take one away, with all of its data", _DOWN),
        "list": (list_all, "list them", _LIST),
        "prune": (prune, "take away those that are old", _PRUNE),
    }
    plain = argparse.ArgumentParser(add_help=False)
    made = {
        name: add_command(actions, name, run, shared=plain, summary=summary, description=description)
        for name, (run, summary, description) in texts.items()
    }
    for action in made.values():
        action.add_argument("--template", default="", metavar="STACK", help="a stack that environments take after")
    for name in ("up", "down"):
        made[name].add_argument("number", type=number, metavar="NUMBER", help="the pull request's")
    made["up"].add_argument("--comment", default="", metavar="FILE", help="write Markdown for the pull request there")
    made["down"].add_argument("--force", action="store_true", help="though the engine cannot destroy the stack")
    made["list"].add_argument("--json", "-j", action="store_true", help="print JSON")
    made["prune"].add_argument("--older-than", type=age, required=True, metavar="AGE", help="such as 12h or 7d")
    made["prune"].add_argument("--keep-open", type=numbers, default=[], metavar="N,N", help="that keep theirs")


def number(text: str) -> int:
    """The number of a pull request."""
    if not re.fullmatch(r"[1-9]\d{0,6}", text):
        raise argparse.ArgumentTypeError(f"must be a pull request's number, such as 12 (got {text!r})")
    return int(text)


def numbers(text: str) -> list[int]:
    """Numbers with commas, spaces or line ends between them; none of an empty text."""
    return [number(each) for each in re.split(r"[,\s]+", text.strip(", \n")) if each]


def age(text: str) -> timedelta:
    """Minutes, hours, days or weeks."""
    found = re.fullmatch(r"(\d{1,4})([mhdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"must be an age in m, h, d or w, such as 7d (got {text!r})")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def up(arguments: argparse.Namespace) -> int:
    """Make or renew an environment, and tell where it is. Raises OperationError."""
    environment = open_environment(_server(arguments), arguments.number)
    try:
        with docker_errors():
            environment.prepare()
            code = environment.deploy()
            facts = environment.facts() if code == 0 else None
    except OperationError as error:
        _comment(arguments, environment, None, reason=str(error))
        raise
    _comment(arguments, environment, facts)
    if facts is None:
        print(f"pull request {arguments.number}: was not deployed; the error is above.", file=sys.stderr)
        return code
    print(f"pull request {arguments.number}: {facts.url}")
    return 0


def _comment(
    arguments: argparse.Namespace, environment: Environment, facts: report.Facts | None, *, reason: str = ""
) -> None:
    if arguments.comment:
        told = report.comment(environment.stack.project, environment.stack.name, facts, reason=reason)
        Path(arguments.comment).write_text(told, encoding="utf-8")


def down(arguments: argparse.Namespace) -> int:
    """Take an environment away. Raises OperationError."""
    server = _server(arguments)
    with docker_errors():
        print(open_environment(server, arguments.number).take_down(force=arguments.force))
    return 0


def list_all(arguments: argparse.Namespace) -> int:
    """Tell about each. Raises OperationError."""
    server = _server(arguments)
    with docker_errors():
        found = [open_environment(server, each.number).facts() for each in server.marks()]
    now = datetime.now(UTC)
    print(json.dumps(report.as_json(found, now), indent=2) if arguments.json else report.as_text(found, now))
    return 0


def prune(arguments: argparse.Namespace) -> int:
    """Take away the old ones. One that cannot be is told, and does not keep the others from it."""
    server, failed = _server(arguments), False
    with docker_errors():
        before = datetime.now(UTC) - arguments.older_than
        old = [number for number, time in server.deployed.items() if time <= before]
        for each in [each for each in old if each not in arguments.keep_open]:
            try:
                print(open_environment(server, each).take_down(), flush=True)
            except OperationError as error:
                print(f"error: {error}", file=sys.stderr)
                failed = True
        if not old:
            print("nothing is that old")
    return 1 if failed else 0


def _server(arguments: argparse.Namespace) -> Server:
    if arguments.stack:
        raise OperationError(
            f"--stack: must not be given, as the pull request's number names the stack (got {arguments.stack})."
            " A stack to take after is --template."
        )
    return open_server(arguments.template)
