"""Providers: one small class per resource type, shaped like Pulumi's ResourceProvider."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers.docker_api import DockerApi, DockerError, inspect, tolerating
from engine.providers.schema import Schema, as_read, auto_name, check_inputs, compare
from engine.values import Properties, reveal

REMOVE_SECONDS, POLL_SECONDS = 30.0, 0.2


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
        """Changes it in place, where nothing else is said by creating it again; its outputs."""
        return self.create(context, inputs)[1]

    def delete(self, context: Context, state: State) -> None:
        """Deletes it; that it is gone already is no error."""


class Bridged(ResourceType):
    """A type of the Docker provider: checks and compares inputs under `schema`."""

    schema: ClassVar[Schema]
    kind: ClassVar[str]
    """Its plural in the Engine API."""
    deleted_first: ClassVar[bool | None] = None
    """Whether the old one goes before its replacement comes; None: where the program gave the name."""
    is_claimed: ClassVar[bool] = True
    """Whether its name must be free before one is made."""
    busy: ClassVar[str]
    """What Docker says as long as it cannot be removed yet."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        return auto_name(name, check_inputs(name, news, self.schema), olds, unique)

    def diff(self, old: State, news: Properties) -> Diff:
        first = "name" not in news.get("__defaults", ()) if self.deleted_first is None else self.deleted_first
        return Diff(changes=compare(old.inputs, news, self.schema), delete_before_replace=first)

    def preview(self, old: State | None, news: Properties) -> Properties:
        return {**(old.outputs if old else {}), **super().preview(old, news)}

    def find(self, context: Context, name: str) -> dict[str, Any] | None:
        """The inspection of the one with this name or id, if there is one."""
        return inspect(context.docker(), self.kind, name)

    def claim(self, context: Context, inputs: Properties) -> None:
        name, noun = str(reveal(inputs["name"])), self.kind.removesuffix("s")
        if self.is_claimed and self.find(context, name) is not None:
            raise ProviderError(
                f"{context.name}: a {noun} named {name!r} exists already and is not in the state. "
                f"Remove it (docker {noun} rm {name}) or choose another name."
            )

    def recover(self, context: Context, inputs: Properties) -> None:
        found = self.find(context, str(reveal(inputs["name"]))) if self.is_claimed else None
        if found is not None:
            self.remove(context, found["Id"])

    def observe(self, info: dict[str, Any]) -> Properties:
        """The outputs that an inspection tells."""
        raise NotImplementedError  # a type that does not read in this way has no need of it

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = self.find(context, state.id)
        return None if info is None else as_read(state, self.observe(info), self.schema)

    def delete(self, context: Context, state: State) -> None:
        self.remove(context, state.id)

    def remove(self, context: Context, id_: str) -> None:
        """Removes it, as soon as it is not busy any more. Raises DockerError."""
        deadline = time.monotonic() + (context.timeout_seconds or REMOVE_SECONDS)
        while True:
            try:
                with tolerating():
                    context.docker().call("DELETE", f"/{self.kind}/{quote(id_, safe='')}")
            except DockerError as error:
                if self.busy not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return
