"""stack: init, select, ls, rm, output, export, import, history; about and version."""

import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.checkpoint import Sealer, check_version, parse_deployment, render_deployment
from engine.cli import Arguments, folder_of, is_interactive
from engine.errors import EngineError, StateError, UsageError
from engine.model import STACK_TYPE, State, short_type
from engine.secrets import Crypter
from engine.session import Session, Workspace
from engine.update import outputs_of_stack
from engine.values import blind, compact_json, reveal
from engine.version import VERSION


def add_to(verbs: Any) -> None:
    stack = verbs.add("stack", run_show, "show and manage stacks")
    stack.add_argument("--show-secrets", action="store_true")
    actions = stack.add_subparsers(metavar="ACTION", parser_class=type(stack))

    def add(action_name: str, run: Any, help_: str, positional: str = "") -> Any:
        action = actions.add_parser(action_name, parents=[verbs.shared], help=help_, allow_abbrev=False)
        action.set_defaults(run=run)
        if positional:
            action.add_argument(positional, nargs="?", default="")
        return action

    add("init", run_init, "create a stack", "name")
    select = add("select", run_select, "choose the stack that other verbs use", "name")
    select.add_argument("--create", "-c", action="store_true", help="create it if there is none")
    _json(add("ls", run_list, "list the stacks"))
    remove = add("rm", run_remove, "remove a stack and its configuration", "name")
    remove.add_argument("--yes", "-y", action="store_true")
    remove.add_argument("--force", "-f", action="store_true", help="even if it still has resources")
    remove.add_argument("--preserve-config", action="store_true", help="keep its configuration file")
    output = _json(add("output", run_output, "show the stack's outputs", "property"))
    output.add_argument("--show-secrets", action="store_true")
    export = add("export", run_export, "write the state as JSON")
    export.add_argument("--file", default="")
    export.add_argument("--show-secrets", action="store_true")
    import_ = add("import", run_import, "take over a state that was exported")
    import_.add_argument("--file", default="")
    history = _json(add("history", run_history, "show the updates of a stack"))
    history.add_argument("--show-secrets", action="store_true")
    _json(verbs.add("about", run_about, "show what this engine is and where it works"))
    verbs.add("version", run_version, "show the version")


def _json(parser: Any) -> Any:
    parser.add_argument("--json", "-j", action="store_true", help="print JSON")
    return parser


def _workspace(arguments: Arguments) -> Workspace:
    return Workspace.open(folder_of(arguments), arguments.config_file)


def _session(arguments: Arguments) -> Session:
    workspace = _workspace(arguments)
    return Session(workspace, workspace.choose(arguments.stack))


# init, select, ls, rm


def run_init(arguments: Arguments) -> int:
    workspace = _workspace(arguments)
    name = arguments.name or arguments.stack
    if not name:
        raise EngineError("missing stack name")
    _create(workspace, workspace.backend.stack_named(name))
    return 0


def _create(workspace: Workspace, stack: str) -> None:
    backend = workspace.backend
    if backend.exists(stack):
        raise EngineError(f"stack '{backend.full_name(stack)}' already exists")
    config = workspace.config(stack)
    if config.salt:
        crypter = Crypter(config.salt)
        crypter.verify()
    else:
        crypter = Crypter.create()
        config.salt = crypter.salt
        config.save()
    empty = render_deployment((), (), Sealer(crypter))
    backend.write(
        stack, f'{{"version":3,"checkpoint":{{"stack":{compact_json(backend.full_name(stack))},"latest":{empty}}}}}'
    )
    backend.select(stack)
    print(f"Created stack '{stack}'")


def run_select(arguments: Arguments) -> int:
    workspace = _workspace(arguments)
    name = arguments.name or arguments.stack
    if not name:
        raise UsageError("no stack named. Run `pulumi stack select NAME`; `pulumi stack ls` lists them.")
    stack = workspace.backend.stack_named(name)
    if arguments.create and not workspace.backend.exists(stack):
        _create(workspace, stack)
        return 0
    workspace.backend.require(stack)
    workspace.backend.select(stack)
    return 0


