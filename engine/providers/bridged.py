"""What the types of the Docker provider have in common: inputs under a schema, with a name."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from engine.model import Diff, State
from engine.providers import ResourceType
from engine.providers.schema import Property, auto_name, check_inputs, compare
from engine.values import Properties


class Bridged(ResourceType):
    """Checks and compares inputs under `schema`."""

    schema: ClassVar[Mapping[str, Property]]
    deleted_first: ClassVar[bool | None] = None
    """Whether the old one goes before its replacement comes; None: where the program gave the name."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        return auto_name(name, check_inputs(name, news, self.schema), olds, unique)

    def diff(self, old: State, news: Properties) -> Diff:
        first = "name" not in news.get("__defaults", ()) if self.deleted_first is None else self.deleted_first
        return Diff(changes=compare(old.inputs, news, self.schema), delete_before_replace=first)

    def preview(self, old: State | None, news: Properties) -> Properties:
        return {**(old.outputs if old else {}), **super().preview(old, news)}
