"""The command line of `./ops`: commands, flags and exit codes."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from operations.errors import OperationError
from wrapper.errors import WrapperError

_COMMANDS = {
    "doctor": "doctor",
    "drift": "drift",
    "pin": "pin",
    "pull-request": "pull_request",
    "secrets": "make_secrets",
    "review": "review",
    "rollback": "rollback",
    "unpin": "rollback",
    "start": "start",
}
"""Command to module. Each has `add_to(commands, shared)`, which adds its parsers, each with a function
`run(arguments) -> exit code`.
"""


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """For these words: what they do not name need not be imported, which takes half a second."""
    named = [name for name in _COMMANDS if name in words] or list(_COMMANDS)
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--stack", "-s", metavar="NAME", help="the stack (default: the selected one, else dev)")
    parser = _Parser(
        prog="./ops",
        description="What operators do beside Pulumi's own verbs, which are ./pulumiw's.",
        epilog="`./ops COMMAND --help` says more about each.",
        parents=[shared],
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    for module in dict.fromkeys(_COMMANDS[name] for name in named):
        importlib.import_module(f"operations.{module}").add_to(commands, shared)
    return parser


class _Parser(argparse.ArgumentParser):
    """A command line that makes no sense ends like any other failure: what 2 means is a command's own to say."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


def main(words: Sequence[str]) -> int:
    """Run one command; its exit code: 0, 1 when it failed, or what the command says of itself."""
    arguments = build_parser(words).parse_args(words)
    arguments.stack = getattr(arguments, "stack", "")
    try:
        return int(arguments.run(arguments))
    except (OperationError, WrapperError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
