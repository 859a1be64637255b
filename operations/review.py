"""`./ops review`: what a change would do, for those who have to say yes to it. Reads; changes nothing."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from operations import release_ledger, review_records
from operations.command import add_command
from operations.errors import OperationError
from operations.review_image import look_into
from operations.stack import Stack, open_stack
from release.docker_cli import DockerCli
from release.errors import DockerError
from review import comment, digest, plan, records, verdict
from review.errors import ReviewInputError
from review.evidence import Evidence
from review.plan import Plan
from wrapper.errors import WrapperError

_DESCRIPTION = """\
Writes one Markdown comment about a change: a verdict with its reasons, then what it is made of. Its inputs are named:
the JSON of a preview by either engine, the image that was built for the change, the last record of the release ledger
and a record of the server's capacity. It asks no database. What an input is missing for is "not checked".

  ./pulumiw preview --stack prod --json > preview.json
  ./ops review --record ledger --stack prod > ledger.json
  ./ops review --record capacity --stack prod > capacity.json
  ./ops review --preview preview.json --image IMAGE --ledger ledger.json --capacity capacity.json > comment.md

--expect-digest refuses a preview that is not the one that was reviewed:

  ./pulumiw preview --stack prod --json | ./ops review --expect-digest DIGEST && ./pulumiw up --stack prod --yes

Exit code: 0 when there is a review, whatever its verdict (but see --fail-on); else 1. docs/review.md explains every
finding.
"""

_GRAVE = {"dangerous": ("dangerous",), "attention": ("dangerous", "needs attention")}


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = add_command(
        commands, "review", run, shared=shared, summary="say what a change would do", description=_DESCRIPTION
    )
    parser.add_argument("--preview", default="-", metavar="FILE", help="output of preview --json (default: -)")
    parser.add_argument("--image", default="", metavar="REF", help="the site's image, on this machine's Docker")
    parser.add_argument("--ledger", default="", metavar="FILE", help="record of --record ledger")
    parser.add_argument("--capacity", default="", metavar="FILE", help="record of --record capacity")
    parser.add_argument("--audit", default="", metavar="FILE", help="output of pip-audit --format json")
    parser.add_argument("--fail-on", choices=[*_GRAVE], default="", help="end with 1 at this verdict, or a graver one")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--digest", action="store_true", help="print the plan's digest alone")
    instead.add_argument("--expect-digest", default="", metavar="DIGEST", help="end with 1 if the digest is another")
    instead.add_argument("--record", choices=["capacity", "ledger"], default="", help="print a record of the server")


def run(arguments: argparse.Namespace) -> int:
    """A review, a digest or a record on standard output. Raises OperationError."""
    try:
        if arguments.record:
            return _record(arguments)
        if arguments.digest or arguments.expect_digest:
            return _compare(arguments)
        return _review(arguments)
    except (DockerError, ReviewInputError) as problem:
        raise OperationError(str(problem)) from None


def _review(arguments: argparse.Namespace) -> int:
    try:
        preview = plan.read(_text(arguments.preview, "preview"))
    except ReviewInputError as problem:
        print(comment.refusal(*_names(arguments.stack), str(problem)), end="")
        raise
    evidence = gather(arguments, preview)
    judged = verdict.judge(evidence)
    print(comment.render(evidence, judged))
    grave = judged.word in _GRAVE.get(arguments.fail_on, ())
    return 1 if grave or preview.errors else 0


def gather(arguments: argparse.Namespace, preview: Plan) -> Evidence:
    """All that the named inputs tell. Raises ReviewInputError where one is there and cannot be used."""
    missing: dict[str, str] = {}
    ledger = records.ledger(_text(arguments.ledger, "ledger")) if arguments.ledger else None
    capacity = records.capacity(_text(arguments.capacity, "capacity")) if arguments.capacity else None
    found = records.audit(_text(arguments.audit, "audit")) if arguments.audit else None
    for what, given in (("capacity", arguments.capacity), ("audit", arguments.audit), ("image", arguments.image)):
        missing |= {} if given else {what: f"no --{what} was given"}
    image = None
    if arguments.image:
        image, unseen = look_into(DockerCli(), arguments.image, preview, ledger)
        missing |= unseen
    else:
        missing["migrations"] = "no --image was given"
    return Evidence(plan=preview, image=image, ledger=ledger, capacity=capacity, vulnerabilities=found, missing=missing)


def _compare(arguments: argparse.Namespace) -> int:
    preview = plan.read(_text(arguments.preview, "preview"))
    if preview.errors:
        raise OperationError(f"preview: must have run to its end (got: {preview.errors[0]}). Correct that first.")
    found = digest.of(preview)
    if not arguments.expect_digest or found == arguments.expect_digest.strip():
        print(found)
        return 0
    raise OperationError(
        f"digest: the plan must be the one that was reviewed (got {found}, reviewed was {arguments.expect_digest})."
        " Code, config or the stack have changed since: review again."
    )


def _record(arguments: argparse.Namespace) -> int:
    stack = open_stack(arguments.stack, os.environ)
    stack.require_config()
    docker, prefix = DockerCli(stack.docker_host()), f"{stack.project}-{stack.name}"
    if arguments.record == "ledger":
        told = [each for each in release_ledger.read(docker, prefix) if each["migrations"]["heads"]]
        if not told:
            raise OperationError(f"stack {stack.name}: no release has migrated yet. Deploy it first: ./pulumiw up")
        print(json.dumps(told[-1], sort_keys=True))
    else:
        print(json.dumps(review_records.capacity(docker, stack.docker_host(), prefix), indent=2))
    return 0


def _names(stack_name: str) -> tuple[str, str]:
    """Project and stack where no preview tells them."""
    try:
        stack: Stack = open_stack(stack_name, os.environ)
    except (OperationError, WrapperError):
        return "", stack_name
    return stack.project, stack.name


def _text(path: str, what: str) -> str:
    """Raises OperationError."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(f"--{what}: must be a text file (got {path}: {error}). Correct its name.") from None
