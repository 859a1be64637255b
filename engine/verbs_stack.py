"""stack: init, select, ls, rm, output, export, import, history; about and version."""

import json
import platform
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.asking import ask, is_interactive
from engine.checkpoint import CLI_VERSION, Checkpoints
from engine.config import ConfigValue
from engine.errors import EngineError, StateError, UsageError
from engine.model import outputs_of
from engine.secrets import Crypter
from engine.session import Session, Workspace
from engine.values import blind, compact_json, reveal
from engine.verbs_config import as_json

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def _workspace(arguments: Namespace) -> Workspace:
    return Workspace(arguments.folder, arguments.config_file)


def _session(arguments: Namespace) -> Session:
    workspace = _workspace(arguments)
    return Session(workspace, workspace.choose(arguments.stack))


def _print_table(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print((indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip())


def _ago(then: datetime) -> str:
    elapsed = max(int((datetime.now(UTC) - then).total_seconds()), 0)
    size, unit = next(((size, unit) for size, unit in _UNITS if elapsed >= size), (1, "second"))
    return f"{elapsed // size} {unit}{'' if elapsed // size == 1 else 's'} ago"


# init, select, ls, rm


def init(arguments: Namespace) -> int:
    workspace, name = _workspace(arguments), arguments.name or arguments.stack
    if not name:
        raise UsageError("missing stack name")
    backend, stack = workspace.backend, workspace.backend.stack_named(name)
    if stack in backend.stacks():
        raise EngineError(f"stack '{backend.full_name(stack)}' already exists")
    config = workspace.config(stack)
    crypter = Crypter(config.salt) if config.salt else Crypter.create()
    crypter.verify()
    if not config.salt:
        config.salt = crypter.salt
        config.save()
    backend.write(stack, Checkpoints(crypter).render(backend.full_name(stack), (), ()))
    backend.select(stack)
    print(f"Created stack '{stack}'")
    return 0


def select(arguments: Namespace) -> int:
    workspace, name = _workspace(arguments), arguments.name or arguments.stack
    if not name:
        raise UsageError("no stack named. Run `pulumi stack select NAME`; `pulumi stack ls` lists them.")
    stack = workspace.backend.stack_named(name)
    if arguments.create and stack not in workspace.backend.stacks():
        return init(arguments)
    workspace.backend.require(stack)
    workspace.backend.select(stack)
    return 0


def _summary(workspace: Workspace, stack: str) -> dict[str, Any]:
    latest = (workspace.backend.read(stack).get("checkpoint") or {}).get("latest") or {}
    facts = {
        "lastUpdate": (latest.get("manifest") or {}).get("time"),
        "resourceCount": len(latest.get("resources") or ()),
    }
    return {"name": stack, "current": stack == workspace.backend.current(), **(facts if facts["resourceCount"] else {})}


def list_(arguments: Namespace) -> int:
    workspace = _workspace(arguments)
    stacks = [_summary(workspace, stack) for stack in workspace.backend.stacks()]
    if arguments.json:
        print(json.dumps(stacks, indent=2))
        return 0
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for item in stacks:
        then = item.get("lastUpdate")
        when = _ago(datetime.fromisoformat(then[:19]).replace(tzinfo=UTC)) if then else "n/a"
        rows.append((item["name"] + "*" * item["current"], when, str(item.get("resourceCount", "n/a"))))
    _print_table(rows)
    return 0


def remove(arguments: Namespace) -> int:
    workspace = _workspace(arguments)
    stack = workspace.choose(arguments.name or arguments.stack)
    if _summary(workspace, stack).get("resourceCount") and not arguments.force:
        raise EngineError(
            f"'{stack}' still has resources; removal rejected. Run `pulumi destroy` to delete them, or "
            "`pulumi stack rm --force` to forget them."
        )
    if not arguments.yes:
        if not is_interactive(arguments):
            raise UsageError("non-interactive mode requires --yes flag")
        if ask(f"This will permanently remove the '{stack}' stack! Type its name to confirm: ") != stack.lower():
            raise UsageError("confirmation declined", UsageError.DECLINED)
    workspace.backend.remove(stack)
    workspace.config(stack).path.unlink(missing_ok=True)
    print(f"Stack '{stack}' has been removed!")
    return 0


# What a stack holds


def output(arguments: Namespace) -> int:
    outputs = outputs_of(_session(arguments).snapshot().states)
    shown: Mapping[str, Any] = reveal(outputs) if arguments.show_secrets else blind(outputs)
    name = arguments.property
    if name and name not in shown:
        raise EngineError(f"current stack does not have output property '{name}'")
    if arguments.json:
        print(json.dumps(shown[name] if name else shown, indent=2, ensure_ascii=False, sort_keys=True))
    elif name:
        print(_as_text(shown[name]))
    else:
        print(f"Current stack outputs ({len(shown)}):")
        rows = [("OUTPUT", "VALUE"), *((key, _as_text(value)) for key, value in sorted(shown.items()))]
        _print_table(rows if shown else [("No output values currently in this stack",)], "    ")
    return 0


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else compact_json(value)


def export(arguments: Namespace) -> int:
    session = _session(arguments)
    snapshot = session.snapshot()
    writer = Checkpoints(session.crypter, plain=True) if arguments.show_secrets else session.checkpoints
    deployment = json.loads(writer.render_deployment(snapshot.states, snapshot.pending))
    text = json.dumps({"version": 3, "deployment": deployment}, indent=4, ensure_ascii=False) + "\n"
    if arguments.file:
        (arguments.folder / arguments.file).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def import_(arguments: Namespace) -> int:
    session = _session(arguments)
    try:
        path: Path = arguments.folder / arguments.file
        content = json.loads(path.read_text(encoding="utf-8") if arguments.file else sys.stdin.read())
    except (OSError, ValueError) as error:
        raise StateError(f"import: cannot be read as an exported state ({error}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("deployment"), dict):
        raise StateError("import: there is no `deployment` in it. Give the output of `stack export`.")
    with session.lock():
        snapshot = session.checkpoints.parse(content, "deployment")
        session.refuse_strangers(snapshot.states)
        session.save(snapshot.states, snapshot.pending)
    print("Import complete.")
    return 0


def history(arguments: Namespace) -> int:
    session = _session(arguments)
    entries = list(session.backend.history(session.stack))
    if arguments.json:
        print(json.dumps([_history_json(entry) for entry in entries], indent=2))
        return 0
    for entry in entries:
        changes = entry.get("resourceChanges") or {}
        numbers = "+{}-{}~{} {}".format(*(changes.get(op, 0) for op in ("create", "delete", "update", "same")))
        when = _ago(datetime.fromtimestamp(entry.get("startTime", 0), UTC))
        took = entry.get("endTime", 0) - entry.get("startTime", 0)
        print(f"Version: {entry.get('version', 0)}\nUpdateKind: {entry.get('kind')}\nStatus: {entry.get('result')}")
        print(f"Message: {entry.get('message')}\n{numbers} Updated {when} took {took}s\n")
    return 0


def _history_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    times = {
        key: datetime.fromtimestamp(entry.get(key) or 0, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        for key in ("startTime", "endTime")
    }
    config = {}
    for key, value in (entry.get("config") or {}).items():
        secret = "secure" in value if isinstance(value, dict) else False
        config[key] = as_json(ConfigValue(value=value, secret=secret), show=False)
    return {**entry, "config": config, **times}


# The engine itself


def about(arguments: Namespace) -> int:
    workspace = _workspace(arguments)
    facts = {
        "engine": f"embedded, as Pulumi {CLI_VERSION}",
        "python": platform.python_version(),
        "host": f"{platform.system()} {platform.machine()}",
        "project": workspace.project.name,
        "backend": workspace.backend.url,
        "stack": workspace.backend.current(),
    }
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        _print_table(list(facts.items()))
    return 0


def version(_arguments: Namespace) -> int:
    print(f"v{CLI_VERSION}-embedded")
    return 0
