"""`./ops secrets create`: the site's secrets, made at random and encrypted by the engine."""

import argparse
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from config_schema import SECRET_LENGTHS
from operations.command import add_command
from operations.errors import OperationError
from operations.stack import Stack, open_stack
from wrapper import record
from wrapper.errors import WrapperError
from wrapper.stack_setup import StackSetup

RANDOM_BYTES = 48
"""Of each secret; 64 characters, more than any of them needs."""

_VERSION = "secretsVersion"

_DESCRIPTION = """\
Makes djangoSecretKey and databasePassword at random and has the engine encrypt them into the stack config; nobody sees
them. The stack is created if there is none of that name yet. Secrets that are set already stay, unless --replace makes
new ones: then secretsVersion goes up by one, and the next deployment gives the containers the new files.

The engine encrypts with the stack's passphrase: set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a
file that holds it, and keep it where the secrets of your company are kept. The dev stack has a passphrase by itself.
"""


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("secrets", help="make the site's secrets", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)
    create = add_command(
        actions,
        "create",
        run,
        shared=shared,
        summary="make and encrypt the secrets that the stack lacks",
        description=_DESCRIPTION,
    )
    create.add_argument("--replace", action="store_true", help="make new ones in the place of those that are set")


def run(arguments: argparse.Namespace) -> int:
    """Make secrets and tell which. Raises OperationError."""
    stack = open_stack(arguments.stack, os.environ)
    wanted = to_make(stack.values(), project=stack.project, replace=arguments.replace)
    if not wanted:
        names = " and ".join(SECRET_LENGTHS)
        raise OperationError(f"stack {stack.name}: {names} are set already. Add --replace to make new ones.")
    require_passphrase(stack)
    _create(stack)
    version = next_version(stack.values(), project=stack.project, replaced=wanted)
    _write(stack, wanted, version)
    raised = f"; {_VERSION} is now {version}" if version else ""
    print(f"stack {stack.name}: made {' and '.join(wanted)}, encrypted in {stack.written_name}{raised}")
    return 0


def to_make(values: Mapping[str, Any], *, project: str, replace: bool) -> tuple[str, ...]:
    """The secrets to make: those that are not set, or all of them."""
    return tuple(key for key in SECRET_LENGTHS if replace or not values.get(f"{project}:{key}"))


def next_version(values: Mapping[str, Any], *, project: str, replaced: Collection[str]) -> int:
    """The version of the secrets from now on, or 0 if none of those that were set is replaced."""
    if not any(values.get(f"{project}:{key}") for key in replaced):
        return 0
    version = values.get(f"{project}:{_VERSION}", 1)
    try:
        return int(version) + 1
    except (TypeError, ValueError):
        raise OperationError(f"{_VERSION}: must be a whole number (got {version!r}). Correct it.") from None


def _write(stack: Stack, keys: Sequence[str], version: int) -> None:
    """The version first: should this be interrupted, a new volume with old secrets is harmless, the reverse is not."""
    if version:
        stack.write({_VERSION: version})
    made: list[str] = []
    try:
        for key in keys:
            stack.write_secret(key, secrets.token_urlsafe(RANDOM_BYTES))
            made.append(key)
    except OperationError:
        if version and not made:  # a wrong passphrase
            stack.write({_VERSION: version - 1})
        raise


def give(stack: Stack, known: Mapping[str, str]) -> None:
    """Create the stack if there is none, and set the secrets that it lacks: those that are known, else new ones.

    Raises OperationError.
    """
    require_passphrase(stack)
    _create(stack)
    for key in to_make(stack.values(), project=stack.project, replace=False):
        stack.write_secret(key, known.get(key) or secrets.token_urlsafe(RANDOM_BYTES))


def require_passphrase(stack: Stack) -> None:
    """Raises OperationError where the engine would miss it."""
    if stack.session.dev:
        return
    try:
        stack.session.check_passphrase()
    except WrapperError:
        raise OperationError(
            f"stack {stack.name}: its passphrase is not set. Set PULUMI_CONFIG_PASSPHRASE, or"
            " PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it. For a new stack choose a long one and keep it:"
            " without it nobody can read the stack's secrets again."
        ) from None


def _create(stack: Stack) -> None:
    """Create the stack if there is none of that name. The stack that is selected stays selected."""
    session = stack.session
    if session.dev:
        return  # its front door does so
    if not session.backend.has_files:
        _create_elsewhere(stack)
        return
    session.project.stack_config(stack.name).touch()
    StackSetup(session, dev=None).create()


def _create_elsewhere(stack: Stack) -> None:
    """In a backend that only the Pulumi CLI knows."""
    runner = stack.session.runner
    if record.look(stack.session):
        return
    made = runner.ask(["stack", "init", "--no-select", stack.name], cwd=stack.folder)
    if made.returncode:
        raise OperationError(f"stack {stack.name}: cannot be created.\n{made.stdout}{made.stderr}".rstrip())
