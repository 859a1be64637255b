"""What a property of a Docker resource is, and how two sets of inputs compare.

The rules follow the Docker provider 5.2: which properties replace, which are sets, which Docker fills in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from engine.errors import ProviderError, UnsupportedError
from engine.model import Change, ChangeKind, Diff, State
from engine.values import UNKNOWN, Properties, Secret, has_secret, has_unknown, reveal

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_DECIMAL = re.compile(r"\d+(\.\d*)?")
_SECOND = 10**9
_NANOSECONDS = {"h": 3_600 * _SECOND, "m": 60 * _SECOND, "s": _SECOND, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
_KINDS: dict[str, tuple[Any, str]] = {"text": (str, "a text"), "map": (dict, "a map"), "object": (dict, "an object")}
_KINDS |= {"decimal": (str, "a number as text"), "number": ((int, float), "a number"), "flag": (bool, "true or false")}
_KINDS |= {"duration": (str, "a duration such as 5s")}
_KINDS |= dict.fromkeys(("list", "set", "objects", "object-set"), (list, "a list"))
_OPTIONS = frozenset({"in-place", "computed", "keeps", "required"})
_ENCODING_OF_OUTPUTS = "__pulumi_raw_state_delta"  # the real provider's; it fits no other outputs
_BLANK: Mapping[str, Any] = {"text": "", "set": [], "object-set": []}


class Property(NamedTuple):
    """One property. `list` and `objects` keep their order, `set` and `object-set` have none."""

    kind: str
    options: frozenset[str]
    default: Any
    fields: "Schema"


Schema = Mapping[str, Property]


def parse_schema(table: str, **nested: Schema) -> dict[str, Property]:
    """A schema from a table: a kind, options, and `name` or `name=default` of each property of that kind.

    `nested` has the fields of objects. Options: required; in-place: a change does not replace; computed: Docker
    chooses the value when the program gives none, so its absence is no change; keeps: an empty text is none either.
    """
    schema = {}
    for line in table.strip().splitlines():
        kind, *words = line.split()
        options = _OPTIONS.intersection(words)
        for word in (word for word in words if word not in _OPTIONS):
            name, _, text = word.partition("=")
            default: Any = int(text) if text.isdigit() else text == "true" if kind == "flag" and text else text or None
            default = "0s" if kind == "duration" else default
            schema[name] = Property(kind=kind, options=options, default=default, fields=nested.get(name, {}))
    return schema


def docker_names(table: str) -> dict[str, str]:
    """Docker's names by the provider's, from `ours=Theirs`, or `ours` alone where Docker's is `Ours`."""
    pairs = (entry.partition("=") for entry in table.split())
    return {ours: theirs or ours[0].upper() + ours[1:] for ours, _, theirs in pairs}


LABEL = parse_schema("text required label value")


def labels_of(inputs: Properties) -> dict[str, str]:
    return {item["label"]: item["value"] for item in inputs.get("labels") or ()}


def label_list(labels: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]


def check_inputs(where: str, news: Properties, schema: Schema) -> Properties:
    """`news` with defaults and the `__defaults` lists that the real provider writes.

    Raises UnsupportedError for an unknown property and ProviderError for a wrong or missing one.
    """
    checked: Properties = {}
    for key, value in news.items():
        if key not in schema and not key.startswith("__"):
            raise UnsupportedError(f"{where}: property '{key}' is not supported by the embedded engine.")
        if key in schema and value is not None:
            checked[key] = _checked(f"{where}.{key}", value, schema[key])
    missing = [key for key, prop in schema.items() if "required" in prop.options and key not in checked]
    if missing:
        raise ProviderError(f"{where}: property '{missing[0]}' is missing.")
    defaults = {key: prop.default for key, prop in schema.items() if prop.default not in (None, "0s")}
    injected = sorted(set(defaults) - set(checked))
    return {**checked, **{key: defaults[key] for key in injected}, "__defaults": injected}


def _checked(where: str, value: Any, prop: Property) -> Any:
    if value is UNKNOWN:
        return value
    if isinstance(value, Secret):
        return Secret(_checked(where, value.value, prop))
    type_, words = _KINDS[prop.kind]
    strange = not isinstance(value, type_) or (isinstance(value, bool) and prop.kind != "flag")
    if strange or (prop.kind == "decimal" and not _DECIMAL.fullmatch(value)):
        raise ProviderError(f"{where}: must be {words} (got {type(value).__name__ if strange else repr(value)}).")
    if prop.kind == "object":
        return check_inputs(where, value, prop.fields)
    if prop.kind in ("objects", "object-set"):
        return [_checked(f"{where}[{i}]", item, prop._replace(kind="object")) for i, item in enumerate(value)]
    return value


def nanoseconds(duration: str, where: str = "duration", example: str = "5s or 1m30s") -> int:
    """Go's `1m30s` in nanoseconds. Raises ProviderError."""
    parts = _DURATION.findall(duration)
    if "".join(amount + unit for amount, unit in parts) != duration:
        raise ProviderError(f"{where}: must look like {example} (got {duration!r}).")
    return round(sum(float(amount) * _NANOSECONDS[unit] for amount, unit in parts))


def duration_text(nanoseconds: int) -> str:
    """Go's form of a duration: `0s`, `500ms`, `5s`, `1m30s`."""
    if nanoseconds < _SECOND:
        units = ((10**6, "ms"), (10**3, "µs"), (1, "ns"))
        return next((f"{nanoseconds / size:g}{unit}" for size, unit in units if nanoseconds >= size), "0s")
    minutes, rest = divmod(nanoseconds, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest / _SECOND:g}s"


