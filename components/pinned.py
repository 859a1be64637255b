"""A release that the stack is held at, after a rollback: told by the stack config, run without a build."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.spec import ContainerSpec, Placement, from_record, spec_hash


class PinnedError(pulumi.RunError):
    """The stack is held at a release, and what it is asked for is another one."""


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A release as the ledger has it."""

    release: str
    instead_of: str
    """The release that was rolled back from."""
    image: str
    secrets_volume: str
    spec: Mapping[str, Any]

    def template(self, name: str, placement: Placement) -> ContainerSpec:
        """What the release's containers are made from. Raises PinnedError where it is not what was released."""
        try:
            spec = from_record(self.spec, name=name, placement=placement)
        except (KeyError, TypeError, ValueError):
            spec = None
        if spec is None or spec_hash(spec) != self.release:
            raise PinnedError(
                f"pinnedRelease: must be release {self.release} as the ledger has it (got something else)."
                " It was changed by hand, or is of an older version of this program. Run ./ops unpin, then deploy."
            )
        return spec

    def check(self, candidate: str) -> None:
        """Refuse to leave out a release that somebody wants. Raises PinnedError."""
        if candidate not in (self.release, self.instead_of):
            raise PinnedError(
                f"pinnedRelease: the stack is held at release {self.release} since its rollback, and must be let go"
                f" before it moves on (got release {candidate}, of the code and config as they are now)."
                " Run ./ops unpin, then deploy."
            )
