"""The nouns of a deployment: what the program asks for, what the state records, what a step does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from engine.values import Properties

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


class Op(StrEnum):
    """Pulumi's own step operations."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE_REPLACEMENT = "create-replacement"
    DELETE_REPLACED = "delete-replaced"
    READ = "read"
    REFRESH = "refresh"


def make_urn(*, stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; the Stack, as the root, leaves no trace in its children's."""
    parent_types = "" if not parent or urn_type(parent) == STACK_TYPE else parent.split("::")[2] + "$"
    return f"urn:pulumi:{stack}::{project}::{parent_types}{type_}::{name}"


def urn_name(urn: str) -> str:
    return urn.split("::", 3)[3]


def urn_type(urn: str) -> str:
    return urn.split("::", 3)[2].rsplit("$", 1)[-1]


def short_type(type_: str) -> str:
    """`docker:index/container:Container` as people read it: `docker:index:Container`."""
    package, _, rest = type_.partition(":")
    module, _, name = rest.rpartition(":")
    return f"{package}:{module.split('/')[0]}:{name}" if module else type_


def now_text() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A resource as the program registers it."""

    urn: str
    type: str
    custom: bool
    inputs: Properties
    parent: str = ""
    provider: str = ""
    """`<urn>::<id>`; empty until the default provider has been chosen."""
    version: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """URNs that this resource may have had before."""
    custom_timeouts: Mapping[str, float] = field(default_factory=dict)
    """Seconds, by `create`, `update`, `delete`."""
    source_position: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """A resource as the checkpoint records it. `extra` holds keys that this engine only carries along."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    external: bool = False
    delete: bool = False
    pending_replacement: bool = False
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str = ""
    init_errors: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, float] = field(default_factory=dict)
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    created: str = ""
    modified: str = ""
    source_position: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return urn_name(self.urn)

    @property
    def is_default_provider(self) -> bool:
        return self.type.startswith(PROVIDER_PREFIX) and self.name.startswith("default")

    @property
    def provider_urn(self) -> str:
        return self.provider.rpartition("::")[0]

    def needs(self) -> set[str]:
        """The URNs that must stand before this one."""
        needed = {*self.dependencies, self.parent, self.provider_urn}
        for urns in self.property_dependencies.values():
            needed.update(urns)
        return needed - {""}


def state_of(goal: Goal, *, inputs: Properties, old: State | None = None) -> State:
    """What the state will say of `goal`, before a provider has added id and outputs."""
    return State(
        urn=goal.urn,
        type=goal.type,
        custom=goal.custom,
        id=old.id if old else "",
        inputs=inputs,
        outputs=old.outputs if old else {},
        parent=goal.parent,
        protect=bool(goal.protect),
        dependencies=goal.dependencies,
        property_dependencies=goal.property_dependencies,
        provider=goal.provider,
        additional_secret_outputs=goal.additional_secret_outputs,
        custom_timeouts=goal.custom_timeouts,
        retain_on_delete=bool(goal.retain_on_delete),
        ignore_changes=goal.ignore_changes,
        replace_on_changes=goal.replace_on_changes,
        created=old.created if old else "",
        modified=old.modified if old else "",
        source_position=goal.source_position,
    )


def stamped(state: State) -> State:
    """`state` with its times of creation and change set to now."""
    now = now_text()
    return replace(state, created=state.created or now, modified=now)


class ChangeKind(StrEnum):
    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One property that differs; `old` and `new` keep their secret marks."""

    kind: ChangeKind
    old: Any = None
    new: Any = None
    replaces: bool = False


@dataclass(frozen=True, kw_only=True)
class Diff:
    """How the recorded inputs differ from the wanted ones."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    """By property path, as `envs[0]` or `healthcheck.interval`."""
    delete_before_replace: bool = False

    @property
    def keys(self) -> list[str]:
        """The changed top-level properties, sorted."""
        return sorted({top_key(path) for path in self.changes})

    @property
    def replace_keys(self) -> list[str]:
        return sorted({top_key(path) for path, change in self.changes.items() if change.replaces})


def top_key(path: str) -> str:
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do, and why. `retained` means: forget it, and leave the real thing alone."""

    op: Op
    urn: str
    cause: str
    old: State | None = None
    new: State | None = None
    diff: Diff = field(default_factory=Diff)
    retained: bool = False

    @property
    def state(self) -> State:
        """The side of the step that exists: new, or old where it is a deletion."""
        state = self.new or self.old
        if state is None:
            raise ValueError(self.urn)
        return state

    def __str__(self) -> str:
        return f"{self.op} {urn_name(self.urn)}: {self.cause}"
