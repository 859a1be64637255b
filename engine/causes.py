"""Why a step is taken, in words."""

from collections.abc import Iterable
from typing import Any

from engine.model import Change, Diff, top_key
from engine.providers.schema import deep_changes
from engine.values import BLINDED, UNKNOWN, Secret, compact_json

_MAX_TEXT = 24
_MAX_PARTS = 4
_DIGEST_CHARS = 12
_NOT_A_WORD = {"build.contextDigest": "files of the build context"}

NEW = "it is new in the program"
GONE = "the program no longer has it"
DESTROYED = "the stack is destroyed"
REPLACED = "its replacement is in place"
INTERRUPTED = "the last update ended before its replacement was made"
UNCHANGED = "nothing changed"


def shown(value: Any) -> str:
    """A value in a few characters, secrets blinded."""
    if isinstance(value, Secret):
        return BLINDED
    if value is UNKNOWN:
        return "a value known later"
    text = value if isinstance(value, str) else compact_json(value) if not isinstance(value, dict | list) else "…"
    if text.startswith("sha256:"):
        return text[: len("sha256:") + _DIGEST_CHARS]
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def of_diff(diff: Diff, *, keys: Iterable[str] = ()) -> str:
    """The changed properties, those in `keys` first."""
    first = set(keys)
    parts: dict[str, list[tuple[str, Change]]] = {}
    for key in sorted(diff.keys, key=lambda key: (key not in first, key)):
        parts[key] = [(path, change) for path, change in diff.changes.items() if top_key(path) == key]
    texts = [_of_property(key, changes) for key, changes in parts.items()]
    rest = len(texts) - _MAX_PARTS
    return "; ".join(texts[:_MAX_PARTS]) + (f"; and {rest} more" if rest > 0 else "")


def _of_property(key: str, changes: list[tuple[str, Change]]) -> str:
    path, change = changes[0]
    if len(changes) > 1:
        return f"{key} changed"
    if isinstance(change.old, dict) and isinstance(change.new, dict):
        inner = [name for name, _ in deep_changes(path, change.old, change.new)]
        words = [_NOT_A_WORD.get(name, name) for name in inner[:_MAX_PARTS]]
        return f"{', '.join(words)} changed"
    return f"{path} {_of_value(change)}"


def _of_value(change: Change) -> str:
    if change.new is UNKNOWN:
        return "may change"
    if change.new is None:
        return "is gone"
    if isinstance(change.new, dict | list | Secret):
        return "is new" if change.old is None else "changed"
    return (
        f"is now {shown(change.new)}" if change.old is None else f"changed: {shown(change.old)} → {shown(change.new)}"
    )


def of_dependency(name: str, keys: Iterable[str]) -> str:
    return f"{name} is replaced first, and {', '.join(keys) or 'this'} depends on it"
