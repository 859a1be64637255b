"""What a property of a Docker resource is, and how two sets of inputs compare.

The rules follow the Docker provider 5.2: which properties replace, which are sets, which Docker fills in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from engine.errors import ProviderError, UnsupportedError
from engine.model import Change, ChangeKind, Diff
from engine.values import UNKNOWN, Properties, Secret, has_secret, has_unknown, reveal

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_NANOSECONDS = {"h": 3_600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}


class Kind(Enum):
    TEXT = auto()
    NUMBER = auto()
    FLAG = auto()
    DURATION = auto()
    LIST = auto()
    SET = auto()
    MAP = auto()
    OBJECT = auto()
    OBJECTS = auto()
    OBJECT_SET = auto()


_PYTHON_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float),
    Kind.FLAG: (bool,),
    Kind.DURATION: (str,),
    Kind.LIST: (list,),
    Kind.SET: (list,),
    Kind.MAP: (dict,),
    Kind.OBJECT: (dict,),
    Kind.OBJECTS: (list,),
    Kind.OBJECT_SET: (list,),
}
_ZERO = {Kind.TEXT: "", Kind.NUMBER: 0, Kind.FLAG: False}


@dataclass(frozen=True, kw_only=True)
class Property:
    kind: Kind
    replaces: bool = True
    computed: bool = False
    """Docker chooses the value when the program gives none, so its absence is no change."""
    kept_if_empty: bool = False
    """An empty text means: leave it as it is."""
    required: bool = False
    default: Any = None
    """Filled in by `check` when it is not a zero value."""
    fields: Mapping[str, "Property"] = field(default_factory=dict)


def text(**options: Any) -> Property:
    return Property(kind=Kind.TEXT, **options)


def number(**options: Any) -> Property:
    return Property(kind=Kind.NUMBER, **options)


def flag(**options: Any) -> Property:
    return Property(kind=Kind.FLAG, **options)


def listed(**options: Any) -> Property:
    return Property(kind=Kind.LIST, **options)


def set_of_texts(**options: Any) -> Property:
    return Property(kind=Kind.SET, **options)


def mapping(**options: Any) -> Property:
    return Property(kind=Kind.MAP, **options)


def one(fields: Mapping[str, Property], **options: Any) -> Property:
    return Property(kind=Kind.OBJECT, fields=fields, **options)


def many(fields: Mapping[str, Property], **options: Any) -> Property:
    return Property(kind=Kind.OBJECTS, fields=fields, **options)


def set_of(fields: Mapping[str, Property], **options: Any) -> Property:
    return Property(kind=Kind.OBJECT_SET, fields=fields, **options)


Schema = Mapping[str, Property]
LABELS = set_of({"label": text(required=True), "value": text(required=True)})


def check_inputs(where: str, news: Properties, schema: Schema) -> Properties:
    """`news` with defaults and the `__defaults` lists that the real provider writes.

    Raises UnsupportedError for an unknown property and ProviderError for a wrong or missing one.
    """
    checked: Properties = {}
    for key, value in news.items():
        if key.startswith("__"):
            continue
        if key not in schema:
            raise UnsupportedError(f"{where}: property '{key}' is not supported by the embedded engine.")
        if value is not None:
            checked[key] = _checked(f"{where}.{key}", value, schema[key])
    defaults = []
    for key, prop in schema.items():
        if key in checked:
            continue
        if prop.required:
            raise ProviderError(f"{where}: property '{key}' is missing.")
        if prop.default not in (None, "0s", 0, False):
            checked[key] = prop.default
            defaults.append(key)
    checked["__defaults"] = sorted(defaults)
    return checked


def _checked(where: str, value: Any, prop: Property) -> Any:
    if value is UNKNOWN:
        return value
    if isinstance(value, Secret):
        return Secret(_checked(where, value.value, prop))
    if prop.kind is Kind.TEXT and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not _has_kind(value, prop.kind):
        raise ProviderError(f"{where}: must be {_article(prop.kind)} (got {type(value).__name__}).")
    if prop.kind is Kind.OBJECT:
        return check_inputs(where, value, prop.fields)
    if prop.kind in (Kind.OBJECTS, Kind.OBJECT_SET):
        item_property = replace(prop, kind=Kind.OBJECT)
        return [_checked(f"{where}[{index}]", item, item_property) for index, item in enumerate(value)]
    return value


def _has_kind(value: Any, kind: Kind) -> bool:
    return isinstance(value, _PYTHON_TYPES[kind]) and (kind is Kind.FLAG or not isinstance(value, bool))


def _article(kind: Kind) -> str:
    names = {Kind.TEXT: "a text", Kind.NUMBER: "a number", Kind.FLAG: "true or false", Kind.MAP: "a map"}
    names |= {Kind.DURATION: "a duration such as 5s", Kind.OBJECT: "an object"}
    return names.get(kind, "a list")


def nanoseconds(duration: str) -> int:
    """Go's `1m30s` in nanoseconds. Raises ProviderError."""
    if not duration:
        return 0
    parts = _DURATION.findall(duration)
    if "".join(amount + unit for amount, unit in parts) != duration:
        raise ProviderError(f"duration: must look like 5s or 1m30s (got {duration!r}).")
    return round(sum(float(amount) * _NANOSECONDS[unit] for amount, unit in parts))


