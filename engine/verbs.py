"""What each verb does with its arguments."""

import getpass
import json
import platform
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engine.backend import Backend
from engine.checkpoint import CLI_VERSION, Checkpoints
from engine.config import ConfigValue, Segment, StackConfig, lookup, parse_path
from engine.errors import NOT_INTERACTIVE, EngineError, StateError, UsageError
from engine.model import outputs_of
from engine.program import Program
from engine.secrets import Crypter
from engine.session import Session
from engine.terminal import confirm, is_interactive
from engine.values import BLINDED, blind, reveal, text_of

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_NEEDS_YES = (
    "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive mode"
)


def _session(arguments: Namespace) -> Session:
    backend = Backend(arguments)
    return Session(backend, backend.choose())


def _print_table(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print((indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip())


def _ago(then: datetime) -> str:
    elapsed = max(int((datetime.now(UTC) - then).total_seconds()), 0)
    size, unit = next(((size, unit) for size, unit in _UNITS if elapsed >= size), (1, "second"))
    return f"{elapsed // size} {unit}{'' if elapsed // size == 1 else 's'} ago"


# preview, up, refresh, destroy; cancel


def run(arguments: Namespace) -> None:
    if not (arguments.preview_only or arguments.yes or arguments.skip_preview or is_interactive(arguments)):
        raise UsageError(_NEEDS_YES, NOT_INTERACTIVE)
    backend = Backend(arguments)
    stack = backend.choose()
    backend.require(stack)
    program = Program(backend.project) if arguments.kind == "up" else None
    try:
        session = Session(backend, stack)
        session.warm()
        from engine.operation import Operation  # noqa: PLC0415  slow to import; meanwhile the program imports, too

        Operation(session, arguments).go(program)
    finally:
        if program is not None:
            program.stop()
    if arguments.remove and not arguments.preview_only:
        session.remove()
        print("The resources in the stack have been deleted, and the history and configuration removed.")


def cancel(arguments: Namespace) -> None:
    backend = Backend(arguments)
    stack = backend.choose()
    backend.require(stack)
    if not arguments.yes and is_interactive(arguments):
        confirm(f"This will irreversibly cancel the currently running update for '{stack}'! (yes/no) ")
    backend.store.remove(backend.lock_folder(stack))
    print(f"The currently running update for '{stack}' has been canceled!")


# config: ls, get, set, rm


def _path(arguments: Namespace) -> list[Segment]:
    return parse_path(arguments.key) if arguments.path else [arguments.key]


def config_list(arguments: Namespace) -> None:
    session, show = _session(arguments), arguments.show_secrets
    values = session.config.values(session.crypter if show else None)
    if arguments.json:
        print(json.dumps({key: value.as_json(show=show) for key, value in values.items()}, indent=2))
        return
    shown = ((key, value.text if show or not value.secret else BLINDED) for key, value in values.items())
    _print_table([("KEY", "VALUE"), *((session.project.short_key(key), text) for key, text in shown)])


def config_get(arguments: Namespace) -> None:
    session, path = _session(arguments), _path(arguments)
    key = session.project.full_key(str(path[0]))
    sealed = session.config.values(None).get(key)
    value = session.config.values(session.crypter).get(key) if sealed and sealed.secret else sealed
    found = ConfigValue(value=lookup(value.value, path[1:]) if value else None, secret=bool(value and value.secret))
    if found.value is None:
        raise EngineError(f"configuration key '{arguments.key}' not found for stack '{session.stack}'")
    print(json.dumps(found.as_json(show=True), indent=2) if arguments.json else found.text)


def config_set(arguments: Namespace) -> None:
    if arguments.secret and arguments.plaintext:
        raise UsageError("--secret and --plaintext exclude each other")
    session = _session(arguments)
    text = arguments.value if arguments.value is not None else _read_value(arguments)
    value: Any = _typed(text) if arguments.path else text
    if arguments.secret:
        session.config.ensure_salt(session.crypter.salt)
        value = {"secure": session.crypter.encrypt(text)}
    session.config.set(_path(arguments), value)
    session.config.save()


def _read_value(arguments: Namespace) -> str:
    if not is_interactive(arguments):
        return sys.stdin.read().rstrip("\r\n")
    return getpass.getpass("value: ") if arguments.secret else input("value: ")


def _typed(text: str) -> Any:
    """With --path, true, false and whole numbers are what they look like."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.removeprefix("-").isdigit() and str(int(text)) == text else text


def config_remove(arguments: Namespace) -> None:
    config = _session(arguments).config
    config.remove(_path(arguments))
    config.save()


# stack: init, select, ls, rm


def stack_init(arguments: Namespace) -> None:
    backend = Backend(arguments)
    if not arguments.stack:
        raise UsageError("missing stack name")
    stack = backend.stack_named(arguments.stack)
    if stack in backend.stacks():
        raise EngineError(f"stack '{backend.full_name(stack)}' already exists")
    config = StackConfig(backend.config_path(stack), backend.project, stack)
    crypter = Crypter(config.salt) if config.salt else Crypter.create()
    crypter.verify()
    config.ensure_salt(crypter.salt)
    backend.write(stack, Checkpoints(crypter).render(backend.full_name(stack), (), ()))
    backend.select(stack)
    print(f"Created stack '{stack}'")


def stack_select(arguments: Namespace) -> None:
    backend = Backend(arguments)
    if not arguments.stack:
        raise UsageError("no stack named. Run `pulumi stack select NAME`; `pulumi stack ls` lists them.")
    stack = backend.stack_named(arguments.stack)
    if arguments.create and stack not in backend.stacks():
        stack_init(arguments)
        return
    backend.require(stack)
    backend.select(stack)


def _summary(backend: Backend, stack: str) -> dict[str, Any]:
    latest = (backend.read(stack).get("checkpoint") or {}).get("latest") or {}
    time, count = (latest.get("manifest") or {}).get("time"), len(latest.get("resources") or ())
    facts = {"lastUpdate": time, "resourceCount": count} if count else {}
    return {"name": stack, "current": stack == backend.current(), **facts}


def stack_list(arguments: Namespace) -> None:
    backend = Backend(arguments)
    stacks = [_summary(backend, stack) for stack in backend.stacks()]
    if arguments.json:
        print(json.dumps(stacks, indent=2))
        return
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for item in stacks:
        then = item.get("lastUpdate")
        when = _ago(datetime.fromisoformat(then[:19]).replace(tzinfo=UTC)) if then else "n/a"
        rows.append((item["name"] + "*" * item["current"], when, str(item.get("resourceCount", "n/a"))))
    _print_table(rows)


def stack_remove(arguments: Namespace) -> None:
    backend = Backend(arguments)
    stack = backend.choose()
    if _summary(backend, stack).get("resourceCount") and not arguments.force:
        raise EngineError(
            f"'{stack}' still has resources; removal rejected. Run `pulumi destroy` to delete them, or "
            "`pulumi stack rm --force` to forget them."
        )
    if not arguments.yes:
        if not is_interactive(arguments):
            raise UsageError("non-interactive mode requires --yes flag")
        confirm(f"This will permanently remove the '{stack}' stack! Type its name to confirm: ", stack.lower())
    backend.remove(stack)
    print(f"Stack '{stack}' has been removed!")


# stack: output, export, import, history


def stack_output(arguments: Namespace) -> None:
    outputs = outputs_of(_session(arguments).snapshot().states)
    shown: Mapping[str, Any] = reveal(outputs) if arguments.show_secrets else blind(outputs)
    name = arguments.property
    if name and name not in shown:
        raise EngineError(f"current stack does not have output property '{name}'")
    if arguments.json:
        print(json.dumps(shown[name] if name else shown, indent=2, ensure_ascii=False, sort_keys=True))
    elif name:
        print(text_of(shown[name]))
    else:
        print(f"Current stack outputs ({len(shown)}):")
        rows = [("OUTPUT", "VALUE"), *((key, text_of(value)) for key, value in sorted(shown.items()))]
        _print_table(rows if shown else [("No output values currently in this stack",)], "    ")


def stack_export(arguments: Namespace) -> None:
    session = _session(arguments)
    snapshot = session.snapshot()
    writer = Checkpoints(session.crypter, plain=True) if arguments.show_secrets else session.checkpoints
    deployment = json.loads(writer.render_deployment(snapshot.states, snapshot.pending))
    text = json.dumps({"version": 3, "deployment": deployment}, indent=4, ensure_ascii=False) + "\n"
    if arguments.file:
        (arguments.folder / arguments.file).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def stack_import(arguments: Namespace) -> None:
    session, file = _session(arguments), arguments.file
    try:
        content = json.loads((arguments.folder / file).read_text(encoding="utf-8") if file else sys.stdin.read())
    except (OSError, ValueError) as error:
        raise StateError(f"import: cannot be read as an exported state ({error}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("deployment"), dict):
        raise StateError("import: there is no `deployment` in it. Give the output of `stack export`.")
    with session.lock():
        snapshot = session.checkpoints.parse(content, "deployment")
        session.refuse_strangers(snapshot.states)
        session.save(snapshot.states, snapshot.pending)
    print("Import complete.")


def stack_history(arguments: Namespace) -> None:
    session = _session(arguments)
    entries = session.backend.history(session.stack)
    if arguments.json:
        print(json.dumps([_history_json(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        changes = entry.get("resourceChanges") or {}
        numbers = "+{}-{}~{} {}".format(*(changes.get(op, 0) for op in ("create", "delete", "update", "same")))
        when = _ago(datetime.fromtimestamp(entry.get("startTime", 0), UTC))
        took = entry.get("endTime", 0) - entry.get("startTime", 0)
        print(f"Version: {entry.get('version', 0)}\nUpdateKind: {entry.get('kind')}\nStatus: {entry.get('result')}")
        print(f"Message: {entry.get('message')}\n{numbers} Updated {when} took {took}s\n")


def _history_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    times = {key: datetime.fromtimestamp(entry.get(key) or 0, UTC) for key in ("startTime", "endTime")}
    config = {}
    for key, value in (entry.get("config") or {}).items():
        secret = isinstance(value, dict) and "secure" in value
        config[key] = ConfigValue(value=value, secret=secret).as_json(show=False)
    return {**entry, "config": config, **{key: f"{time:%Y-%m-%dT%H:%M:%S}.000Z" for key, time in times.items()}}


# The engine itself


def about(arguments: Namespace) -> None:
    backend = Backend(arguments)
    facts = {"engine": f"embedded, as Pulumi {CLI_VERSION}", "python": platform.python_version()}
    facts |= {"host": f"{platform.system()} {platform.machine()}", "project": backend.project.name}
    facts |= {"backend": backend.url, "stack": backend.current()}
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        _print_table(list(facts.items()))


def version(_arguments: Namespace) -> None:
    print(f"v{CLI_VERSION}-embedded")
