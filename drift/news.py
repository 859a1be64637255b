"""What is new since somebody was last told: findings are the same as long as they are about the same. Pure."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from drift.finding import Finding
from drift.report import Report

KEY_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class News:
    """The drift of a look beside that of another one."""

    keys: Sequence[str]
    """One for each finding of now, sorted: hashes that tell them apart, and nothing of them."""
    appeared: Sequence[Finding]
    gone: int
    ended: bool
    """There was drift, and there is none: everything was looked at."""

    @property
    def changed(self) -> bool:
        return bool(self.appeared or self.gone)


def key(finding: Finding) -> str:
    """Of a finding; what it found may differ from look to look."""
    return hashlib.sha256(f"{finding.id} {finding.what}".encode(errors="surrogateescape")).hexdigest()[:KEY_DIGITS]


def news(report: Report, told: Collection[str]) -> News:
    """Beside the keys that were told last. What could not be looked at has not gone, where nothing else is found."""
    keys = sorted({key(finding) for finding in report.drift})
    known = bool(report.drift) or not report.unread
    return News(
        keys=keys if known else sorted(told),
        appeared=[finding for finding in report.drift if key(finding) not in told],
        gone=len(set(told) - set(keys)) if known else 0,
        ended=bool(told) and known and not keys,
    )
