"""A whole report: as text for people, as JSON for programs, as Markdown for an issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drift.finding import Finding, printable, shown
from quoting.markdown import LIMIT, code, fitting, items

NONE, ERROR, DRIFT = 0, 1, 2
"""Exit codes."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found about one stack."""

    stack: str
    drift: Sequence[Finding]
    """Where the running system is not as the state has it."""
    program: Sequence[Finding]
    """Where the program declares something else than the state has."""
    unread: Sequence[str] = ()
    """What could not be looked at, each with the reason."""
    notes: Sequence[str] = ()
    """What is no drift, and worth knowing."""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        if self.drift or self.program:
            return DRIFT
        return ERROR if self.unread else NONE


def as_text(report: Report) -> str:
    """For people."""
    lines = [f"stack {printable(report.stack)}: {sum_of(report)}"]
    for heading, findings in _parts(report):
        lines += ["", heading]
        for finding in findings:
            harm = f" ({finding.mend.harm})" if finding.mend.harm else ""
            lines += [
                f"  {finding.id}  {shown(finding.what)}: {finding.name}",
                f"      expected  {shown(finding.expected)}",
                f"      found     {shown(finding.found)}",
                f"      cause     {shown(finding.likely_cause)}",
                f"      mend      {finding.mend.command(report.stack)}{harm}",
            ]
    if report.unread:
        lines += ["", "not looked at", *(f"  {shown(each)}" for each in report.unread)]
    if report.notes:
        lines += ["", "for information", *(f"  {shown(each)}" for each in report.notes)]
    return "\n".join(lines)


def as_json(report: Report) -> dict[str, Any]:
    """For programs, under names that stay."""
    return {
        "stack": report.stack,
        "drifted": bool(report.drift),
        "programDiffers": bool(report.program),
        "drift": [finding.as_json(report.stack) for finding in report.drift],
        "program": [finding.as_json(report.stack) for finding in report.program],
        "unread": list(report.unread),
        "notes": list(report.notes),
        "seconds": report.seconds,
    }


def as_markdown(report: Report, most: int = LIMIT) -> str:
    """For an issue or a comment, no longer than `most` characters. Whatever a name holds is shown, and does nothing."""
    lines = [f"## Stack {code(report.stack)}: {sum_of(report)}"]
    for heading, findings in _parts(report):
        lines += ["", f"### {heading[0].upper()}{heading[1:]}", ""]
        lines += ["| id | what | expected | found | likely cause | mend |", "|---|---|---|---|---|---|"]
        left = most - _TAIL - len("\n".join(lines))
        rows = fitting([_row(finding, report.stack) for finding in findings], left)
        lines += rows
        if len(rows) < len(findings):
            lines += [
                "",
                f"And {len(findings) - len(rows)} more: {code(f'./ops drift --stack {report.stack}')} has them.",
            ]
    for heading, told in (("Not looked at", report.unread), ("For information", report.notes)):
        if told:
            lines += ["", f"### {heading}", "", items([code(each) for each in told], _TAIL // 3)]
    return "\n".join(lines) + "\n"


_TAIL = 12_000
"""Characters that are kept for what comes after the findings."""


def _row(finding: Finding, stack: str) -> str:
    what = f"{code(finding.what)}: {finding.name}"
    harm = f" ({finding.mend.harm})" if finding.mend.harm else ""
    mend = f"{code(finding.mend.command(stack), _LONGEST_MEND)}{harm}"
    values = [finding.id, what, *map(code, (finding.expected, finding.found)), finding.likely_cause, mend]
    return f"| {' | '.join(values)} |"


_LONGEST_MEND = 10_000
"""Characters of Markdown: a command that was cut would do something else."""


def _parts(report: Report) -> list[tuple[str, Sequence[Finding]]]:
    parts = [("not as recorded", report.drift), ("not as the program declares it", report.program)]
    return [(heading, findings) for heading, findings in parts if findings]


def sum_of(report: Report) -> str:
    """How much was found, in words."""
    drift, program = len(report.drift), len(report.program)
    told = f"{drift} finding{'s' * (drift != 1)} of drift" if drift else "no drift"
    told += f", {program} difference{'s' * (program != 1)} from the program" if program else ""
    return told + (", not everything could be looked at" if report.unread else "")
