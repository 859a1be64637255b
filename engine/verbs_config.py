"""config: list, get, set and remove configuration values."""

import getpass
import json
import sys
from typing import Any

from engine.cli import Arguments, folder_of, is_interactive
from engine.config import ConfigValue, StackConfig
from engine.config_path import lookup, parse_path
from engine.errors import EngineError, UsageError
from engine.project import text_of
from engine.secrets import Crypter
from engine.session import Session, Workspace
from engine.values import BLINDED


def add_to(verbs: Any) -> None:
    parser = verbs.add("config", run_list, "show, get, set and remove configuration values")
    _list_flags(parser)
    actions = parser.add_subparsers(metavar="ACTION", parser_class=type(parser))
    shared = verbs.shared

    def add(name: str, run: Any, help_: str) -> Any:
        action = actions.add_parser(name, parents=[shared], help=help_, allow_abbrev=False)
        action.set_defaults(run=run)
        return action

    _list_flags(add("ls", run_list, "show all values"))
    get = add("get", run_get, "show one value")
    get.add_argument("key")
    get.add_argument("--path", action="store_true", help="KEY leads into a map or list")
    get.add_argument("--json", "-j", action="store_true")
    set_ = add("set", run_set, "set one value")
    set_.add_argument("key")
    set_.add_argument("value", nargs="?")
    set_.add_argument("--path", action="store_true", help="KEY leads into a map or list")
    set_.add_argument("--secret", action="store_true", help="encrypt the value")
    set_.add_argument("--plaintext", action="store_true", help="store the value in clear")
    remove = add("rm", run_remove, "remove one value")
    remove.add_argument("key")
    remove.add_argument("--path", action="store_true", help="KEY leads into a map or list")


def _list_flags(parser: Any) -> None:
    parser.add_argument("--show-secrets", action="store_true", help="show secrets in clear")
    parser.add_argument("--json", "-j", action="store_true", help="print JSON")


def _open(arguments: Arguments) -> tuple[Session, StackConfig]:
    workspace = Workspace.open(folder_of(arguments), arguments.config_file)
    session = Session(workspace, workspace.choose(arguments.stack))
    return session, session.config


def run_list(arguments: Arguments) -> int:
    session, config = _open(arguments)
    values = config.values(session.crypter if arguments.show_secrets else None)
    if arguments.json:
        shown = {key: _as_json(value, show=arguments.show_secrets) for key, value in values.items()}
        print(json.dumps(shown, indent=2))
        return 0
    rows = [
        (key.removeprefix(f"{session.project.name}:"), _as_text(value, show=arguments.show_secrets))
        for key, value in values.items()
    ]
    width = max([len("KEY"), *(len(key) for key, _ in rows)])
    print(f"{'KEY':<{width}}  VALUE")
    for key, text in rows:
        print(f"{key:<{width}}  {text}")
    return 0


def _as_text(value: ConfigValue, *, show: bool) -> str:
    return value.text if show or not value.secret else BLINDED


def _as_json(value: ConfigValue, *, show: bool) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if show or not value.secret:
        content["value"] = value.text
        if isinstance(value.value, dict | list):
            content["objectValue"] = value.value
    return {**content, "secret": value.secret}


def run_get(arguments: Arguments) -> int:
    session, config = _open(arguments)
    path = parse_path(arguments.key) if arguments.path else [arguments.key]
    key = session.project.full_key(str(path[0]))
    raw = config.entries.get(key)
    needs_key = raw is not None and "secure" in json.dumps(raw, default=str)
    value = config.values(session.crypter if needs_key else None).get(key)
    found = lookup(value.value, path[1:]) if value is not None else None
    if value is None or found is None:
        raise EngineError(f"configuration key '{arguments.key}' not found for stack '{session.stack}'")
    if arguments.json:
        print(json.dumps(_as_json(ConfigValue(value=found, secret=value.secret), show=True), indent=2))
    else:
        print(text_of(found))
    return 0


def run_set(arguments: Arguments) -> int:
    if arguments.secret and arguments.plaintext:
        raise UsageError("--secret and --plaintext exclude each other")
    session, config = _open(arguments)
    text = arguments.value if arguments.value is not None else _read_value(arguments)
    if arguments.secret:
        value: Any = {"secure": _crypter_of(session, config).encrypt(text)}
    else:
        value = _typed(text) if arguments.path else text
    config.set(arguments.key, value, nested=arguments.path)
    config.save()
    return 0


def _read_value(arguments: Arguments) -> str:
    if not is_interactive(arguments):
        return sys.stdin.read().rstrip("\r\n")
    return getpass.getpass("value: ") if arguments.secret else input("value: ")


def _typed(text: str) -> Any:
    """With --path, true, false and whole numbers are what they look like."""
    if text in ("true", "false"):
        return text == "true"
    is_number = text.removeprefix("-").isdigit() and (text == "0" or not text.lstrip("-").startswith("0"))
    return int(text) if is_number else text


def _crypter_of(session: Session, config: StackConfig) -> Crypter:
    crypter = session.crypter
    if not config.salt:
        config.salt = crypter.salt
    return crypter


def run_remove(arguments: Arguments) -> int:
    _, config = _open(arguments)
    config.remove(arguments.key, nested=arguments.path)
    config.save()
    return 0
