"""What to do about findings: pure. First what docker commands and steps put right, then one `up` for all the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

from drift.finding import Finding
from drift.report import Report

_UP_DEPLOYS = "`up` would deploy as well what the program declares and the state does not have"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is done, in this order."""

    docker: Sequence[tuple[str, ...]] = ()
    steps: Sequence[str] = ()
    """Names of recorded steps that run again."""
    up: bool = False
    refused: Sequence[str] = ()
    """What is left alone for want of consent, each with what it would do."""
    by_hand: Sequence[str] = ()
    """What only a person can do."""

    @property
    def does_something(self) -> bool:
        return bool(self.docker or self.steps or self.up)


def plan(report: Report, *, agreed: bool) -> Plan:
    """What mends the report's drift. Without consent nothing is deleted, interrupted or deployed."""
    mendable = [each for each in report.drift if not each.mend.by_hand]
    allowed = [each for each in mendable if agreed or not each.mend.harm]
    refused = [f"{each.id} {each.what}: {each.mend.harm}" for each in mendable if each not in allowed]
    if report.program and not agreed:
        refused += [f"{each.id} {each.what}: {_UP_DEPLOYS}" for each in allowed if each.mend.up]
        allowed = [each for each in allowed if not each.mend.up]
    return Plan(
        docker=_commands(allowed),
        steps=list(dict.fromkeys(each.mend.step for each in allowed if each.mend.step)),
        up=any(each.mend.up for each in allowed),
        refused=list(dict.fromkeys(refused)),
        by_hand=[f"{each.id} {each.what}: {each.mend.by_hand}" for each in report.drift if each.mend.by_hand],
    )


def _commands(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Each once; none for a container that is removed anyway, but its removal."""
    every = list(dict.fromkeys(words for finding in findings for words in finding.mend.docker))
    removed = {words[-1] for words in every if words[:2] == ("rm", "--force")}
    return [words for words in every if words[0] in ("rm", "stop") or not removed & set(words)]
