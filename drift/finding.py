"""One difference, as data, and how it is shown: what, expected, found, likely cause, and what mends it."""

import hashlib
import shlex
from dataclasses import dataclass, field
from typing import Any

from drift.catalogue import BY_ID

LONGEST = 300
"""Characters of one value in a report."""


@dataclass(frozen=True, kw_only=True)
class Mend:
    """What puts one thing right: docker commands, a step of the program that runs again, an `up`; in this order."""

    docker: tuple[tuple[str, ...], ...] = ()
    """Words after `docker`, command by command."""
    step: str = ""
    """Name of a recorded step."""
    up: bool = False
    harm: str = ""
    """What it deletes or interrupts, in words; such a mend is not made without consent."""
    by_hand: str = ""
    """What a person has to do; nothing is done without them."""

    def command(self, stack: str) -> str:
        """The whole of it, for a shell."""
        if self.by_hand:
            return printable(self.by_hand)
        if self.step:
            return shlex.join(["./ops", "drift", "--fix", "--stack", stack])
        up = [["./pulumiw", "up", "--yes", "--refresh", "--stack", stack]] if self.up else []
        return " && ".join(
            printable(shlex.join(words)) for words in (*(["docker", *each] for each in self.docker), *up)
        )


UP = Mend(up=True)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something is not as it was recorded."""

    id: str
    what: str
    """The thing, such as `container shop-prod-edge`."""
    expected: str
    found: str
    mend: Mend = field(default=UP)
    cause: str = ""
    """What has most likely happened, where that is not what it mostly is for this kind."""

    @property
    def name(self) -> str:
        return BY_ID[self.id].name

    @property
    def severity(self) -> str:
        return BY_ID[self.id].severity

    @property
    def likely_cause(self) -> str:
        return self.cause or BY_ID[self.id].cause

    def as_json(self, stack: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.name,
            "severity": self.severity,
            "what": self.what,
            "expected": self.expected,
            "found": self.found,
            "cause": self.likely_cause,
            "mend": self.mend.command(stack),
            "harm": self.mend.harm,
            "byHand": bool(self.mend.by_hand),
        }


def short_hash(value: str) -> str:
    """Enough to tell two values apart, and nothing of them."""
    return "sha256:" + hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:8]


def printable(text: str) -> str:
    """A text in which nothing moves the cursor, turns the direction of writing or is invisible."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)


def shown(text: str) -> str:
    """The same, no longer than a report can bear."""
    plain = printable(text)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}… ({len(plain)} characters)"
