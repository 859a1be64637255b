"""A short message about drift, for a chat: how much there is, of what weight, the first of it, and how to mend it."""

from collections import Counter

from drift.catalogue import SEVERITIES
from drift.news import News
from drift.report import Report
from quoting.chat import chat_code

_MOST_NAMED = 5


def message(report: Report, since: News) -> str:
    """Of a few lines. Values are not in it: they are in the report."""
    stack = chat_code(report.stack)
    if since.ended:
        return f"Stack {stack}: no drift any more."
    counts = Counter(finding.severity for finding in report.drift)
    weights = ", ".join(f"{counts[each]} {each}" for each in SEVERITIES if counts[each])
    fresh = set(map(id, since.appeared))
    ordered = sorted(report.drift, key=lambda each: (id(each) not in fresh, SEVERITIES.index(each.severity)))
    lines = [f"Stack {stack}: {len(report.drift)} finding{'s' * (len(report.drift) != 1)} of drift ({weights})."]
    lines += [_line(each.id, each.what, each.name, new=id(each) in fresh) for each in ordered[:_MOST_NAMED]]
    lines += [f"… and {len(ordered) - _MOST_NAMED} more" if len(ordered) > _MOST_NAMED else ""]
    lines += [f"{since.gone} of before {'are' if since.gone > 1 else 'is'} gone." if since.gone else ""]
    look, mend = (chat_code(f"./ops drift {flag}--stack {report.stack}") for flag in ("", "--fix "))
    lines += [f"{look} tells all of it, {mend} mends what can be mended."]
    return "\n".join(filter(None, lines))


def _line(kind: str, what: str, name: str, *, new: bool) -> str:
    return f"• {'new: ' if new else ''}{kind} {chat_code(what)}: {name}"
