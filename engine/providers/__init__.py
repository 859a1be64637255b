"""Providers: one small class per resource type, shaped like Pulumi's ResourceProvider."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers.docker_api import DockerApi, Login
from engine.values import Properties


@dataclass(frozen=True, kw_only=True)
class Context:
    """What one operation may use."""

    name: str
    """The resource's logical name, for messages."""
    docker: Callable[[], DockerApi]
    """The Docker Engine of the resource's provider; connects when it is first called."""
    log: Callable[[str, str], None] = lambda _severity, _text: None
    """Tells the user something: severity `debug`, `info`, `info#err` (passing), `warning` or `error`."""
    progress: Callable[[str], None] = lambda _text: None
    """Shows one line of what is going on; it passes."""
    blind: Callable[[str], str] = lambda text: text
    """Takes secrets out of a text."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    timeout_seconds: float | None = None
    cwd: Path = field(default_factory=Path)
    logins: tuple[Login, ...] = ()


class ResourceType(Protocol):
    """What the engine needs to know of one resource type.

    `check` and `diff` touch nothing outside but files of the project; the rest acts.
    """

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:
        """The inputs with defaults filled in. `unique` ends a generated name.

        Raises ProviderError on a wrong value and UnsupportedError on a property outside the bounds.
        """

    def diff(self, old: State, news: Properties) -> Diff:
        """How `news`, which may hold unknowns, differs from what the state records."""

    def preview(self, old: State | None, news: Properties) -> Properties:
        """The outputs that are known before the step is taken."""

    def claim(self, context: Context, inputs: Properties) -> None:
        """Raises ProviderError if what is to be created is there already and someone else's."""

    def recover(self, context: Context, inputs: Properties) -> None:
        """Removes what a create that was cut off may have left behind."""

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        """Creates it and returns its id and outputs."""

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        """Inputs and outputs as they really are; None when it is gone."""

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:
        """Changes it in place and returns its outputs."""

    def delete(self, context: Context, state: State) -> None:
        """Deletes it; that it is gone already is no error."""


class Plain:
    """The parts of a ResourceType that most types leave as they are."""

    def preview(self, old: State | None, news: Properties) -> Properties:  # noqa: ARG002
        return {key: value for key, value in news.items() if not key.startswith("__")}

    def claim(self, context: Context, inputs: Properties) -> None:
        pass

    def recover(self, context: Context, inputs: Properties) -> None:
        pass

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:  # noqa: ARG002
        return state.inputs, state.outputs

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        raise ProviderError(f"{context.name}: it cannot be changed in place.")

    def delete(self, context: Context, state: State) -> None:
        pass


Types = Mapping[str, ResourceType]
