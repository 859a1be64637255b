"""Questions to the person at the terminal."""

import argparse
import sys


def is_interactive(arguments: argparse.Namespace) -> bool:
    return not arguments.non_interactive and sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> str:
    """The answer in lower case; ^C and the end of the input count as an empty one."""
    try:
        return input(question).strip().lower()
    except (EOFError, KeyboardInterrupt):
        print()
        return ""
