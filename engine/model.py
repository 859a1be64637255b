"""The nouns of a deployment: what the program asks for, what the state records, what a step does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

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


def top_key(path: str) -> str:
    """The top-level property of a path such as `envs[0]` or `healthcheck.interval`."""
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def now_text() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What a goal and a state have in common. Timeouts are seconds, by `create`, `update`, `delete`."""

    urn: str
    type: str
    custom: bool
    inputs: Properties = field(default_factory=dict)
    parent: str = ""
    provider: str = ""
    """`<urn>::<id>`; a goal's is empty until the default provider has been chosen."""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, float] = field(default_factory=dict)
    source_position: str = ""

    @property
    def name(self) -> str:
        return urn_name(self.urn)

    @property
    def is_provider(self) -> bool:
        return self.type.startswith(PROVIDER_PREFIX)

    @property
    def is_default_provider(self) -> bool:
        return self.is_provider and self.name.startswith("default")


@dataclass(frozen=True, kw_only=True)
class Goal(Resource):
    """A resource as the program registers it; `aliases` are URNs that it may have had before."""

    version: str = ""
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    aliases: tuple[str, ...] = ()

    def state(self, inputs: Properties, old: "State | None" = None) -> "State":
        """What the state will say, before a provider has added id and outputs to those of `old`."""
        kept = {name: getattr(self, name) for name in Resource.__dataclass_fields__}
        kept |= {"inputs": inputs, "protect": bool(self.protect), "retain_on_delete": bool(self.retain_on_delete)}
        if old is not None:
            kept |= {"id": old.id, "outputs": old.outputs, "created": old.created, "modified": old.modified}
        return State(**kept)


@dataclass(frozen=True, kw_only=True)
class State(Resource):
    """A resource as the checkpoint records it. `extra` holds keys that this engine only carries along."""

    id: str = ""
    outputs: Properties = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    external: bool = False
    delete: bool = False
    pending_replacement: bool = False
    init_errors: tuple[str, ...] = ()
    created: str = ""
    modified: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider_urn(self) -> str:
        return self.provider.rpartition("::")[0]

    def needs(self) -> set[str]:
        """The URNs that must stand before this one."""
        by_property = (urn for urns in self.property_dependencies.values() for urn in urns)
        return {*self.dependencies, *by_property, self.parent, self.provider_urn} - {""}


def outputs_of(states: Iterable[State]) -> Properties:
    """The outputs of the stack itself."""
    return next((state.outputs for state in states if state.type == STACK_TYPE), {})


class ChangeKind(StrEnum):
    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


class Change(NamedTuple):
    """One property that differs; `old` and `new` keep their secret marks."""

    kind: ChangeKind
    old: Any = None
    new: Any = None
    replaces: bool = False


@dataclass(frozen=True, kw_only=True)
class Diff:
    """How the recorded inputs differ from the wanted ones, by property path."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False

    @property
    def keys(self) -> list[str]:
        """The changed top-level properties, sorted."""
        return sorted({top_key(path) for path in self.changes})

    @property
    def replace_keys(self) -> list[str]:
        return sorted({top_key(path) for path, change in self.changes.items() if change.replaces})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do, and why. `retained` means: forget it, and leave the real thing alone."""

    op: Op
    cause: str
    old: State | None = None
    new: State | None = None
    diff: Diff = field(default_factory=Diff)
    retained: bool = False

    @property
    def urn(self) -> str:
        return self.state.urn

    @property
    def state(self) -> State:
        """The side of the step that exists: new, or old where it is a deletion."""
        state = self.new or self.old
        assert state is not None  # noqa: S101  every step has one
        return state

    def __str__(self) -> str:
        return f"{self.op} {self.state.name}: {self.cause}"
