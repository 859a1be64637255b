"""The command line of `./ops`: commands, flags and exit codes."""

import argparse
import os
import sys
from collections.abc import Sequence

from operations import doctor, drift, make_secrets, pin, rollback, start
from operations.errors import OperationError
from wrapper.errors import WrapperError

_COMMANDS = (doctor, drift, pin, make_secrets, rollback, start)
"""Each has `add_to(commands, shared)`, which adds its parsers, each with a function `run(arguments) -> exit code`."""


def build_parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--stack", "-s", metavar="NAME", help="the stack (default: the selected one, else dev)")
    parser = argparse.ArgumentParser(
        prog="./ops",
        description="What operators do beside Pulumi's own verbs, which are ./pulumiw's.",
        epilog="`./ops COMMAND --help` says more about each.",
        parents=[shared],
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    for command in _COMMANDS:
        command.add_to(commands, shared)
    return parser


def main(words: Sequence[str]) -> int:
    """Run one command; its exit code: 0, 1 when it failed, 2 for a command line that makes no sense."""
    arguments = build_parser().parse_args(words)
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
