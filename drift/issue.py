"""The one issue that tells of a stack's drift: its text, and what is to be done with those that are open. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drift.news import KEY_DIGITS, News, news
from drift.report import Report, as_markdown
from quoting.markdown import LIMIT, code, items, text

_KEYS = re.compile(r"^<!-- django-stack drift findings: ([0-9a-f ]*) -->$", re.MULTILINE)
_MOST_KEYS = 1000
_ROOM = LIMIT - (KEY_DIGITS + 1) * _MOST_KEYS - 2000
"""Characters of a report in an issue."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """An open issue of ours."""

    number: int
    body: str


@dataclass(frozen=True, kw_only=True)
class Open:
    """A new issue."""

    title: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Write:
    """Another body."""

    number: int
    body: str


@dataclass(frozen=True, kw_only=True)
class Comment:
    number: int
    body: str


@dataclass(frozen=True, kw_only=True)
class Close:
    number: int


Action = Open | Write | Comment | Close


def marker(project: str, stack: str) -> str:
    """The hidden line that an issue of a stack begins with."""
    return f"<!-- django-stack drift: {_plain(project)}/{_plain(stack)} -->"


def _plain(name: str) -> str:
    return "".join(each if each.isascii() and (each.isalnum() or each in "_.") else f"-{ord(each):x}" for each in name)


def actions(report: Report, project: str, issues: Sequence[Issue]) -> Iterator[Action]:
    """What makes one true issue of those that are open: comments come before what would not let them be made again.

    An issue stays open where nothing was found and not everything could be looked at.
    """
    ordered = sorted(issues, key=lambda issue: issue.number)
    first, more = (ordered[0] if ordered else None), ordered[1:]
    body = _body(report, project)
    if report.drift and not first:
        title = f"Drift: stack {_title(report.stack)} is not as it was deployed"
        yield Open(title=title, body=body)
    elif report.drift and first and first.body.strip() != body.strip():
        since = news(report, _told(first.body))
        if since.changed:
            yield Comment(number=first.number, body=_comment(since))
        yield Write(number=first.number, body=body)
    elif first and not report.drift and not report.unread:
        yield Comment(number=first.number, body="There is no drift any more.")
        yield Close(number=first.number)
    for issue in more:
        if first:
            yield Comment(number=issue.number, body=f"This is told in issue {first.number} already.")
            yield Close(number=issue.number)


def _title(name: str) -> str:
    """A title is no Markdown, and yet calls people."""
    return re.sub(r"[^\w.-]", "_", name)[:80]


def _body(report: Report, project: str) -> str:
    keys = news(report, ()).keys[:_MOST_KEYS]
    fix = code(f"./ops drift --fix --stack {report.stack}")
    anew = "This text is written anew whenever it changes, and the issue is closed when there is no drift any more."
    return "\n".join(
        [
            marker(project, report.stack),
            f"<!-- django-stack drift findings: {' '.join(keys)} -->",
            "",
            as_markdown(report, _ROOM),
            f"{fix} mends what can be mended. {anew}",
            "",
        ]
    )


def _told(body: str) -> list[str]:
    found = _KEYS.search(body.replace("\r\n", "\n"))
    return found[1].split() if found else []


def _comment(since: News) -> str:
    lines = []
    if since.appeared:
        told = [f"{finding.id} {code(finding.what)}: {text(finding.name)}" for finding in since.appeared]
        lines += [f"New, {len(told)}:", "", items(told, LIMIT // 4)]
    if since.gone:
        lines += ["", f"{since.gone} of before {'are' if since.gone > 1 else 'is'} gone."]
    return "\n".join(lines).strip()
