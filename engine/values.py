"""Property values: JSON plus secrets and unknowns, and their form on Pulumi's wire."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

Properties = dict[str, Any]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark, not a secret
BLINDED: Final = "[secret]"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS: Final = (  # all but the first stand for unknowns of one type
    *(UNKNOWN_TEXT, "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", "3eeb2bf0-c639-47a8-9e75-3b44932eb421"),
    *("6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"),
)


class Unknown:
    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()
"""A value that only the update itself will know."""


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
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def has_unknown(value: Any) -> bool:
    return any(item is UNKNOWN for item in leaves(reveal(value)))


def has_secret(value: Any) -> bool:
    return any(isinstance(item, Secret) for item in leaves(value))


def mark_secrets(outputs: Any, inputs: Any) -> Any:
    """`outputs` with the secret marks that `inputs` has in the same places; a list is secret as a whole."""
    if isinstance(outputs, Secret) or not has_secret(inputs):
        return outputs
    if isinstance(inputs, dict) and isinstance(outputs, dict):
        return {key: mark_secrets(item, inputs.get(key)) for key, item in outputs.items()}
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
    return [without_unknowns(item) for item in value if item is not UNKNOWN] if isinstance(value, list) else value


def to_wire(value: Any, seal: Callable[[Any], Any] | None = None) -> Any:
    """`value` as plain JSON in Pulumi's encoding; `seal` makes what stands for the value of a secret."""

    def leaf(item: Any) -> Any:
        if isinstance(item, Secret):
            return seal(item.value) if seal else sealed(value=to_wire(item.value))
        return UNKNOWN_TEXT if item is UNKNOWN else item

    return transform(value, leaf)


def sealed(**content: Any) -> dict[str, Any]:
    """A secret in Pulumi's encoding: its `value`, `plaintext` or `ciphertext`."""
    return {SIGNATURE: SECRET_SIGNATURE, **content}


def from_wire(value: Any, unseal: Callable[[Properties], Any] = lambda item: item.get("value")) -> Any:
    """The value that plain JSON in Pulumi's encoding stands for. Resource references stay as they are."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return Secret(from_wire(unseal(value), unseal))
        return {key: from_wire(item, unseal) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item, unseal) for item in value]
    if isinstance(value, str) and value in _UNKNOWN_TEXTS:
        return UNKNOWN
    return int(value) if isinstance(value, float) and value.is_integer() else value


def compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_of(value: Any) -> str:
    """`value` as a text: JSON where it is none."""
    return value if isinstance(value, str) else compact_json(value)
