"""How findings are shown, whatever the names in them are."""

import json
import re

import pytest

from drift.catalogue import BY_ID, KINDS, PROGRAM
from drift.finding import Finding, Mend, short_hash, shown
from drift.report import Report, as_json, as_markdown, as_text

HOSTILE = (
    "a|b",
    "`code`",
    "</code><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "@everyone #1 GH-1",
    "www.evil.example",
    "line\nbreak\r\n| new | row |",
    "\u202etxt.exe",
    "zero\u200bwidth\ufeff",
    "\x1b[2J\x07",
    "*bold* _it_ ~gone~ \\",
    "&lt;b&gt;",
    ":tada: $x^2$",
    "a" * 5000,
)

FINDING = Finding(id="drift.C014", what="container shop-dev-web-1", expected="384 MiB", found="300 MiB")


def report(*findings: Finding, **more: object) -> Report:
    return Report(**{"stack": "dev", "drift": findings, "program": (), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "exit_code"),
    [
        (report(), 0),
        (report(FINDING), 2),
        (report(program=[FINDING]), 2),
        (report(unread=["PostgreSQL: it does not run"]), 1),
        (report(FINDING, unread=["PostgreSQL: it does not run"]), 2),
    ],
)
def test_the_exit_code_says_whether_there_is_drift(found: Report, exit_code: int) -> None:
    """None is only said where everything was looked at."""
    assert found.exit_code == exit_code


def test_the_text_says_what_expected_found_cause_and_mend() -> None:
    """Each finding in five lines."""
    found = Finding(
        id="drift.C014",
        what="container shop-dev-web-1",
        expected="384 MiB",
        found="300 MiB",
        mend=Mend(docker=(("update", "--memory=384m", "shop-dev-web-1"),)),
    )
    assert as_text(report(found)) == (
        "stack dev: 1 finding of drift\n"
        "\n"
        "not as recorded\n"
        "  drift.C014  container shop-dev-web-1: memory limit\n"
        "      expected  384 MiB\n"
        "      found     300 MiB\n"
        "      cause     a person's `docker update`\n"
        "      mend      docker update --memory=384m shop-dev-web-1"
    )


def test_drift_and_the_program_are_kept_apart() -> None:
    """What is not deployed yet has not drifted."""
    new = Finding(id="drift.D001", what="Container web-3", expected="is created", found="not in the state")
    told = report(FINDING, program=[new])
    assert "1 finding of drift, 1 difference from the program" in as_text(told)
    content = as_json(told)
    assert [each["id"] for each in content["drift"]] == ["drift.C014"]
    assert [each["id"] for each in content["program"]] == ["drift.D001"]
    assert as_markdown(told).count("| id | what |") == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_does_nothing_in_markdown(name: str) -> None:
    """It makes no markup, no link, no mention, no row; it stays in its cell, as code."""
    told = as_markdown(report(Finding(id="drift.P005", what=name, expected=name, found=name)))
    (row,) = [line for line in told.splitlines() if line.startswith("| drift.P005")]
    assert row.count("|") == 7
    inside = re.findall(r"<code>(.*?)</code>", row)
    assert len(inside) == 4
    assert all(re.fullmatch(r"(?:[A-Za-z0-9 .,()/%='\";?…-]|&#\d+;)*", each) for each in inside)
    assert len(row) < 20_000


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_does_nothing_in_a_terminal(name: str) -> None:
    """No line break, no control sequence, no turned direction; and JSON gives it back as it is."""
    found = Finding(id="drift.P005", what=name, expected="none", found=name)
    told = as_text(report(found))
    assert len(told.splitlines()) == 8
    assert all(line.isprintable() for line in told.splitlines())
    assert json.loads(json.dumps(as_json(report(found))))["drift"][0]["what"] == name


def test_a_stack_may_be_called_anything() -> None:
    """Its name stands in the heading and in commands."""
    told = Report(stack="x`|<b>;rm -rf /", drift=[FINDING], program=())
    assert "<b>" not in as_markdown(told)
    assert "--stack 'x`|<b>;rm -rf /'" in as_text(told)


def test_a_report_is_no_longer_than_an_issue_may_be() -> None:
    """What was left out is counted, and told where it is; no command is cut."""
    long = Finding(
        id="drift.P005", what="role " + "x" * 400, expected="none", found="y" * 400, mend=Mend(by_hand="z" * 600)
    )
    told = as_markdown(report(*[long] * 200))
    assert len(told) < 60_000
    rows = told.count("| drift.P005")
    assert f"And {200 - rows} more: <code>./ops" in told.replace("&#47;", "/").replace("&#46;", ".")
    assert told.count("z" * 600) == rows


def test_a_long_value_is_cut_and_its_length_told() -> None:
    """As a whole configuration is."""
    assert shown("x" * 1000).endswith("… (1000 characters)")


def test_a_hash_tells_two_values_apart_and_no_more() -> None:
    """Eight digits of it."""
    assert short_hash("a") != short_hash("b")
    assert re.fullmatch(r"sha256:[0-9a-f]{8}", short_hash("a"))


def test_ids_are_unique_and_stable_in_form() -> None:
    """A letter for the kind of thing, a number of three digits."""
    every = [kind.id for kind in (*KINDS, *PROGRAM)]
    assert len(every) == len(BY_ID)
    assert all(re.fullmatch(r"drift\.[A-Z]\d{3}", each) for each in every)


@pytest.mark.parametrize(
    ("mend", "command"),
    [
        (Mend(up=True), "./pulumiw up --yes --refresh --stack dev"),
        (
            Mend(docker=(("rm", "x"),), up=True),
            "docker rm x && ./pulumiw up --yes --refresh --stack dev",
        ),
        (Mend(step="web-static"), "./ops drift --fix --stack dev"),
        (Mend(by_hand="look"), "look"),
        (Mend(docker=(("exec", "db", "psql", "-c", 'DROP ROLE "a b"'),)), "docker exec db psql -c 'DROP ROLE \"a b\"'"),
    ],
)
def test_a_mend_is_a_command_for_a_shell(mend: Mend, command: str) -> None:
    """Quoted, so that a name is a word."""
    assert mend.command("dev") == command
