"""The command line: the CLI's verbs and flags. What is not listed here is refused by name."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import EngineError, UsageError

Arguments = argparse.Namespace
_SHARED: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--cwd", "-C"), {"metavar": "DIR", "help": "run as if started in DIR"}),
    (("--stack", "-s"), {"metavar": "NAME", "help": "the stack; default: the selected one"}),
    (("--config-file",), {"metavar": "PATH", "help": "the stack's configuration file"}),
    (("--non-interactive",), {"action": "store_true", "help": "never ask"}),
    (("--color",), {"choices": ("auto", "always", "never", "raw"), "help": "when to use colours"}),
)
_DEFAULTS = {"cwd": "", "stack": "", "config_file": "", "non_interactive": False, "color": "auto"}
_BOOLEAN = {"nargs": "?", "const": "true", "default": "false", "choices": ("true", "false")}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        text = message.replace("unrecognized arguments:", "unknown flag or argument:")
        raise UsageError(f"{text}. Run `{self.prog} --help` for usage.")


def _shared() -> _Parser:
    parent = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for names, options in _SHARED:
        parent.add_argument(*names, **options)
    return parent


class _Verbs:
    """A group of verbs, each with a function that runs it."""

    def __init__(self, parser: _Parser, shared: _Parser) -> None:
        self._group = parser.add_subparsers(metavar="VERB", parser_class=_Parser)
        self.shared = shared

    def add(self, name: str, run: Callable[[Arguments], int], help_: str, *, aliases: Sequence[str] = ()) -> _Parser:
        parser: _Parser = self._group.add_parser(
            name, help=help_, parents=[self.shared], aliases=list(aliases), allow_abbrev=False
        )
        parser.set_defaults(run=run)
        return parser


def build_parser() -> argparse.ArgumentParser:
    from engine import verbs_config, verbs_run, verbs_stack  # noqa: PLC0415

    shared = _shared()
    parser = _Parser(
        prog="pulumi",
        description="The embedded engine: Pulumi programs for Docker without the Pulumi CLI.",
        parents=[shared],
        allow_abbrev=False,
    )
    verbs = _Verbs(parser, shared)
    verbs_run.add_to(verbs)
    verbs_config.add_to(verbs)
    verbs_stack.add_to(verbs)
    return parser


def add_run_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds flags that several verbs share, by name."""
    flags: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "yes": (("--yes", "-y"), {"action": "store_true", "help": "do not ask"}),
        "diff": (("--diff",), {"action": "store_true", "help": "show every changed property"}),
        "json": (("--json", "-j"), {"action": "store_true", "help": "print JSON"}),
        "expect-no-changes": (("--expect-no-changes",), {"action": "store_true", "help": "fail if anything changes"}),
        "refresh": (("--refresh", "-r"), {**_BOOLEAN, "help": "read Docker first"}),
        "preview-only": (("--preview-only",), {"action": "store_true", "help": "only show what would be done"}),
        "skip-preview": (("--skip-preview", "-f"), {"action": "store_true", "help": "do not show a preview"}),
        "target": (("--target", "-t"), {"action": "append", "default": [], "metavar": "URN", "help": "only this"}),
        "parallel": (("--parallel", "-p"), {"type": int, "default": 0, "help": "operations at a time"}),
        "message": (("--message", "-m"), {"default": "", "help": "a note for the history"}),
        "show-secrets": (("--show-secrets",), {"action": "store_true", "help": "show secrets in clear"}),
    }
    for name in names:
        words, options = flags[name]
        parser.add_argument(*words, **options)


def is_interactive(arguments: Arguments) -> bool:
    return not arguments.non_interactive and sys.stdin.isatty() and sys.stdout.isatty()


def folder_of(arguments: Arguments) -> Path:
    """The folder to work in. Raises UsageError if there is none of that name."""
    folder = Path(arguments.cwd or os.getcwd())  # noqa: PTH109  a deleted folder is told as such
    if not folder.is_dir():
        raise UsageError(f"--cwd: no such folder (got {arguments.cwd!r}).")
    return folder.resolve()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; its exit code. Errors are printed to standard error, never as a traceback."""
    try:
        parser = build_parser()
        arguments = parser.parse_args(argv)
        for name, value in _DEFAULTS.items():
            if not hasattr(arguments, name):
                setattr(arguments, name, value)
        if not hasattr(arguments, "run"):
            parser.print_help()
            return 0
        return int(arguments.run(arguments))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