def _summary(workspace: Workspace, stack: str) -> dict[str, Any]:
    latest = (workspace.backend.read(stack).get("checkpoint") or {}).get("latest") or {}
    resources = latest.get("resources") or []
    summary: dict[str, Any] = {"name": stack, "current": stack == workspace.backend.current()}
    if resources:
        summary["lastUpdate"] = (latest.get("manifest") or {}).get("time", "")
        summary["resourceCount"] = len(resources)
    return summary


def run_list(arguments: Arguments) -> int:
    workspace = _workspace(arguments)
    stacks = [_summary(workspace, stack) for stack in workspace.backend.stacks()]
    if arguments.json:
        print(json.dumps(stacks, indent=2))
        return 0
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    rows += [
        (item["name"] + "*" * item["current"], _ago(item.get("lastUpdate", "")), str(item.get("resourceCount", "n/a")))
        for item in stacks
    ]
    _print_table(rows)
    return 0


def _print_table(rows: Sequence[tuple[str, ...]], indent: str = "") -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _ago(time_text: str) -> str:
    if not time_text:
        return "n/a"
    then = datetime.fromisoformat(time_text[:19]).replace(tzinfo=UTC)
    seconds = max(int(time.time() - then.timestamp()), 0)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'s' * (number > 1)} ago"
    return f"{seconds} second{'s' * (seconds != 1)} ago"


def run_remove(arguments: Arguments) -> int:
    workspace = _workspace(arguments)
    stack = workspace.choose(arguments.name or arguments.stack)
    workspace.backend.require(stack)
    if _summary(workspace, stack).get("resourceCount") and not arguments.force:
        raise EngineError(
            f"'{stack}' still has resources; removal rejected. Possible actions:\n"
            f"- Make sure that '{stack}' is the stack that you want to destroy\n"
            "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n"
            "- Run `pulumi stack rm --force` to override this error"
        )
    if not arguments.yes:
        if not is_interactive(arguments):
            raise UsageError("non-interactive mode requires --yes flag")
        if input(f"This will permanently remove the '{stack}' stack! Type its name to confirm: ") != stack:
            raise UsageError("confirmation declined", 8)
    workspace.backend.remove(stack)
    if not arguments.preserve_config:
        workspace.config(stack).path.unlink(missing_ok=True)
    print(f"Stack '{stack}' has been removed!")
    return 0


# What a stack holds


def run_show(arguments: Arguments) -> int:
    session = _session(arguments)
    snapshot = session.snapshot()
    print(f"Current stack is {session.stack}:")
    print(f"    Managed by {platform.node()}")
    if snapshot.states:
        print(f"    Last updated: {_ago(snapshot.time)} ({snapshot.time})")
    print(f"Current stack resources ({len(snapshot.states)}):")
    _print_table([("TYPE", "NAME"), *_tree(snapshot.states)], "    ")
    _print_outputs(outputs_of_stack(snapshot.states), show_secrets=arguments.show_secrets)
    return 0


def _tree(states: tuple[State, ...]) -> list[tuple[str, str]]:
    children: dict[str, list[State]] = {}
    for state in states:
        is_root = state.type == STACK_TYPE
        children.setdefault("" if is_root else state.parent or _root(states), []).append(state)

    def rows(parent: str, prefix: str) -> list[tuple[str, str]]:
        found = []
        siblings = children.get(parent, [])
        for index, state in enumerate(siblings):
            last = index == len(siblings) - 1
            branch = prefix + ("└─ " if last else "├─ ") if parent else ""
            found.append((branch + short_type(state.type), state.name))
            found += rows(state.urn, prefix + ("   " if last else "│  ") if parent else "")
        return found

    return rows("", "")


