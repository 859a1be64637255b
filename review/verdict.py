"""The sum of what was found: one word, and the reasons for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from review.evidence import Evidence
from review.rules import RULES, Level

Word = Literal["safe", "needs attention", "dangerous"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a reviewer has to know."""

    id: str
    level: Level
    text: str
    waived: str = ""
    """Why it does not matter, in its author's words; then it does not count."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a review comes to."""

    word: Word
    findings: Sequence[Finding]
    """The dangerous ones first."""

    @property
    def counted(self) -> list[Finding]:
        return [each for each in self.findings if not each.waived]


def judge(evidence: Evidence) -> Verdict:
    """Every rule's findings, and the word for them."""
    findings = []
    for rule in RULES:
        for found in rule.find(evidence):
            text, waived = (found, "") if isinstance(found, str) else found
            findings.append(Finding(id=rule.id, level=rule.level, text=text, waived=waived))
    return verdict_of(findings)


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """The word for these findings."""
    levels = {each.level for each in findings if not each.waived}
    word: Word = "dangerous" if "dangerous" in levels else "needs attention" if levels else "safe"
    return Verdict(
        word=word, findings=sorted(findings, key=lambda each: (bool(each.waived), each.level != "dangerous"))
    )
