"""The CLI's symbols and verbs for each step."""

from engine.model import Diff, Op, Step, short_type, urn_name, urn_type

SYMBOLS = {
    Op.SAME: "  ",
    Op.CREATE: "+ ",
    Op.UPDATE: "~ ",
    Op.DELETE: "- ",
    Op.REPLACE: "+-",
    Op.CREATE_REPLACEMENT: "++",
    Op.DELETE_REPLACED: "--",
    Op.READ: "> ",
    Op.REFRESH: "~ ",
}
_PLANNED = {
    Op.SAME: "",
    Op.CREATE: "create",
    Op.UPDATE: "update",
    Op.DELETE: "delete",
    Op.REPLACE: "replace",
    Op.CREATE_REPLACEMENT: "create replacement",
    Op.DELETE_REPLACED: "delete original",
    Op.READ: "read",
    Op.REFRESH: "refreshing",
}
_BEGUN = {
    Op.CREATE: "creating",
    Op.UPDATE: "updating",
    Op.DELETE: "deleting",
    Op.REPLACE: "replacing",
    Op.CREATE_REPLACEMENT: "creating replacement",
    Op.DELETE_REPLACED: "deleting original",
    Op.REFRESH: "refreshing",
}
_ENDED = {
    Op.CREATE: "created",
    Op.UPDATE: "updated",
    Op.DELETE: "deleted",
    Op.REPLACE: "replaced",
    Op.CREATE_REPLACEMENT: "created replacement",
    Op.DELETE_REPLACED: "deleted original",
    Op.REFRESH: "refreshed",
}
_COUNTED = (
    (Op.CREATE, "create", "created"),
    (Op.UPDATE, "update", "updated"),
    (Op.DELETE, "delete", "deleted"),
    (Op.REPLACE, "replace", "replaced"),
)


def planned(step: Step) -> str:
    retained = " (kept in Docker)" if step.retained and step.op is Op.DELETE else ""
    return _PLANNED[step.op] + retained


def begun(op: Op) -> str:
    return _BEGUN.get(op, "")


def ended(op: Op) -> str:
    return _ENDED.get(op, "")


def seconds(value: float) -> str:
    """A duration as the CLI shows it: two digits below a second, none above."""
    return f"{value:.2f}s" if 0 < value < 1 else f"{value:.0f}s"


def label(urn: str) -> str:
    return f"{short_type(urn_type(urn))} {urn_name(urn)}"


def diff_summary(diff: Diff) -> str:
    """`[diff: +a-b~c,d]`: top-level properties, by kind of change."""
    kinds: dict[str, set[str]] = {}
    for path, change in diff.changes.items():
        key = path.split(".")[0].split("[")[0]
        kinds.setdefault(key, set()).add(str(change.kind) if path == key else "update")
    groups: dict[str, list[str]] = {"add": [], "delete": [], "update": []}
    for key, found in sorted(kinds.items()):
        groups[found.pop() if len(found) == 1 else "update"].append(key)
    text = "".join(
        sign + ",".join(groups[kind]) for sign, kind in (("+", "add"), ("-", "delete"), ("~", "update")) if groups[kind]
    )
    return f"[diff: {text}]" if text else ""


def counts(changes: dict[str, int], *, preview: bool) -> list[str]:
    """The lines under `Resources:`."""
    lines = []
    changed = 0
    kinds = 0
    for op, plan, done in _COUNTED:
        number = changes.get(op, 0)
        if number:
            lines.append(f"{SYMBOLS[op]}{number} {'to ' + plan if preview else done}")
            changed += number
            kinds += 1
    same = changes.get(Op.SAME, 0)
    if kinds > 1:
        lines.append(f"{changed} changes. {same} unchanged" if same else f"{changed} changes")
    elif same:
        lines.append(f"{same} unchanged")
    return lines
