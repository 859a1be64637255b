"""Containers of a plan, as far as a reviewer asks about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from review.plan import Plan, Step

SECRET = "[secret]"  # noqa: S105 - what stands for one
SIGNATURE = "4dabf18193072939515e22adb298388d"
"""How Pulumi marks one in JSON."""
ROLE_LABEL = "django-stack.role"


@dataclass(frozen=True, kw_only=True)
class Port:
    """A published port."""

    address: str
    external: str
    internal: str

    @property
    def public(self) -> bool:
        """Reached from other machines."""
        return not (self.address.startswith("127.") or self.address in ("::1", "localhost"))

    def __str__(self) -> str:
        return f"{self.address or '0.0.0.0'}:{self.external} to {self.internal}"  # noqa: S104 - Docker's default


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container, before or after."""

    name: str
    role: str
    """What its label says, or empty."""
    image: str
    memory_mb: int
    """0 is no limit."""
    cpus: float
    """0 is no limit."""
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    network_mode: str = ""


@dataclass(frozen=True, kw_only=True)
class ContainerChange:
    """A container that would change, with what it was and what it would be."""

    step: Step
    before: Container | None
    after: Container | None

    @property
    def role(self) -> str:
        return (self.after or self.before or _NOBODY).role


def changes(plan: Plan) -> list[ContainerChange]:
    """Every container that the plan touches."""
    return [
        ContainerChange(
            step=step,
            before=_read(step.old.inputs, step.name) if step.old else None,
            after=_read(step.new.inputs, step.name) if step.new and step.op != "delete" else None,
        )
        for step in plan.of("Container")
    ]


def _read(inputs: Mapping[str, Any], logical_name: str) -> Container:
    return Container(
        name=str(inputs.get("name") or logical_name),
        role=labels(inputs).get(ROLE_LABEL, ""),
        image=str(inputs.get("image") or ""),
        memory_mb=int(_number(inputs.get("memory"))),
        cpus=_number(inputs.get("cpus")),
        ports=tuple(_port(each) for each in _list(inputs.get("ports")) if isinstance(each, dict)),
        env=environment(inputs.get("envs")),
        network_mode=str(inputs.get("networkMode") or ""),
    )


def environment(envs: Any) -> dict[str, str]:
    """Variables by name. Of those that are secret as a whole nothing is known but that."""
    if envs == SECRET:
        return {SECRET: SECRET}
    pairs = (str(each).partition("=") for each in _list(envs))
    return {name: value if sign else "" for name, sign, value in pairs}


def labels(inputs: Mapping[str, Any]) -> dict[str, str]:
    """A container's labels by name."""
    return {str(each.get("label")): str(each.get("value")) for each in _list(inputs.get("labels")) if _is_map(each)}


def _port(content: Mapping[str, Any]) -> Port:
    number = {key: content.get(key) for key in ("external", "internal")}
    return Port(
        address=str(content.get("ip") or ""),
        external=str(number["external"] or "any port"),
        internal=f"{number['internal']}{_protocol(content)}",
    )


def _protocol(content: Mapping[str, Any]) -> str:
    protocol = str(content.get("protocol") or "tcp")
    return "" if protocol == "tcp" else f"/{protocol}"


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):  # not known before the update
        return 0.0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


_NOBODY = Container(name="", role="", image="", memory_mb=0, cpus=0)
