"""What tests of the front door hold in hand: a Docker Engine that only pretends, and a clone to call."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class FakeEngine:
    """A Docker Engine on a UNIX socket; `answers` holds status and body by path."""

    socket: Path
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """A clone with a tiny program, and what its calls find around them."""

    clone: Path
    variables: Mapping[str, str]

    def __call__(self, *words: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ./pulumiw without a terminal."""
        return subprocess.run(
            [self.clone / "pulumiw", *words],
            cwd=cwd or self.clone,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def calls(self) -> list[dict[str, Any]]:
        """What the pretended CLI was called with, the question for its version left out."""
        log = Path(self.variables["FAKE_PULUMI_LOG"])
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def git_status(self) -> str:
        return subprocess.run(
            ["git", "status", "--short"], cwd=self.clone, capture_output=True, text=True, check=True
        ).stdout