def canonical(value: Any, prop: Property) -> Any:
    """A form in which equal settings are equal; None stands for what is not set."""
    value = prop.default if value is None else value
    if value is None or value is UNKNOWN:
        return value
    if prop.kind == "object":
        members = {key: canonical(value.get(key), item) for key, item in prop.fields.items()}
        value = {key: item for key, item in members.items() if item is not None}
    elif prop.kind in ("objects", "object-set"):
        value = [canonical(item, prop._replace(kind="object", default=None)) or {} for item in value]
    elif prop.kind == "duration":
        value = nanoseconds(value)
    elif prop.kind == "decimal":
        value = float(value)
    if prop.kind in ("set", "object-set"):
        value = sorted(value, key=repr)
    return value or (value if prop.default else None)


def compare(old: Properties, new: Properties, schema: Schema) -> dict[str, Change]:
    """The differences between two sets of checked inputs under `schema`; secrets stay marked."""
    changes: dict[str, Change] = {}
    for key, prop in schema.items():
        after = reveal(new.get(key))
        if not after and after is not UNKNOWN and prop.options & {"computed", "keeps"}:
            continue
        pair = (canonical(reveal(old.get(key)), prop), canonical(after, prop))
        unordered = prop.kind in ("set", "object-set") and None not in pair and UNKNOWN not in pair
        found = _set_changes(key, *pair) if unordered else deep_changes(key, *pair)
        changes |= marked(key, (old, new), found, replaces="in-place" not in prop.options)
    return changes


def _set_changes(path: str, before: list[Any], after: list[Any]) -> Iterator[tuple[str, Change]]:
    gone = {index: item for index, item in enumerate(before) if item not in after}
    new = {index: item for index, item in enumerate(after) if item not in before}
    for index in sorted({*gone, *new}):
        yield from deep_changes(f"{path}[{index}]", gone.get(index), new.get(index))


def marked(
    key: str, sides: tuple[Properties, Properties], found: Iterable[tuple[str, Change]], *, replaces: bool = False
) -> dict[str, Change]:
    """The changes `found` in the property `key`, their values secret if it is secret on either of `sides`."""
    changes = {path: change._replace(replaces=replaces) for path, change in found}
    if any(has_secret(side.get(key)) for side in sides):
        return {path: item._replace(old=Secret(item.old), new=Secret(item.new)) for path, item in changes.items()}
    return changes


def compare_plain(old: Properties, new: Properties, replacing: Iterable[str] = ()) -> Diff:
    """The differences between two sets of inputs that have no schema."""
    changes: dict[str, Change] = {}
    for key in sorted({*old, *new}):
        found = deep_changes(key, reveal(old.get(key)), reveal(new.get(key)))
        changes |= marked(key, (old, new), found, replaces=key in replacing)
    return Diff(changes=changes)


def deep_changes(path: str, before: Any, after: Any) -> Iterator[tuple[str, Change]]:
    """The differences of two plain values, by path."""
    if before == after and not has_unknown(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if re.fullmatch(r"\w+", key) else f'{path}["{key}"]'
            yield from deep_changes(inner, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            sides = [side[index] if index < len(side) else None for side in (before, after)]
            yield from deep_changes(f"{path}[{index}]", *sides)
    else:
        yield path, change_of(before, after)


def change_of(before: Any, after: Any) -> Change:
    kind = ChangeKind.ADD if before is None else ChangeKind.DELETE if after is None else ChangeKind.UPDATE
    return Change(kind=kind, old=before, new=after)


def recorded(inputs: Properties, schema: Schema) -> Properties:
    """Inputs as the real provider records them among the outputs: sets sorted, fields complete."""
    return {key: _recorded(value, schema[key]) for key, value in inputs.items() if key in schema}


def _recorded(value: Any, prop: Property) -> Any:
    if isinstance(value, Secret):
        return Secret(_recorded(value.value, prop))
    if prop.kind == "set":
        return sorted(set(value))
    if prop.kind == "object":
        blank = {key: _BLANK[item.kind] for key, item in prop.fields.items() if item.kind in _BLANK}
        defaults = {key: item.default for key, item in prop.fields.items() if item.default is not None}
        return {**blank, **defaults, **recorded(value, prop.fields)}
    if prop.kind in ("objects", "object-set"):
        items = [_recorded(item, prop._replace(kind="object")) for item in value]
        return items if prop.kind == "objects" else sorted(items, key=lambda item: repr(reveal(item)))
    return value


def auto_name(name: str, news: Properties, olds: Properties | None, unique: str) -> Properties:
    """`news` with a generated `name` where the program gives none; an old generated one is kept."""
    if news.get("name") is not None:
        return news
    kept = (olds or {}).get("name") if "name" in (olds or {}).get("__defaults", ()) else None
    return {**news, "name": kept or f"{name}-{unique}", "__defaults": sorted([*news["__defaults"], "name"])}


def as_read(state: State, observed: Properties, schema: Schema) -> tuple[Properties, Properties]:
    """Inputs and outputs of `state` with what Docker really has; `schema` is of the inputs that can drift."""
    drifted = {}
    for key in state.inputs.keys() & observed.keys() & schema.keys():
        if canonical(reveal(state.inputs[key]), schema[key]) != canonical(observed[key], schema[key]):
            drifted[key] = observed[key]
    outputs = {key: value for key, value in state.outputs.items() if key != _ENCODING_OF_OUTPUTS}
    return {**state.inputs, **drifted}, {**outputs, **observed}
