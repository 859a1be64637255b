"""The full diff, with what repeats and what nobody decides on taken out. Shows values only of what is never secret."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.inputs import ROLE_LABEL, environment, labels
from policy.rules import SECRET_VALUE, hidden
from review.container import ContainerChange
from review.evidence import Evidence
from review.plan import Step

SHOWN = frozenset((
    "capabilities", "cpuShares", "cpus", "destroyGraceSeconds", "driver", "image", "imageName", "init", "internal",
    "logDriver", "logOpts", "memory", "memorySwap", "mounts", "name", "networkMode", "networksAdvanced", "ports",
    "readOnly", "restart", "securityOpts", "shmSize", "stopSignal", "stopTimeout", "tmpfs", "ulimits", "user",
    "volumes",
))  # fmt: skip
"""Properties whose values a reviewer gets to see. Of all others, such as what a step runs, the name alone."""
SHOWN_OF_OURS = frozenset(("command", "entrypoints", "sysctls"))
"""The same of containers with a role in the stack; a foreign one may have a secret among its words."""
SHOWN_OF_NEW = frozenset(("cpus", "image", "imageName", "internal", "memory", "networkMode", "ports", "volumes"))
"""What is asked about a resource that takes over from nobody."""
OWN_VARIABLES = frozenset(("RELEASE", "REPLICA", "GUNICORN_SOCKET"))
"""Another release has others; nobody decides on them."""
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
LONGEST_VALUE = 160
MOST_CONF_LINES = 60


def lines(evidence: Evidence) -> list[str]:
    """Every step with what changes in it; those that are like one before only by name."""
    baseline = _predecessors(evidence)
    groups: dict[tuple[str, ...], list[Step]] = {}
    for step in sorted(evidence.plan.steps, key=lambda each: (each.kind, each.op, each.name)):
        if not _is_noise(step):
            content = tuple(_properties(step, baseline.get(step.urn)))
            groups.setdefault((step.op, step.kind, _cause(step), *content), []).append(step)
    told = []
    for key, steps in groups.items():
        (op, kind, cause), content = key[:3], key[3:]
        names = ", ".join(step.name for step in steps)
        told.append(f"{SIGNS.get(op, '?')} {op} {kind} {names}{f': {cause}' if cause else ''}")
        told += [f"      {line}" for line in content]
    return told


def _is_noise(step: Step) -> bool:
    """Components are made of others, and an update of nothing is none."""
    if step.type.startswith(("django-stack:", "pulumi:pulumi:")):
        return True
    return step.op == "update" and not step.changed and _same(step.old, step.new)


def _same(old: Any, new: Any) -> bool:
    return bool(old and new and old.inputs == new.inputs)


def _cause(step: Step) -> str:
    """Names of what changed: an engine's own words may have values in them. That a thing is new or gone is no news."""
    if step.changed:
        return f"{', '.join(step.changed)} changed"
    return step.cause if step.cause.endswith("needs it") and "→" not in step.cause else ""


def _predecessors(evidence: Evidence) -> dict[str, Mapping[str, Any]]:
    """For a new container that takes over from another: what that was made from."""
    gone: dict[str, ContainerChange] = {}
    for change in evidence.containers:
        if change.step.op == "delete" and change.role:
            gone.setdefault(change.role, change)
    return {
        change.step.urn: old.step.old.inputs
        for change in evidence.containers
        if change.step.op == "create" and (old := gone.get(change.role)) and old.step.old
    }


def _properties(step: Step, before: Mapping[str, Any] | None) -> Iterator[str]:
    """What changes in a resource; of one that goes nothing but its name matters."""
    if step.op == "delete" or step.new is None or step.kind == "Command":
        return
    old = before if before is not None else step.old.inputs if step.old else {}
    new = step.new.inputs
    shown = (SHOWN | SHOWN_OF_OURS if labels(new).get(ROLE_LABEL) else SHOWN) if old else SHOWN_OF_NEW
    named = set(step.changed) if step.op in ("update", "replace") else set()
    for key in sorted(old.keys() | new.keys() | named):
        if key == "name" and before is not None:
            continue  # it has the release in it
        if key == "envs":
            yield from _variables(environment(old.get(key)), environment(new.get(key)))
        elif old and (old.get(key) != new.get(key) or key in named) and key not in (*shown, "labels"):
            yield f"~ {key}"
        elif key in shown and old.get(key) != new.get(key):
            yield from _value(key, old.get(key), new.get(key))


def _variables(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted((old.keys() | new.keys()) - OWN_VARIABLES):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if hidden(name, before or "") or hidden(name, after or ""):
            yield f"~ variable {name}: (not shown)"
        elif "\n" in (before or "") or "\n" in (after or ""):
            yield f"~ variable {name}:"
            yield from _text_diff((before or "").splitlines(), (after or "").splitlines())
        else:
            yield from _value(f"variable {name}", before, after)


def _text_diff(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    found = [
        line for line in difflib.unified_diff(old, new, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))
    ]
    yield from (f"  {_short(line)}" for line in found[:MOST_CONF_LINES])
    if len(found) > MOST_CONF_LINES:
        yield f"  … {len(found) - MOST_CONF_LINES} more lines"


def _value(key: str, old: Any, new: Any) -> Iterator[str]:
    before, after = _words(old), _words(new)
    if old is None:
        yield f"+ {key}: {after}"
    elif new is None:
        yield f"- {key}: {before}"
    elif isinstance(old, list) and isinstance(new, list):
        yield from (f"- {key}: {_words(each)}" for each in old if each not in new)
        yield from (f"+ {key}: {_words(each)}" for each in new if each not in old)
    else:
        yield f"~ {key}: {before} → {after}"


def _words(value: Any) -> str:
    """Short, and without what looks like a secret."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    if SECRET_VALUE.search(text):
        return "(not shown)"
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
