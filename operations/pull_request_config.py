"""The stack config of a pull request's environment, made of templates. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from config_schema import SECRET_LENGTHS

TEMPLATE = "pr"
"""Of Pulumi.pr.yaml: what every environment has, whatever other stack it takes after."""

_OWN = (*SECRET_LENGTHS, "secretsVersion", "pinnedRelease")
"""Keys that no environment takes over from another stack."""

_PLACE = re.compile(r"\{(?:(\d{1,5})\+)?number\}")
_LINE_WIDTH = 4096  # never fold a ciphertext


def stack_name(number: int) -> str:
    """The stack of a pull request."""
    return f"pr-{number}"


def made_of(
    *layers: Mapping[str, Any], number: int, project: str, kept: Mapping[str, Any], images_from: str = ""
) -> dict[str, Any]:
    """An environment's config by full key: each layer over the one before, its places filled in.

    `kept` is what it has so far: its own secrets are taken over, and no other stack's ever are. `images_from` is what
    its data was made with, if it has any.
    """
    plain = {key: value for layer in layers for key, value in layer.items() if not _is_secret(value)}
    for name in _OWN:
        plain.pop(f"{project}:{name}", None)
    values = {key: filled(value, number) for key, value in plain.items()}
    own = [f"{project}:{name}" for name in _OWN]
    values |= {key: kept[key] for key in own if key in kept}
    source = f"{project}:imagesFrom"
    if source not in values and (images_from or source in kept):
        values[source] = images_from or kept[source]
    return values | {f"{project}:protectData": False, f"{project}:startAtBoot": False}


def filled(value: Any, number: int) -> Any:
    """A value with `{number}` and `{20000+number}` filled in; a number where there is nothing else."""
    if isinstance(value, dict):
        return {key: filled(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, number) for item in value]
    if not isinstance(value, str):
        return value
    text = _PLACE.sub(lambda found: str(int(found[1] or 0) + number), value)
    return int(text) if text != value and text.isdigit() else text


def text_of(values: Mapping[str, Any], *, number: int, before: str) -> str:
    """The config file; what is not config in the file before, such as its salt, stays."""
    document = yaml.safe_load(before) or {}
    return _head(number) + yaml.safe_dump({**document, "config": dict(values)}, sort_keys=False, width=_LINE_WIDTH)


def is_made(text: str, *, number: int) -> bool:
    """Whether a config file is one of these, and nobody's own."""
    return _head(number) in text


def _head(number: int) -> str:
    return f"# Made by ./ops pull-request up {number}, anew each time: change Pulumi.{TEMPLATE}.yaml instead.\n"


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and "secure" in value
