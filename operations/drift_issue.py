"""Brings the one issue of a stack's drift up to date."""

from collections.abc import Iterable

from drift.issue import Action, Close, Comment, Issue, Open, Write, actions, marker
from drift.report import Report
from operations.issue_tracker import Tracker


def tell(report: Report, project: str, tracker: Tracker) -> str:
    """What has been done, in words. Raises OperationError.

    Whoever opens an issue looks again, so that of two who do so at the same time one closes its own.
    """
    mark = marker(project, report.stack)
    issues = tracker.open_issues(mark)
    done = _carry_out(actions(report, project, issues), tracker)
    made = [each for each in done if isinstance(each, Issue)]
    if made:
        listed = {issue.number: issue for issue in tracker.open_issues(mark)}
        again = actions(report, project, list((listed | {issue.number: issue for issue in made}).values()))
        _carry_out(again, tracker)
    first = min((issue.number for issue in [*issues, *made]), default=0)
    if made:
        return f"issue {first}: opened"
    if any(isinstance(each, Close) and each.number == first for each in done):
        return f"issue {first}: closed"
    if done:
        return f"issue {first}: brought up to date"
    if first and not report.drift:
        return f"issue {first}: left open, as not everything could be looked at"
    return f"issue {first}: as it was" if first else "issue: none is needed"


def _carry_out(wanted: Iterable[Action], tracker: Tracker) -> list[Action | Issue]:
    """Each in its order; an issue in the place of one that was opened."""
    done: list[Action | Issue] = []
    for action in wanted:
        match action:
            case Open():
                done.append(tracker.open(action.title, action.body))
                continue
            case Comment():
                tracker.comment(action.number, action.body)
            case Write():
                tracker.write(action.number, action.body)
            case Close():
                tracker.close(action.number)
        done.append(action)
    return done
