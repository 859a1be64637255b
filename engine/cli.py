"""The command line: the CLI's verbs and flags, as one table. What is not in it is refused by name."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from engine import verbs
from engine.errors import EngineError, UsageError

_SWITCH: dict[str, Any] = {"action": "store_true"}
_BOOLEAN: dict[str, Any] = {"nargs": "?", "const": "true", "default": "false", "choices": ("true", "false")}
_FLAGS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "yes": (("-y",), {**_SWITCH, "help": "do not ask"}),
    "diff": ((), {**_SWITCH, "help": "show every changed property"}),
    "json": (("-j",), {**_SWITCH, "help": "print JSON"}),
    "expect-no-changes": ((), {**_SWITCH, "help": "fail if anything changes"}),
    "refresh": (("-r",), {**_BOOLEAN, "help": "read Docker first"}),
    "preview-only": ((), {**_SWITCH, "help": "only show what would be done"}),
    "skip-preview": (("-f",), {**_SWITCH, "help": "show no preview"}),
    "target": (("-t",), {"action": "append", "default": [], "metavar": "URN", "help": "change only this"}),
    "parallel": (("-p",), {"type": int, "default": 0, "metavar": "N", "help": "operations at a time"}),
    "message": (("-m",), {"default": "", "help": "a note for the history"}),
    "show-secrets": ((), {**_SWITCH, "help": "show secrets in clear"}),
    "remove": ((), {**_SWITCH, "help": "then remove the stack and its configuration"}),
    "path": ((), {**_SWITCH, "help": "KEY leads into a map or list"}),
    "secret": ((), {**_SWITCH, "help": "encrypt the value"}),
    "plaintext": ((), {**_SWITCH, "help": "store the value in clear"}),
    "force": (("-f",), {**_SWITCH, "help": "even if it still has resources"}),
    "create": (("-c",), {**_SWITCH, "help": "create it if there is none"}),
    "file": ((), {"default": "", "metavar": "PATH", "help": "instead of standard input or output"}),
}
_SHARED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "cwd": (("-C",), {"metavar": "DIR", "help": "run as if started in DIR"}),
    "stack": (("-s",), {"metavar": "NAME", "help": "the stack; default: the selected one"}),
    "config-file": ((), {"metavar": "PATH", "help": "the stack's configuration file"}),
    "non-interactive": ((), {**_SWITCH, "help": "never ask"}),
    "color": ((), {"choices": ("auto", "always", "never", "raw"), "help": "when to use colours"}),
}
_DEFAULTS = {"cwd": "", "stack": "", "config_file": "", "non_interactive": False, "color": "auto"}
_DEFAULTS |= {"yes": False, "skip_preview": False, "preview_only": True, "refresh": "false", "remove": False}
"""Of the flags that a verb does not have; `preview` has none of those that act."""
_RUN = "diff json expect-no-changes target parallel message show-secrets"


class Verb(NamedTuple):
    """What runs a verb, its help, its positional arguments (`name?` is optional) and its flags."""

    run: Callable[[argparse.Namespace], None]
    help: str
    positional: str = ""
    flags: str = ""


_ACTS = f"{_RUN} yes preview-only skip-preview"
VERBS: dict[str, Verb] = {
    "preview": Verb(verbs.run, "show what `up` would do", "", f"{_RUN} refresh"),
    "up": Verb(verbs.run, "create or change what the program declares", "", f"{_ACTS} refresh"),
    "refresh": Verb(verbs.run, "correct the state by what Docker has", "", _ACTS),
    "destroy": Verb(verbs.run, "delete everything in the stack", "", f"{_ACTS} refresh remove"),
    "cancel": Verb(verbs.cancel, "free a stack whose update has died", "name?", "yes"),
    "config": Verb(verbs.config_list, "show all configuration values", "", "show-secrets json"),
    "config ls": Verb(verbs.config_list, "show all configuration values", "", "show-secrets json"),
    "config get": Verb(verbs.config_get, "show one value", "key", "path json"),
    "config set": Verb(verbs.config_set, "set one value", "key value?", "path secret plaintext"),
    "config rm": Verb(verbs.config_remove, "remove one value", "key", "path"),
    "stack init": Verb(verbs.stack_init, "create a stack", "name?"),
    "stack select": Verb(verbs.stack_select, "choose the stack that other verbs use", "name?", "create"),
    "stack ls": Verb(verbs.stack_list, "list the stacks", "", "json"),
    "stack rm": Verb(verbs.stack_remove, "remove a stack and its configuration", "name?", "yes force"),
    "stack output": Verb(verbs.stack_output, "show the stack's outputs", "property?", "json show-secrets"),
    "stack export": Verb(verbs.stack_export, "write the state as JSON", "", "file show-secrets"),
    "stack import": Verb(verbs.stack_import, "take over a state that was exported", "", "file"),
    "stack history": Verb(verbs.stack_history, "show the updates of a stack", "", "json"),
    "about": Verb(verbs.about, "show what this engine is and where it works", "", "json"),
    "version": Verb(verbs.version, "show the version"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        text = message.replace("unrecognized arguments:", "unknown flag or argument:").replace("argument VERB: ", "")
        raise UsageError(f"{text}. Run `{self.prog} --help` for usage.")


def build_parser() -> argparse.ArgumentParser:
    shared = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    for name, (short, options) in _SHARED.items():
        shared.add_argument(*short, f"--{name}", **options)
    about = "The embedded engine: Pulumi programs for Docker without the Pulumi CLI."
    parser = _Parser(prog="pulumi", description=about, parents=[shared], allow_abbrev=False)
    made: dict[str, Any] = {}
    groups: dict[str, Any] = {"": parser.add_subparsers(metavar="VERB", parser_class=_Parser)}
    for name, verb in VERBS.items():
        group, _, action = name.rpartition(" ")
        if group not in groups:
            alone = made.get(group)
            owner = alone or groups[""].add_parser(group, help=f"{group} …", parents=[shared], allow_abbrev=False)
            groups[group] = owner.add_subparsers(metavar="VERB", parser_class=_Parser, required=alone is None)
        child = groups[group].add_parser(action, help=verb.help, parents=[shared], allow_abbrev=False)
        child.set_defaults(run=verb.run, kind="up" if name == "preview" else name)
        for positional in verb.positional.split():
            optional: dict[str, Any] = {"nargs": "?", "default": None} if positional.endswith("?") else {}
            child.add_argument(positional.rstrip("?"), **optional)
        for flag in verb.flags.split():
            short, options = _FLAGS[flag]
            child.add_argument(*short, f"--{flag}", **options)
        made[name] = child
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; its exit code. Errors are printed to standard error, never as a traceback."""
    try:
        parser = build_parser()
        arguments = parser.parse_args(argv)
        for name, value in _DEFAULTS.items():
            setattr(arguments, name, getattr(arguments, name, value))
        if not hasattr(arguments, "run"):
            parser.print_help()
            return 0
        arguments.folder = Path(arguments.cwd or os.curdir).resolve()
        if not arguments.folder.is_dir():
            raise UsageError(f"--cwd: no such folder (got {arguments.cwd!r}).")
        arguments.stack = getattr(arguments, "name", None) or arguments.stack
        arguments.run(arguments)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
