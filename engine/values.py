"""Property values: JSON plus secrets and unknowns, and their form on Pulumi's wire."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Properties = dict[str, Any]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark, not a secret
REFERENCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS: Final = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
BLINDED: Final = "[secret]"


class Unknown:
    """A value that only the update itself will know."""

    def __repr__(self) -> str:
        return "[unknown]"

    def __deepcopy__(self, memo: object) -> "Unknown":
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that no display, log or file may show. Its `repr` does not."""

    value: Any = field(repr=False)


def transform(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """A copy of `value`, each scalar, secret and unknown in it replaced by `leaf` of it."""
    if isinstance(value, dict):
        return {key: transform(item, leaf) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [transform(item, leaf) for item in value]
    return leaf(value)


def reveal(value: Any) -> Any:
    """`value` without its secret marks."""
    return transform(value, lambda item: reveal(item.value) if isinstance(item, Secret) else item)


def blind(value: Any) -> Any:
    """`value` as it may be shown: every secret is the text `[secret]`."""
    return transform(value, lambda item: BLINDED if isinstance(item, Secret) else item)


def leaves(value: Any) -> Iterator[Any]:
    """Every scalar, secret and unknown in `value`; secrets are not entered."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def has_unknown(value: Any) -> bool:
    return any(item is UNKNOWN or (isinstance(item, Secret) and has_unknown(item.value)) for item in leaves(value))


def has_secret(value: Any) -> bool:
    return any(isinstance(item, Secret) for item in leaves(value))


def secret_texts(value: Any) -> Iterator[str]:
    """The texts inside the secrets of `value`, as they might turn up in someone's output."""
    for item in leaves(value):
        if isinstance(item, Secret):
            yield from (str(text) for text in leaves(reveal(item.value)) if isinstance(text, str))


def mark_secrets(outputs: Any, inputs: Any) -> Any:
    """`outputs` with the secret marks that `inputs` has in the same places.

    A list with one secret in it becomes secret as a whole: providers sort lists.
    """
    if isinstance(outputs, Secret) or not has_secret(inputs):
        return outputs
    if isinstance(inputs, dict) and isinstance(outputs, dict):
        return {key: mark_secrets(item, inputs[key]) if key in inputs else item for key, item in outputs.items()}
    return Secret(outputs)


def lift_secrets(value: Any) -> Any:
    """`value` with every list that holds a secret turned into one secret, as providers do."""
    if isinstance(value, list):
        return Secret(reveal(value)) if has_secret(value) else [lift_secrets(item) for item in value]
    if isinstance(value, dict):
        return {key: lift_secrets(item) for key, item in value.items()}
    return value


def without_unknowns(value: Any) -> Any:
    """`value` less the properties and items that are not known."""
    if isinstance(value, dict):
        return {key: without_unknowns(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [without_unknowns(item) for item in value if item is not UNKNOWN]
    return value


def to_wire(value: Any) -> Any:
    """`value` as plain JSON in Pulumi's encoding."""

    def leaf(item: Any) -> Any:
        if item is UNKNOWN:
            return UNKNOWN_TEXT
        if isinstance(item, Secret):
            return {SIGNATURE: SECRET_SIGNATURE, "value": to_wire(item.value)}
        return item

    return transform(value, leaf)


def from_wire(value: Any) -> Any:
    """The value that plain JSON in Pulumi's encoding stands for. Resource references stay as they are."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return Secret(from_wire(value.get("value")))
        return {key: from_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    if isinstance(value, str) and value in _UNKNOWN_TEXTS:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
