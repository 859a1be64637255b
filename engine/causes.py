"""Why a step is taken, in words."""

from typing import Any

from engine.model import Change, Diff, top_key
from engine.providers.schema import deep_changes
from engine.values import BLINDED, UNKNOWN, Secret, compact_json

_MAX_TEXT, _MAX_PARTS, _DIGEST_CHARS = 24, 4, 12
_WORDS = {"build.contextDigest": "files of the build context"}

GONE = "the program no longer has it"
UNCHANGED = "nothing changed"


def of_diff(diff: Diff) -> str:
    """The changed properties, those that replace first."""
    paths: dict[str, list[str]] = {}
    for path in diff.changes:
        paths.setdefault(top_key(path), []).append(path)
    ordered = sorted(paths, key=lambda key: (key not in diff.replace_keys, key))
    texts = [_of_property(key, paths[key], diff.changes[paths[key][0]]) for key in ordered]
    rest = len(texts) - _MAX_PARTS
    return "; ".join(texts[:_MAX_PARTS]) + (f"; and {rest} more" if rest > 0 else "")


def _of_property(key: str, paths: list[str], change: Change) -> str:
    if isinstance(change.old, dict) and isinstance(change.new, dict):
        inner = [name for name, _ in deep_changes(paths[0], change.old, change.new)]
        return f"{', '.join(_WORDS.get(name, name) for name in inner[:_MAX_PARTS])} changed"
    return f"{key} changed" if len(paths) > 1 else f"{paths[0]} {_of_value(change)}"


def _of_value(change: Change) -> str:
    if change.new is UNKNOWN:
        return "may change"
    if change.new is None:
        return "is gone"
    if isinstance(change.new, dict | list | Secret):
        return "is new" if change.old is None else "changed"
    new = _shown(change.new)
    return f"is now {new}" if change.old is None else f"changed: {_shown(change.old)} → {new}"


def _shown(value: Any) -> str:
    if isinstance(value, Secret | dict | list):
        return BLINDED if isinstance(value, Secret) else "…"
    text = value if isinstance(value, str) else compact_json(value)
    if text.startswith("sha256:"):
        return text[: len("sha256:") + _DIGEST_CHARS]
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
