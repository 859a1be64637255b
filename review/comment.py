"""The one comment that a reviewer reads: verdict first, then facts, then what may be folded."""

import re
from collections import Counter

from quoting.markdown import LIMIT, code, details, fence, fitting, items, table, text, visible
from review import changes, diff, digest, picture
from review.evidence import Evidence
from review.migrations import Linted, Migration
from review.records import changed_packages
from review.verdict import Finding, Verdict, verdict_of

REASONS_IN_THE_FIRST_LINE = 3
MOST_FINDINGS, MOST_SQL, MOST_PACKAGES, MOST_WARNINGS = 14_000, 12_000, 4_000, 3_000
"""Characters of the parts that are never dropped as a whole; the diff has what is left."""
_UNSAID = "not checked"


def marker(project: str, stack: str, *, about: str = "review") -> str:
    """A line that nobody sees, by which the comment about a stack is found and written anew."""
    names = (re.sub(r"[^A-Za-z0-9._]", "_", name) for name in (project, stack))
    return f"<!-- django-stack {about}: {'/'.join(names)} -->"


def render(evidence: Evidence, verdict: Verdict) -> str:
    """The whole comment, never longer than LIMIT."""
    plan = evidence.plan
    summary = [_first_line(verdict), marker(plan.project, plan.stack), "", table(_facts(evidence)), ""]
    if verdict.findings:
        summary += ["### Findings", "", items([_finding(each) for each in verdict.findings], MOST_FINDINGS), ""]
    folded = [part for part in (_migrations(evidence), _packages(evidence), _warnings(evidence)) if part]
    folded.append(details("The stack", fence(picture.lines(evidence), "mermaid")))
    told = "\n".join([*summary, *folded])
    return f"{told}\n{_diff(diff.lines(evidence), LIMIT - len(told) - 1)}"


def refusal(project: str, stack: str, problem: str) -> str:
    """The comment where there is no plan to review."""
    finding = Finding(id="review.W001", level="attention", text=problem)
    lines = [_first_line(verdict_of([finding])), marker(project, stack), ""]
    return "\n".join([*lines, "There is no plan that could be reviewed, and none that may be applied.", ""])


def _first_line(verdict: Verdict) -> str:
    word = verdict.word[0].upper() + verdict.word[1:]
    counted = verdict.counted
    reasons = [text(each.text, 300) for each in counted[:REASONS_IN_THE_FIRST_LINE]]
    more = len(counted) - len(reasons)
    told = "; ".join(reasons + ([f"and {more} more"] if more else []))
    return f"## {word}: {told}" if told else f"## {word}: nothing was found against it"


def _finding(finding: Finding) -> str:
    waived = f" (waived: {text(finding.waived, 200)})" if finding.waived else ""
    return f"**{finding.id}** {finding.level}: {text(finding.text, 600)}{waived}"


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    plan = evidence.plan
    counts = Counter(step.op for step in plan.steps)
    told = ", ".join(f"{counts[op]} {text(op, 30)}" for op in sorted(counts)) or "nothing"
    closed, opened = changes.ports(evidence)
    ports = [f"{port} closed" for port in closed] + [f"{port} opened" for port in opened]
    restart = changes.replaced(evidence, "postgres")
    return [
        ("stack", f"{code(plan.prefix, 200)}: {told}; {plan.unchanged} unchanged"),
        ("expected downtime", text(changes.downtime(evidence), 500)),
        ("data at risk", text("; ".join(changes.data_at_risk(evidence)), 800) or _without_migrations(evidence, "none")),
        ("database restart", "yes" if restart else "no"),
        ("migrations", _migration_count(evidence)),
        ("secrets changed", text("; ".join(changes.secrets(plan)), 500) or "none"),
        ("memory", _memory(evidence)),
        ("CPU", _cpus(evidence)),
        ("disk", _disk(evidence)),
        ("image", _image(evidence)),
        ("known vulnerabilities", _vulnerabilities(evidence)),
        ("public ports changed", text("; ".join(ports), 500) or "none"),
        ("digest of the plan", f"<code>{digest.of(plan)}</code>" if not plan.errors else "none: the preview failed"),
    ]


def _missing(evidence: Evidence, what: str) -> str:
    reason = evidence.missing.get(what, "")
    return f"{_UNSAID}: {text(reason, 400)}" if reason else _UNSAID


def _without_migrations(evidence: Evidence, found: str) -> str:
    return found if evidence.linted and evidence.linted.flaws is not None else f"{found}, migrations not checked"


