"""What a plan means: interruptions, data, ports, secrets, memory. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy.inputs import SECRET
from policy.resource import Port
from policy.resource import Volume as DeclaredVolume
from review.container import ContainerChange
from review.evidence import Evidence
from review.plan import Plan, Step

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""How Pulumi marks a secret in JSON."""
_ROLES = {"Gunicorn": "web", "Nginx": "nginx", "Postgres": "postgres"}
"""Components without which there is no site, and the role of their containers."""


def replaced(evidence: Evidence, role: str) -> bool:
    """A running container of a role would be replaced."""
    return any(each.role == role and each.step.op == "replace" for each in evidence.containers)


def taken_away(evidence: Evidence) -> list[str]:
    """Roles that would be left without a container."""
    gone = {_ROLES[step.kind] for step in evidence.plan.steps if step.op == "delete" and step.kind in _ROLES}
    if evidence.capacity:
        stack = [each for each in evidence.capacity.containers if each.stack == evidence.plan.prefix]
        deleted = {each.before.name for each in evidence.containers if each.step.op == "delete" and each.before}
        for role in {each.role for each in stack if each.role in (*_ROLES.values(), "edge")}:
            gone |= {role} if {each.name for each in stack if each.role == role} <= deleted else set()
    return sorted(gone - {each.role for each in evidence.containers if each.after})


def downtime(evidence: Evidence) -> str:
    """What visitors would notice, in words."""
    if evidence.plan.is_first:
        return "none: nothing is there yet"
    if gone := taken_away(evidence):
        return f"the site stops: no {', no '.join(gone)}"
    told = []
    if replaced(evidence, "edge") or _networks(evidence.plan, "edge"):
        told.append("no connection is possible for some seconds, while the holder of the ports is replaced")
    if replaced(evidence, "postgres") or _networks(evidence.plan, "data"):
        told.append("requests wait for some seconds, at most 25, while PostgreSQL is replaced; none is refused")
    return "; ".join(told) or "none"


def _networks(plan: Plan, end: str) -> bool:
    return any(step.op in ("replace", "delete") and step.name.endswith(f"-{end}") for step in plan.of("Network"))


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume with data that nothing makes anew."""

    step: Step
    name: str

    @property
    def lost(self) -> bool:
        """Its content goes, and does not stay in Docker without an owner."""
        return not (self.step.old and self.step.old.retained)


def data_volumes(plan: Plan) -> Iterator[Volume]:
    """Those that the plan touches."""
    for step in plan.of("Volume"):
        state = step.new or step.old
        name = str((state.inputs.get("name") if state else "") or step.name)
        if DeclaredVolume(name=name, protected=False, retained=None).holds_data:
            yield Volume(step=step, name=name)


def data_at_risk(evidence: Evidence) -> list[str]:
    """Each thing that would be lost or let go, in words."""
    volumes = [
        f"volume {each.name} ({'is deleted' if each.lost else 'stays in Docker, and is used no more'})"
        for each in data_volumes(evidence.plan)
        if each.step.op in ("delete", "replace")
    ]
    linted = evidence.linted
    migrations = [f"{each.label} {words}" for each, words, _ in linted.found("review.E014")] if linted else []
    return [*volumes, *dict.fromkeys(migrations)]


def ports(evidence: Evidence) -> tuple[list[Port], list[Port]]:
    """Public ports that are closed, and those that are opened."""
    old = {port for each in evidence.containers if each.before for port in each.before.ports if port.public}
    new = {port for each in evidence.containers if each.after for port in each.after.ports if port.public}
    return sorted(old - new, key=str), sorted(new - old, key=str)


def secrets(plan: Plan) -> list[str]:
    """Names of what is secret and would change. Never a value."""
    names = [name for step in plan.steps if step.op != "delete" for name in _secret_names(step)]
    return list(dict.fromkeys(names))


def _secret_names(step: Step) -> Iterator[str]:
    if step.new is None:
        return
    version = re.fullmatch(r"secrets-(\d+)-write", step.name)
    if version and step.op == "create":
        yield f"files of version {version[1]}: django_secret_key, database_password"
        return
    for key in step.changed:
        value = step.new.inputs.get(key)
        if not _has_secret(value):
            continue
        if step.name == "postgres-site" and key == "stdin":
            yield "databasePassword, as PostgreSQL has it"
        elif version:
            yield "django_secret_key or database_password, in their files"
        else:
            yield f"{key} of {step.kind} {step.name}"


def _has_secret(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_secret(item) for item in value.values()) or SIGNATURE in value
    return any(map(_has_secret, value)) if isinstance(value, list) else value == SECRET


def component(plan: Plan, step: Step) -> str:
    """The part of the stack that a resource belongs to, by its parent's name."""
    state = step.new or step.old
    parent = state.parent if state else ""
    return parent.rpartition("::")[2] if parent and "pulumi:pulumi:Stack" not in parent else plan.stack


def memory_now(evidence: Evidence) -> int | None:
    """MiB that the limits of the stack's containers promise now; None where that is not known."""
    if evidence.plan.is_first:
        return 0
    if not evidence.capacity:
        return None
    return sum(each.memory_mb for each in evidence.capacity.containers if each.stack == evidence.plan.prefix)


def memory_of_others(evidence: Evidence) -> int:
    """MiB that limits of other containers of the server promise."""
    kept = evidence.capacity.containers if evidence.capacity else ()
    return sum(each.memory_mb for each in kept if each.stack != evidence.plan.prefix)


def memory_change(evidence: Evidence) -> int:
    """MiB that limits would promise more, or fewer."""
    return sum(_memory(each, after=True) - _memory(each, after=False) for each in evidence.containers)


def memory_beside(evidence: Evidence) -> int:
    """MiB of the containers that run on until their successors have taken over."""
    return sum(_memory(each, after=False) for each in evidence.containers if each.step.op == "delete")


def cpus_change(evidence: Evidence) -> float:
    """CPUs that limits would allow more, or fewer."""
    return sum(
        (each.after.cpus if each.after else 0) - (each.before.cpus if each.before else 0)
        for each in evidence.containers
    )


def _memory(change: ContainerChange, *, after: bool) -> int:
    container = change.after if after else change.before
    return container.memory_mb if container else 0
