"""Providers: one small class per resource type, shaped like Pulumi's ResourceProvider."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers.docker_api import DockerApi, inspect
from engine.providers.schema import Schema, auto_name, check_inputs, compare
from engine.values import Properties, reveal


@dataclass(frozen=True, kw_only=True)
class Context:
    """What one operation may use. `name` is the resource's; `docker` connects when it is first called."""

    name: str
    docker: Callable[[], DockerApi]
    log: Callable[[str, str], None] = lambda _severity, _text: None
    """Tells the user something: severity `info`, `warning` or `error`."""
    progress: Callable[[str], None] = lambda _text: None
    """Shows one line of what is going on; it passes."""
    blind: Callable[[str], str] = lambda text: text
    cancelled: threading.Event = field(default_factory=threading.Event)
    timeout_seconds: float | None = None
    cwd: Path = field(default_factory=Path)


class ResourceType:
    """What the engine needs of one resource type. `check` and `diff` are pure but for the project's files."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:
        """The inputs with defaults; `unique` ends a generated name. Raises ProviderError, UnsupportedError."""
        raise NotImplementedError

    def diff(self, old: State, news: Properties) -> Diff:
        """How `news`, which may hold unknowns, differs from what the state records."""
        raise NotImplementedError

    def preview(self, old: State | None, news: Properties) -> Properties:  # noqa: ARG002
        """The outputs that are known before the step is taken."""
        return {key: value for key, value in news.items() if not key.startswith("__")}

    def claim(self, context: Context, inputs: Properties) -> None:
        """Raises ProviderError if what is to be created is there already, and someone else's."""

    def recover(self, context: Context, inputs: Properties) -> None:
        """Removes what a create that was cut off may have left behind."""

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        """Creates it; id and outputs."""
        raise NotImplementedError

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:  # noqa: ARG002
        """Inputs and outputs as they really are; None when it is gone."""
        return state.inputs, state.outputs

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        """Changes it in place; its outputs."""
        raise ProviderError(f"{context.name}: it cannot be changed in place.")

    def delete(self, context: Context, state: State) -> None:
        """Deletes it; that it is gone already is no error."""


class Bridged(ResourceType):
    """A type of the Docker provider: checks and compares inputs under `schema`."""

    schema: ClassVar[Schema]
    deleted_first: ClassVar[bool | None] = None
    """Whether the old one goes before its replacement comes; None: where the program gave the name."""
    kind: ClassVar[str] = ""
    """Its plural in the Engine API, where a name must be free before one is made."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        return auto_name(name, check_inputs(name, news, self.schema), olds, unique)

    def diff(self, old: State, news: Properties) -> Diff:
        first = "name" not in news.get("__defaults", ()) if self.deleted_first is None else self.deleted_first
        return Diff(changes=compare(old.inputs, news, self.schema), delete_before_replace=first)

    def preview(self, old: State | None, news: Properties) -> Properties:
        return {**(old.outputs if old else {}), **super().preview(old, news)}

    def claim(self, context: Context, inputs: Properties) -> None:
        if self.kind:
            name, noun = str(reveal(inputs["name"])), self.kind.removesuffix("s")
            if inspect(context.docker(), self.kind, name) is not None:
                raise ProviderError(
                    f"{context.name}: a {noun} named {name!r} exists already and is not in the state. "
                    f"Remove it (docker {noun} rm {name}) or choose another name."
                )

    def recover(self, context: Context, inputs: Properties) -> None:
        found = inspect(context.docker(), self.kind, str(reveal(inputs["name"]))) if self.kind else None
        if found is not None:
            self.remove(context, found["Id"])

    def remove(self, context: Context, id_: str) -> None:
        """Removes what a create that was cut off has left."""