def _migration_count(evidence: Evidence) -> str:
    if evidence.linted is None:
        return _missing(evidence, "migrations")
    if not evidence.migrates:
        return "none: the release stays"
    number = len(evidence.linted.pending.migrations)
    unlinted = f"; lint {_missing(evidence, 'lint')}" if number and evidence.linted.flaws is None else ""
    since = f" since record {evidence.ledger.number} of the ledger" if evidence.ledger else ""
    return f"{number} would run{since}{unlinted}" if number else f"none{since}"


def _memory(evidence: Evidence) -> str:
    more = changes.memory_change(evidence)
    now, capacity = changes.memory_now(evidence), evidence.capacity
    if now is None or capacity is None:
        return f"{more:+} MiB; capacity {_missing(evidence, 'capacity')}"
    peak = now + more + changes.memory_beside(evidence)
    others = changes.memory_of_others(evidence)
    beside = f", {others} MiB of others" if others else ""
    change = f"{now} → {now + more} MiB of limits ({more:+}), {peak} MiB meanwhile{beside}"
    return f"{change}; the server has {capacity.memory_mb} MiB"


def _cpus(evidence: Evidence) -> str:
    more = changes.cpus_change(evidence)
    if evidence.capacity is None:
        return f"{more:+g}; capacity {_missing(evidence, 'capacity')}"
    return f"{more:+g} CPUs of limits; the server has {evidence.capacity.cpus}"


def _disk(evidence: Evidence) -> str:
    if evidence.capacity is None or evidence.capacity.disk_free_mb is None:
        reason = (
            "the record does not know the server's disk" if evidence.capacity else evidence.missing.get("capacity", "")
        )
        return f"{_UNSAID}: {text(reason, 300)}" if reason else _UNSAID
    return f"{evidence.capacity.disk_free_mb} MiB free when recorded"


def _image(evidence: Evidence) -> str:
    if evidence.image is None:
        return _missing(evidence, "image")
    told = f"{code(evidence.image.name, 200)} {evidence.image.size_mb} MiB"
    if not evidence.capacity or evidence.capacity.image_mb is None:
        return f"{told}; change {_UNSAID}: the record has no image that was live"
    more = evidence.image.size_mb - evidence.capacity.image_mb
    packages = len(changed_packages(evidence.capacity.packages, evidence.image.linted.pending.packages))
    return f"{told} ({more:+}); {packages} packages changed"


def _vulnerabilities(evidence: Evidence) -> str:
    if evidence.vulnerabilities is None:
        return _missing(evidence, "audit")
    return str(len(evidence.vulnerabilities)) if evidence.vulnerabilities else "none"


def _migrations(evidence: Evidence) -> str:
    linted = evidence.linted
    if linted is None or not linted.pending.migrations:
        return ""
    told = [line for number, each in enumerate(linted.pending.migrations) for line in _sql(linted, number, each)]
    return details("Migrations and their SQL", _block(told, "sql", MOST_SQL))


def _sql(linted: Linted, number: int, migration: Migration) -> list[str]:
    told = [f"-- {migration.label}{'' if migration.atomic else ', not in a transaction'}"]
    found = {flaw.sql: flaw for flaw in linted.flaws or () if flaw.migration == number}
    for statement in migration.statements:
        flaw = found.get(statement.sql)
        told += [f"--   {flaw.id}: {flaw.words}"] if flaw else []
        told += [line[:400] for line in statement.sql.splitlines()]
    return [*told, *(f"-- no SQL that is known without the database: {each}" for each in migration.unknown), ""]


def _packages(evidence: Evidence) -> str:
    if not (evidence.image and evidence.capacity and evidence.capacity.packages):
        return ""
    found = changed_packages(evidence.capacity.packages, evidence.image.linted.pending.packages)
    told = [f"{name} {old or '(new)'} → {new or '(gone)'}"[:200] for name, old, new in found]
    return details("Packages of the image", _block(told, "text", MOST_PACKAGES)) if told else ""


def _warnings(evidence: Evidence) -> str:
    told = [line for warning in evidence.plan.warnings for line in warning.splitlines()]
    return details("What the preview warned of", _block(told, "text", MOST_WARNINGS)) if told else ""


def _diff(lines: list[str], most: int) -> str:
    return details("The full diff", _block(lines or ["(nothing changes)"], "diff", most))


def _block(lines: list[str], language: str, most: int) -> str:
    """As many lines as fit, in a fence; and how many were left out. Room for what encloses it is kept free."""
    told = [visible(line)[:1000] for line in lines]
    ticks = max((line.count("`") for line in told), default=0)
    kept = fitting(told, most - 200 - 2 * ticks)
    left = len(told) - len(kept)
    return fence(kept, language) + (f"\n\n{left} more lines are left out here; the preview has them." if left else "")