def _root(states: tuple[State, ...]) -> str:
    return next((state.urn for state in states if state.type == STACK_TYPE), "")


def _print_outputs(outputs: Mapping[str, Any], *, show_secrets: bool) -> None:
    print(f"\nCurrent stack outputs ({len(outputs)}):")
    if not outputs:
        print("    No output values currently in this stack")
        return
    shown = reveal(outputs) if show_secrets else blind(outputs)
    rows = [("OUTPUT", "VALUE")]
    rows += [(key, value if isinstance(value, str) else compact_json(value)) for key, value in sorted(shown.items())]
    _print_table(rows, "    ")


def run_output(arguments: Arguments) -> int:
    session = _session(arguments)
    outputs = outputs_of_stack(session.snapshot().states)
    shown = reveal(outputs) if arguments.show_secrets else blind(outputs)
    if not arguments.property:
        if arguments.json:
            print(json.dumps(shown, indent=2, ensure_ascii=False))
        else:
            _print_outputs(outputs, show_secrets=arguments.show_secrets)
        return 0
    if arguments.property not in shown:
        raise EngineError(f"current stack does not have output property '{arguments.property}'")
    value = shown[arguments.property]
    if arguments.json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        print(value if isinstance(value, str) else compact_json(value))
    return 0


def run_export(arguments: Arguments) -> int:
    session = _session(arguments)
    snapshot = session.snapshot()
    sealer = Sealer(session.crypter, plain=True) if arguments.show_secrets else session.sealer
    deployment = json.loads(render_deployment(snapshot.states, snapshot.pending, sealer))
    text = json.dumps({"version": 3, "deployment": deployment}, indent=4, ensure_ascii=False) + "\n"
    if arguments.file:
        Path(arguments.file).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def run_import(arguments: Arguments) -> int:
    session = _session(arguments)
    try:
        text = Path(arguments.file).read_text(encoding="utf-8") if arguments.file else sys.stdin.read()
        content = json.loads(text)
    except (OSError, ValueError) as error:
        raise StateError(f"import: cannot be read as an exported state ({error}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("deployment"), dict):
        raise StateError("import: there is no `deployment` in it. Give the output of `stack export`.")
    check_version(content)
    with session.lock():
        snapshot = parse_deployment(content["deployment"], session.sealer)
        for state in snapshot.states:
            session.refuse_strangers(state)
        session.save(snapshot.states, snapshot.pending)
    print("Import complete.")
    return 0


def run_history(arguments: Arguments) -> int:
    session = _session(arguments)
    entries = list(session.backend.history(session.stack))
    if arguments.json:
        print(json.dumps([_history_json(entry) for entry in entries], indent=2))
        return 0
    for entry in entries:
        changes = entry.get("resourceChanges") or {}
        numbers = [changes.get(op, 0) for op in ("create", "delete", "update", "same")]
        took = entry.get("endTime", 0) - entry.get("startTime", 0)
        when = _ago(datetime.fromtimestamp(entry.get("startTime", 0), UTC).isoformat())
        print(f"Version: {entry.get('version', 0)}")
        print(f"UpdateKind: {entry.get('kind')}\nStatus: {entry.get('result')}\nMessage: {entry.get('message')}")
        print("+{}-{}~{} {} Updated {} took {}s\n".format(*numbers, when, took))
    return 0


def _history_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    def moment(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    config = {}
    for key, value in (entry.get("config") or {}).items():
        secret = isinstance(value, dict) and "secure" in value
        config[key] = {"secret": True} if secret else {"value": value, "secret": False}
    times = {key: moment(entry.get(key) or 0) for key in ("startTime", "endTime")}
    return {**entry, "config": config, **times}


def run_about(arguments: Arguments) -> int:
    workspace = _workspace(arguments)
    facts = {
        "engine": f"embedded {VERSION}",
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


def run_version(_arguments: Arguments) -> int:
    print(f"v{VERSION}-embedded")
    return 0
