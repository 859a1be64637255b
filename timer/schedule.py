"""When a timer runs: every so many minutes, or as a systemd calendar event says. Pure."""

import re

LEAST_MINUTES, MOST_MINUTES = 5, 10_080
"""A look takes seconds, and some of the server; a week is the longest time to go without one."""

_NAMED = "minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_NUMBER = r"(?:\*|\d{1,4}(?:\.\.\d{1,4})?)(?:/\d{1,4})?"
_SOME = f"{_NUMBER}(?:,{_NUMBER})*"
_DATE = rf"{_SOME}-{_SOME}(?:[-~]{_SOME})?"
_TIME = rf"{_SOME}:{_SOME}(?::{_SOME})?"
_ZONE = r"(?:UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z_+-]+)+)"
_EVENT = re.compile(
    rf"(?:{_NAMED})|(?=\S)(?:{_DAY}(?:(?:\.\.|,){_DAY})*)?(?:(?:^| ){_DATE})?(?:(?:^| ){_TIME}(?: {_ZONE})?)?"
)


def is_schedule(text: str) -> bool:
    """Whether it is so many minutes, or a calendar event of the forms that systemd.time(7) has; or empty, for never."""
    if text.isdigit():
        return LEAST_MINUTES <= int(text) <= MOST_MINUTES
    return not text or _EVENT.fullmatch(text) is not None


def lines(text: str) -> tuple[str, ...]:
    """What stands in a timer unit. A calendar event that was slept through is made up for."""
    if text.isdigit():
        return "OnBootSec=5min", f"OnUnitActiveSec={text}min", "AccuracySec=1min"
    return f"OnCalendar={text}", "Persistent=true", "AccuracySec=1min"


def cron(text: str) -> str:
    """The five fields of a crontab that come nearest; of a calendar event, each hour."""
    minutes = int(text) if text.isdigit() else 60
    if minutes < 60:  # noqa: PLR2004
        return f"*/{minutes} * * * *"
    return f"0 */{minutes // 60} * * *" if 120 <= minutes < 1440 else f"0 {'*' if minutes < 120 else '6'} * * *"  # noqa: PLR2004
