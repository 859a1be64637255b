"""A resource of the Docker provider, read from its inputs as Pulumi writes them: to a policy pack, in a preview."""

from collections.abc import Mapping
from typing import Any

from policy.resource import BaseImage, Container, Network, Port, Resource, Volume

SECRET = "[secret]"  # noqa: S105 - what stands for one
UNKNOWN = "(not known yet)"
"""What stands for a value that only the update will know."""
ROLE_LABEL = "django-stack.role"
_UNKNOWN_ON_THE_WIRE = frozenset((
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421", "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
))  # fmt: skip
"""Pulumi's own signs for that, one for each type."""


def read(
    type: str,  # noqa: A002 - Pulumi's own word
    logical_name: str,
    inputs: Mapping[str, Any],
    *,
    protected: bool,
    retained: bool | None,
) -> Resource | None:
    """A declared resource, or None where it is of a type that no policy asks about.

    `type` is a whole token, such as docker:index/container:Container. Signs for what is not known yet are understood.
    """
    inputs = known(inputs)
    name = str(inputs.get("name") or logical_name)
    match type.partition(":")[0], type.rpartition(":")[2]:
        case "docker", "Container":
            return container(inputs, logical_name)
        case "docker", "Volume":
            return Volume(name=name, protected=protected, retained=retained)
        case "docker", "Network":
            return Network(name=name, internal=inputs.get("internal") in (True, UNKNOWN))
        case "docker", "RemoteImage":
            return BaseImage(name=name)
        case _:
            return None


def container(inputs: Mapping[str, Any], logical_name: str) -> Container:
    """A container, from inputs in which words stand for what is not known."""
    return Container(
        name=str(inputs.get("name") or logical_name),
        role=labels(inputs).get(ROLE_LABEL, ""),
        image=str(inputs.get("image") or ""),
        memory_mb=int(_number(inputs.get("memory"))),
        cpus=_number(inputs.get("cpus")),
        ports=tuple(_port(each) for each in _list(inputs.get("ports")) if isinstance(each, Mapping)),
        env=environment(inputs.get("envs")),
        network_mode=str(inputs.get("networkMode") or ""),
        unknown=frozenset(key for key, value in inputs.items() if value == UNKNOWN),
    )


def known(value: Any) -> Any:
    """With words in the place of what is not known yet."""
    if isinstance(value, Mapping):
        return {key: known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [known(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWN_ON_THE_WIRE else value


def environment(envs: Any) -> dict[str, str]:
    """Variables by name. Of those that are secret as a whole nothing is known but that."""
    if envs == SECRET:
        return {SECRET: SECRET}
    pairs = (str(each).partition("=") for each in _list(envs))
    return {name: value if sign else SECRET if name == SECRET else "" for name, sign, value in pairs}


def labels(inputs: Mapping[str, Any]) -> dict[str, str]:
    """A container's labels by name."""
    every = [each for each in _list(inputs.get("labels")) if isinstance(each, Mapping)]
    return {str(each.get("label")): str(each.get("value")) for each in every}


def _port(content: Mapping[str, Any]) -> Port:
    protocol = str(content.get("protocol") or "tcp")
    return Port(
        address=str(content.get("ip") or ""),
        external=_whole(content.get("external")) or "any port",
        internal=f"{_whole(content.get('internal'))}{'' if protocol == 'tcp' else f'/{protocol}'}",
    )


def _whole(value: Any) -> str:
    """A port's number; on the wire all numbers are floating."""
    return str(int(value)) if isinstance(value, float) else str(value or "")


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):  # not known before the update
        return 0.0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