def canonical(value: Any, prop: Property) -> Any:
    """A form in which equal settings are equal; None stands for what is not set."""
    if value is UNKNOWN:
        return value
    if value is None:
        value = prop.default
    if value is None or (value == _ZERO.get(prop.kind) and prop.default in (None, value)):
        return None
    return _canonical_set(value, prop) if not isinstance(value, str | int | float) else _scalar(value, prop)


def _scalar(value: Any, prop: Property) -> Any:
    return (nanoseconds(value) or None) if prop.kind is Kind.DURATION else value


def _canonical_set(value: Any, prop: Property) -> Any:
    if prop.kind is Kind.OBJECT:
        members = {key: canonical(value.get(key), item) for key, item in prop.fields.items()}
        return {key: item for key, item in members.items() if item is not None} or None
    if prop.kind in (Kind.OBJECTS, Kind.OBJECT_SET):
        item_property = replace(prop, kind=Kind.OBJECT, default=None)
        items = [canonical(item, item_property) or {} for item in value]
        return (items if prop.kind is Kind.OBJECTS else sorted(items, key=repr)) or None
    if prop.kind is Kind.SET:
        return sorted(set(value), key=repr) or None
    return value or None


def compare(old: Properties, new: Properties, schema: Schema) -> Diff:
    """The differences between two sets of checked inputs under `schema`; secrets stay marked."""
    changes: dict[str, Change] = {}
    for key, prop in schema.items():
        before, after = reveal(old.get(key)), reveal(new.get(key))
        if _is_left_to_docker(prop, after):
            continue
        hidden = has_secret(old.get(key)) or has_secret(new.get(key))
        for path, change in _changes(key, canonical(before, prop), canonical(after, prop), prop, (before, after)):
            changes[path] = with_marks(change, hidden=hidden, replaces=prop.replaces)
    return Diff(changes=changes)


def with_marks(change: Change, *, hidden: bool, replaces: bool) -> Change:
    """`change` with its values marked secret where `hidden`."""
    if not hidden:
        return replace(change, replaces=replaces)
    return replace(change, old=Secret(change.old), new=Secret(change.new), replaces=replaces)


def _is_left_to_docker(prop: Property, after: Any) -> bool:
    if prop.kept_if_empty and after in (None, ""):
        return True
    return prop.computed and (after is None or after in ([], {}))


