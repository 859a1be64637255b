"""Providers: one small class per resource type, shaped like Pulumi's ResourceProvider."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers.docker_api import DockerApi, Login
from engine.values import Properties


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
    logins: tuple[Login, ...] = ()


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


Types = Mapping[str, ResourceType]
