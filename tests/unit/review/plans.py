"""Previews as either engine prints them, made from what the real program declares before and after a change."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.unit.program import PROJECT
from tests.unit.recording import Declarations, Declared, Secret

IN_PLACE = {"cpuShares", "destroyGraceSeconds", "memory", "memorySwap", "restart"}
"""What Docker changes in a running container."""
REPLACED = {"Network", "RemoteImage", "Volume"}
_STACK_TYPE = "pulumi:pulumi:Stack"


def preview(
    before: Declarations | None,
    after: Declarations | None,
    *,
    stack: str = "prod",
    diagnostics: Iterable[Mapping[str, str]] = (),
    settings: Mapping[str, Any] | None = None,
) -> str:
    """The JSON of a preview that goes from one to the other; None is no stack at all."""
    old, new = (each.all if each else {} for each in (before, after))
    steps = [_stack_step(stack, "create" if before is None else "delete" if after is None else "same")]
    counts = {"same": 0}
    for key in [*new, *(key for key in old if key not in new)]:
        step = _step(key, old, new, stack)
        counts[step["op"] if step else "same"] = counts.get(step["op"] if step else "same", 0) + 1
        steps += [step] if step else []
    return text(steps, diagnostics=diagnostics, counts=counts, settings=settings)


def text(
    steps: Iterable[Mapping[str, Any]],
    *,
    diagnostics: Iterable[Mapping[str, str]] = (),
    counts: Mapping[str, int] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Steps as a whole preview, with what the stack config says."""
    config = {f"{PROJECT}:{key}": json.dumps(value) for key, value in (settings or {}).items()}
    content = {"config": config, "steps": list(steps), "diagnostics": list(diagnostics), "duration": 1}
    return json.dumps(content | {"changeSummary": dict(counts or {"same": 1})}, indent=4)


def step(
    op: str,
    kind: str,
    name: str,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    *,
    stack: str = "prod",
    options: Mapping[str, Any] | None = None,
    reasons: Iterable[str] = (),
) -> dict[str, Any]:
    """One step of a resource of Docker, or of another type if `kind` is a whole one."""
    full = kind if ":" in kind else f"docker:index/{kind[0].lower()}{kind[1:]}:{kind}"
    urn = f"urn:pulumi:{stack}::{PROJECT}::{full}::{name}"
    states = {
        key: {"urn": urn, "type": full, "inputs": dict(inputs), **(options or {})}
        for key, inputs in (("oldState", old), ("newState", new))
        if inputs is not None
    }
    return {"op": op, "urn": urn, **states, "diffReasons": list(reasons), "detailedDiff": None}


def _stack_step(stack: str, op: str) -> dict[str, Any]:
    urn = f"urn:pulumi:{stack}::{PROJECT}::{_STACK_TYPE}::{PROJECT}-{stack}"
    return {"op": op, "urn": urn, "newState": {"urn": urn, "type": _STACK_TYPE}, "detailedDiff": None}


def _step(key: str, old: Mapping[str, Declared], new: Mapping[str, Declared], stack: str) -> dict[str, Any] | None:
    before, after = old.get(key), new.get(key)
    changed = _changed(before, after)
    if before and after and not changed:
        return None
    declared = after or before
    assert declared
    every = new if after else old
    content: dict[str, Any] = {
        "op": _op(before, after, changed),
        "urn": _urn(declared, every, stack),
        "diffReasons": changed if before and after else [],
        "detailedDiff": {each: {"kind": "update", "inputDiff": False} for each in changed} or None,
    }
    content |= {"oldState": _state(before, old, stack)} if before else {}
    return content | ({"newState": _state(after, new, stack)} if after else {})


def _changed(before: Declared | None, after: Declared | None) -> list[str]:
    if not (before and after):
        return []
    keys = before.inputs.keys() | after.inputs.keys()
    differ = {key for key in keys if before.inputs.get(key) != after.inputs.get(key)}
    return sorted(differ - set(after.ignore_changes))


def _op(before: Declared | None, after: Declared | None, changed: list[str]) -> str:
    if before is None:
        return "create"
    if after is None:
        return "delete"
    in_place = after.short_type == "Container" and set(changed) <= IN_PLACE
    return "replace" if after.short_type in REPLACED | {"Container"} and not in_place else "update"


def _urn(declared: Declared, every: Mapping[str, Declared], stack: str) -> str:
    types = [declared.type]
    parent = every.get(declared.parent)
    while parent:
        types.insert(0, parent.type)
        parent = every.get(parent.parent)
    return f"urn:pulumi:{stack}::{PROJECT}::{'$'.join(types)}::{declared.name}"


def _state(declared: Declared, every: Mapping[str, Declared], stack: str) -> dict[str, Any]:
    parent = every.get(declared.parent)
    return {
        "urn": _urn(declared, every, stack),
        "type": declared.type,
        "inputs": _blinded(declared.inputs),
        "parent": _urn(parent, every, stack) if parent else "",
        "protect": declared.protect,
        "retainOnDelete": declared.retain_on_delete,
    }


def _blinded(value: Any) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Mapping):
        return {key: _blinded(item) for key, item in value.items()}
    return [_blinded(item) for item in value] if isinstance(value, list) else value