def _changes(path: str, before: Any, after: Any, prop: Property, raw: tuple[Any, Any]) -> Iterator[tuple[str, Change]]:
    if before == after and not has_unknown(after):
        return
    if before is None or after is None or after is UNKNOWN:
        yield path, _change(before if before is None else raw[0], after if after is None else raw[1])
    elif prop.kind in (Kind.SET, Kind.OBJECT_SET):
        yield from _set_changes(path, prop, raw)
    elif prop.kind is Kind.OBJECT:
        for key, item in prop.fields.items():
            pair = (raw[0].get(key), raw[1].get(key))
            yield from _changes(f"{path}.{key}", before.get(key), after.get(key), item, pair)
    elif prop.kind is Kind.OBJECTS:
        item_property = replace(prop, kind=Kind.OBJECT)
        for index in range(max(len(before), len(after))):
            old, new, *sides = (side[index] if index < len(side) else None for side in (before, after, *raw))
            yield from _changes(f"{path}[{index}]", old, new, item_property, (sides[0], sides[1]))
    elif prop.kind in (Kind.MAP, Kind.LIST):
        yield from deep_changes(path, before, after)
    else:
        yield path, _change(*raw)


def _set_changes(path: str, prop: Property, raw: tuple[Any, Any]) -> Iterator[tuple[str, Change]]:
    item_property = replace(prop, kind=Kind.OBJECT if prop.kind is Kind.OBJECT_SET else Kind.TEXT, default=None)
    before, after = ([repr(canonical(item, item_property)) for item in side] for side in raw)
    for index, item in enumerate(before):
        if item not in after:
            yield f"{path}[{index}]", Change(kind=ChangeKind.DELETE, old=raw[0][index])
    for index, item in enumerate(after):
        if item not in before:
            taken = index < len(before) and before[index] not in after
            yield (
                f"{path}[{index}]",
                _change(raw[0][index] if taken else None, raw[1][index]),
            )


def deep_changes(path: str, before: Any, after: Any) -> Iterator[tuple[str, Change]]:
    """The differences of two plain values, by path."""
    if before == after and not has_unknown(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            name = key if re.fullmatch(r"\w+", key) else f'["{key}"]'
            inner = f"{path}{name}" if name.startswith("[") or not path else f"{path}.{name}"
            yield from deep_changes(inner, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            sides = [side[index] if index < len(side) else None for side in (before, after)]
            yield from deep_changes(f"{path}[{index}]", *sides)
    else:
        yield path, _change(before, after)


def _change(before: Any, after: Any) -> Change:
    kind = ChangeKind.ADD if before is None else ChangeKind.DELETE if after is None else ChangeKind.UPDATE
    return Change(kind=kind, old=before, new=after)


def as_recorded(value: Any, prop: Property) -> Any:
    """An input as the real provider records it among the outputs: sets sorted, fields complete."""
    if isinstance(value, Secret):
        return Secret(as_recorded(value.value, prop))
    if prop.kind is Kind.SET and isinstance(value, list):
        return sorted(set(value))
    if prop.kind is Kind.OBJECT and isinstance(value, dict):
        blank: Properties = {
            key: "" if item.kind is Kind.TEXT else [] for key, item in prop.fields.items() if item.kind in _BLANKS
        }
        given = {key: as_recorded(value[key], item) for key, item in prop.fields.items() if key in value}
        defaults = {key: item.default for key, item in prop.fields.items() if item.default is not None}
        return {**blank, **defaults, **given}
    if prop.kind in (Kind.OBJECTS, Kind.OBJECT_SET) and isinstance(value, list):
        items = [as_recorded(item, replace(prop, kind=Kind.OBJECT)) for item in value]
        return items if prop.kind is Kind.OBJECTS else sorted(items, key=lambda item: repr(reveal(item)))
    return value


_BLANKS = (Kind.TEXT, Kind.SET, Kind.OBJECT_SET)


def auto_name(name: str, news: Properties, olds: Properties | None, unique: str) -> Properties:
    """`news` with a generated `name` where the program gives none; an old generated one is kept."""
    if news.get("name") is not None:
        return news
    kept = (olds or {}).get("name") if "name" in (olds or {}).get("__defaults", ()) else None
    defaults = sorted([*news["__defaults"], "name"])
    return {**news, "name": kept or f"{name}-{unique}", "__defaults": defaults}


def has_given_name(inputs: Properties) -> bool:
    return "name" not in inputs.get("__defaults", ())
