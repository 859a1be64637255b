"""What is said of environments."""

from datetime import UTC, datetime, timedelta

import pytest

from operations.pull_request_report import Facts, age, as_json, as_text, comment

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TWELVE = Facts(
    number=12,
    url="http://pr-12.example.com:20012",
    deployed=NOW - timedelta(hours=50),
    commit="c0ffee" * 6,
    memory_mb=656,
)
NEW = Facts(number=7, url="", deployed=NOW, commit="", memory_mb=0)


def test_a_list_is_a_table() -> None:
    """What is not there yet is a dash."""
    assert as_text([NEW, TWELVE], NOW).splitlines() == [
        "NUMBER  URL                             AGE  COMMIT        MEMORY",
        "7       -                               0m   -             0 MiB",
        "12      http://pr-12.example.com:20012  2d   c0ffeec0ffee  656 MiB",
    ]
    assert as_text([], NOW) == "no environments of pull requests"


def test_programs_get_whole_values() -> None:
    """The commit in full, the age in seconds."""
    (found,) = as_json([TWELVE], NOW)
    assert found == {
        "number": 12,
        "url": "http://pr-12.example.com:20012",
        "age_seconds": 180_000,
        "commit": "c0ffee" * 6,
        "memory_mb": 656,
    }


@pytest.mark.parametrize(
    ("elapsed", "said"),
    [
        (timedelta(seconds=59), "0m"),
        (timedelta(minutes=61), "1h"),
        (timedelta(hours=23, minutes=59), "23h"),
        (timedelta(days=7), "7d"),
    ],
)
def test_an_age_is_in_the_largest_unit(elapsed: timedelta, said: str) -> None:
    """Rounded down."""
    assert age(elapsed) == said


def test_a_comment_has_the_address_first_and_the_marker_second() -> None:
    """By which the next one takes its place."""
    first, second, *rest = comment("shop", "pr-12", TWELVE).splitlines()
    assert first == "## Environment: http://pr-12.example.com:20012"
    assert second == "<!-- django-stack environment: shop/pr_12 -->"
    assert "| commit | <code>c0ffeec0ffee</code> |" in rest


def test_a_comment_about_a_failure_says_why_and_is_no_markup() -> None:
    """Whatever a template has in it."""
    first, second, *rest = comment("shop", "pr-12", None, reason="siteHosts: **bold** <b> (got @all)").splitlines()
    assert first == "## Environment: not deployed"
    assert second == "<!-- django-stack environment: shop/pr_12 -->"
    told = "\n".join(rest)
    assert "siteHosts" in told
    assert not {"**bold**", "<b>", "@all"} & set(told.split())
    assert "its job says why" in comment("shop", "pr-12", None)
