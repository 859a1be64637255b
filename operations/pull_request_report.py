"""What is said of pull requests' environments, in text, JSON and Markdown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from quoting.markdown import code, table, text
from review.comment import marker

_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"))
_MOST_REASON = 2000
_UNKNOWN = "-"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One environment."""

    number: int
    url: str
    """Empty where nothing has been deployed yet; likewise the commit."""
    deployed: datetime
    """When that was tried for the last time."""
    commit: str
    memory_mb: int
    """Limits of its containers."""


def as_text(found: Sequence[Facts], now: datetime) -> str:
    """One line for each, under a line of headings."""
    rows = [("NUMBER", "URL", "AGE", "COMMIT", "MEMORY")]
    rows += [
        (str(each.number), each.url or _UNKNOWN, age(now - each.deployed), _short(each.commit), f"{each.memory_mb} MiB")
        for each in found
    ]
    if not found:
        return "no environments of pull requests"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_json(found: Sequence[Facts], now: datetime) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "number": each.number,
            "url": each.url,
            "age_seconds": round((now - each.deployed).total_seconds()),
            "commit": each.commit,
            "memory_mb": each.memory_mb,
        }
        for each in found
    ]


def comment(project: str, stack: str, facts: Facts | None, *, reason: str = "") -> str:
    """For the pull request, with the stack's marker as its second line; without facts it says that there are none."""
    if facts is None:
        told = text(reason, _MOST_REASON) if reason else "The deployment failed: its job says why."
        told += "\n\nWhat was there before, if anything, goes on serving."
        return "\n".join(["## Environment: not deployed", marker(project, stack, about="environment"), "", told, ""])
    rows = [("commit", code(_short(facts.commit))), ("memory", f"{facts.memory_mb} MiB of limits")]
    rows.append(
        ("data", "of its own: seeded when it was new, kept from one push to the next, gone when this is closed")
    )
    head = [f"## Environment: {facts.url}", marker(project, stack, about="environment"), ""]
    return "\n".join([*head, table(rows), ""])


def age(elapsed: timedelta) -> str:
    """In the largest unit that it has one of: 3d."""
    return next((f"{elapsed // size}{unit}" for size, unit in _UNITS if elapsed >= size), "0m")


def _short(commit: str) -> str:
    """Twelve digits, and the mark of what is in no commit."""
    digits, mark, more = commit.partition("+")
    return f"{digits[:12]}{mark}{more}" or _UNKNOWN
