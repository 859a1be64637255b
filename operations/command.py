"""How every command of `./ops` is added to its command line."""

import argparse
from collections.abc import Callable
from typing import Any


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    shared: argparse.ArgumentParser,
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    """A command with the flags that all share; `description` is shown as it is. `run` gives the exit code."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        parents=[shared],
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser
