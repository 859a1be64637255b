"""config: list, get, set and remove configuration values."""

import getpass
import json
import sys
from argparse import Namespace
from typing import Any

from engine.asking import is_interactive
from engine.config import ConfigValue
from engine.config_path import Segment, lookup, parse_path
from engine.errors import EngineError, UsageError
from engine.session import Session, Workspace
from engine.values import BLINDED


def _open(arguments: Namespace) -> Session:
    workspace = Workspace(arguments.folder, arguments.config_file)
    return Session(workspace, workspace.choose(arguments.stack))


def _path(arguments: Namespace) -> list[Segment]:
    return parse_path(arguments.key) if arguments.path else [arguments.key]


def as_json(value: ConfigValue, *, show: bool) -> dict[str, Any]:
    """A value as `config --json` and the history show it."""
    shown: dict[str, Any] = {"value": value.text} if show or not value.secret else {}
    if shown and isinstance(value.value, dict | list):
        shown["objectValue"] = value.value
    return {**shown, "secret": value.secret}


def list_(arguments: Namespace) -> int:
    session, show = _open(arguments), arguments.show_secrets
    values = session.config.values(session.crypter if show else None)
    if arguments.json:
        print(json.dumps({key: as_json(value, show=show) for key, value in values.items()}, indent=2))
        return 0
    rows = {session.project.short_key(key): value for key, value in values.items()}
    width = max(map(len, ("KEY", *rows)))
    print(f"{'KEY':<{width}}  VALUE")
    for key, value in rows.items():
        print(f"{key:<{width}}  {value.text if show or not value.secret else BLINDED}")
    return 0


def get(arguments: Namespace) -> int:
    session, path = _open(arguments), _path(arguments)
    key = session.project.full_key(str(path[0]))
    sealed = session.config.values(None).get(key)
    value = session.config.values(session.crypter).get(key) if sealed and sealed.secret else sealed
    found = ConfigValue(value=lookup(value.value, path[1:]) if value else None, secret=bool(value and value.secret))
    if found.value is None:
        raise EngineError(f"configuration key '{arguments.key}' not found for stack '{session.stack}'")
    print(json.dumps(as_json(found, show=True), indent=2) if arguments.json else found.text)
    return 0


def set_(arguments: Namespace) -> int:
    if arguments.secret and arguments.plaintext:
        raise UsageError("--secret and --plaintext exclude each other")
    session = _open(arguments)
    text = arguments.value if arguments.value is not None else _read_value(arguments)
    if arguments.secret:
        session.ensure_salt()
        session.config.set(_path(arguments), {"secure": session.crypter.encrypt(text)})
    else:
        session.config.set(_path(arguments), _typed(text) if arguments.path else text)
    session.config.save()
    return 0


def _read_value(arguments: Namespace) -> str:
    if not is_interactive(arguments):
        return sys.stdin.read().rstrip("\r\n")
    return getpass.getpass("value: ") if arguments.secret else input("value: ")


def _typed(text: str) -> Any:
    """With --path, true, false and whole numbers are what they look like."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.removeprefix("-").isdigit() and str(int(text)) == text else text


def remove(arguments: Namespace) -> int:
    config = _open(arguments).config
    config.remove(_path(arguments))
    config.save()
    return 0
