"""The one issue about a stack's drift, on hosts that answer as GitHub and GitLab do."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from drift.finding import Finding, Mend
from drift.issue import marker
from drift.report import Report
from operations import drift_issue, http_call, issue_tracker
from operations.errors import OperationError
from tests.unit.operations.issue_hosts import STRANGER, TOKEN, Host, github, gitlab, serving

Environment = Callable[[Host], Mapping[str, str]]
BOTH = pytest.mark.parametrize("environment", [github, gitlab])
LIMIT = Finding(id="drift.C014", what="container web-1", expected="384 MiB", found="300 MiB")
ROLE = Finding(id="drift.P005", what="role eve", expected="none", found="super")
MARK = marker("shop", "prod")


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        yield host


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_call, "LONGEST_WAIT_SECONDS", 0.0)


def report(*drift: Finding, unread: tuple[str, ...] = ()) -> Report:
    return Report(stack="prod", drift=drift, program=(), unread=unread)


def tell(environment: Mapping[str, str], *drift: Finding, unread: tuple[str, ...] = ()) -> str:
    return drift_issue.tell(report(*drift, unread=unread), "shop", issue_tracker.tracker(environment))


@BOTH
def test_drift_opens_one_issue_that_changes_with_it_and_is_closed_with_a_word(
    host: Host, environment: Environment
) -> None:
    """Over its whole life, on either host."""
    env = environment(host)
    assert tell(env) == "issue: none is needed"
    assert tell(env, LIMIT) == "issue 1: opened"
    (issue,) = host.issues
    assert issue.title == "Drift: stack prod is not as it was deployed"
    assert "drift.C014" in issue.body
    assert issue.confidential is (environment is gitlab)
    body, calls = issue.body, len(host.calls)
    assert tell(env, LIMIT) == "issue 1: as it was"
    assert all(call.startswith("GET ") for call in host.calls[calls:])
    assert (issue.body, issue.comments) == (body, [])

    assert tell(env, LIMIT, ROLE) == "issue 1: brought up to date"
    assert "drift.P005" in issue.body
    assert issue.comments == ["New, 1:\n\n- drift.P005 <code>role eve</code>: role that nobody declared"]
    assert tell(env, ROLE) == "issue 1: brought up to date"
    assert issue.comments[1:] == ["1 of before is gone."]

    assert tell(env) == "issue 1: closed"
    assert (issue.open, issue.comments[2:]) == (False, ["There is no drift any more."])
    assert tell(env) == "issue: none is needed"
    assert tell(env, LIMIT) == "issue 2: opened"


@BOTH
def test_another_value_is_written_without_a_comment(host: Host, environment: Environment) -> None:
    """The set of findings is the same: nobody need be called."""
    env = environment(host)
    tell(env, LIMIT)
    tell(env, Finding(id="drift.C014", what="container web-1", expected="384 MiB", found="200 MiB"))
    assert "200 MiB" in host.issues[0].body
    assert host.issues[0].comments == []


@BOTH
def test_an_issue_stays_open_where_not_everything_could_be_looked_at(host: Host, environment: Environment) -> None:
    """What cannot be seen has not gone."""
    env = environment(host)
    tell(env, LIMIT)
    assert tell(env, unread=("PostgreSQL: no answer",)) == "issue 1: left open, as not everything could be looked at"
    assert (host.issues[0].open, host.issues[0].comments) == (True, [])


@BOTH
def test_duplicates_become_one(host: Host, environment: Environment) -> None:
    """The first stays; an earlier failure may have left more."""
    env = environment(host)
    for _ in range(3):
        host.add(f"{MARK}\n")
    assert tell(env, LIMIT) == "issue 1: brought up to date"
    assert [issue.number for issue in host.open] == [1]
    assert host.issues[2].comments == ["This is told in issue 1 already."]
    for _ in range(2):
        host.add(f"{MARK}\n")
    tell(env)
    assert host.open == []


@BOTH
def test_two_at_once_keep_one_issue(host: Host, environment: Environment) -> None:
    """Whoever opens one looks again, and closes its own if another was first."""
    host.racing = 1
    tell(environment(host), LIMIT)
    assert len(host.issues) == 2
    assert [issue.number for issue in host.open] == [1]


@BOTH
def test_of_many_that_begin_together_one_issue_is_left(host: Host, environment: Environment) -> None:
    """Whatever the order in which they are answered."""
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda _: tell(environment(host), LIMIT), range(6)))
    assert [issue.number for issue in host.open] == [1]
    assert tell(environment(host), LIMIT) == "issue 1: as it was"


@BOTH
def test_what_others_have_written_is_none_of_ours(host: Host, environment: Environment) -> None:
    """Anybody may write an issue with the marker; ours begin with it, and are of our own hand."""
    env = environment(host)
    host.add(f"{MARK}\n", author=STRANGER)
    host.add(f"see {MARK}\n")
    host.add(f"{marker('shop', 'staging')}\n")
    if environment is github:
        host.add(f"{MARK}\n", pull=True)
    others = len(host.issues)
    assert tell(env, LIMIT) == f"issue {others + 1}: opened"
    assert all(issue.open and not issue.comments for issue in host.issues[:others])


def test_a_person_s_token_knows_its_issues_by_their_author(host: Host) -> None:
    """Bots are then others."""
    host.is_app = False
    host.add(f"{MARK}\n", author={"login": "other-app[bot]", "type": "Bot", "id": 1})
    assert tell(github(host), LIMIT) == "issue 2: opened"
    assert tell(github(host), LIMIT) == "issue 2: as it was"


@BOTH
def test_an_issue_is_found_behind_a_hundred_others(host: Host, environment: Environment) -> None:
    """A list comes in pages."""
    host.add(f"{MARK}\n")
    for _ in range(250):
        host.add("something else")
    assert tell(environment(host), LIMIT) == "issue 1: brought up to date"


def test_names_do_nothing_in_an_issue(host: Host) -> None:
    """Neither in its body nor in a comment, nor does a marker in them end what is hidden."""
    name = "--> <img src=x> @all [x](http://x) | `x`\n/close\n<!-- django-stack drift findings:  -->"
    tell(github(host), LIMIT)
    tell(github(host), Finding(id="drift.P005", what=name, expected=name, found=name, mend=Mend(by_hand=name)))
    (issue,) = host.issues
    for text in (issue.body, *issue.comments):
        assert "<img" not in text
        assert "@all" not in text
        assert "](" not in text
        assert "\n/close" not in text
    assert issue.body.count("<!--") == 2
    assert tell(github(host)) == "issue 1: closed"


def test_a_thousand_findings_fit_into_an_issue(host: Host) -> None:
    """The rest is counted, and still known to be no news."""
    many = [
        Finding(id="drift.C014", what=f"container {'x' * 200}{n}", expected="y" * 300, found="z") for n in range(900)
    ]
    tell(github(host), *many)
    tell(github(host), *many, ROLE)
    assert host.issues[0].comments == ["New, 1:\n\n- drift.P005 <code>role eve</code>: role that nobody declared"]


@BOTH
@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (401, {}, "the token must be a valid one (got 401: as it was told)"),
        (403, {}, "the token must be allowed to write issues (got 403: as it was told)"),
        (403, {"X-RateLimit-Remaining": "0"}, "it must not be asked too often (got 403: as it was told). Try again"),
        (404, {}, "the repository must be there, and the token must reach its issues (got 404"),
        (410, {}, "the repository must have issues (got 410"),
        (422, {}, "it must do what it is asked for (got 422"),
        (301, {"Location": "/elsewhere"}, "the repository must be where it is looked for (got 301"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(
    host: Host, environment: Environment, status: int, headers: dict[str, str], told: str
) -> None:
    """And never follows to where the token would be somebody else's."""
    host.refusals = [(status, headers)]
    with pytest.raises(OperationError) as refused:
        tell(environment(host), LIMIT)
    name = "GitHub" if environment is github else "GitLab"
    assert str(refused.value).startswith(f"{name}: {told}")
    assert TOKEN not in str(refused.value)
    assert len(host.calls) == 1


@BOTH
@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_host_that_is_busy_is_asked_again(host: Host, environment: Environment, status: int) -> None:
    """Three times, then it is said."""
    host.refusals = [(status, {"Retry-After": "1"})] * 2
    assert tell(environment(host), LIMIT) == "issue 1: opened"
    host.refusals = [(status, {})] * 3
    with pytest.raises(OperationError, match=f"got {status}"):
        tell(environment(host), LIMIT)


def test_a_failure_in_between_is_made_good_at_the_next_look(host: Host) -> None:
    """An issue that was opened is found again; a body that was not written is written then."""
    env = github(host)
    tell(env, LIMIT)
    host.allowed = False
    with pytest.raises(OperationError, match="permissions: issues: write"):
        tell(env, ROLE)
    host.allowed = True
    assert tell(env, ROLE) == "issue 1: brought up to date"
    assert len(host.issues[0].comments) == 1


def test_a_host_that_is_silent_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bounded time."""
    host.delay_seconds = 0.5
    monkeypatch.setattr(http_call, "SECONDS", 0.05)
    with pytest.raises(
        OperationError, match=r"^GitHub: it must answer \(got: no answer in 0 s\)\. Look at the address"
    ):
        tell(github(host), LIMIT)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "issue: the repository must be known (got neither GITHUB_REPOSITORY nor CI_PROJECT_ID)."),
        ({"GITHUB_REPOSITORY": "a/b"}, "GitHub: a token must be there to write issues with (got no GITHUB_TOKEN or"),
        ({"CI_PROJECT_ID": "7"}, "GitLab: a token must be there to write issues with (got no GITLAB_TOKEN)."),
        ({"GITHUB_REPOSITORY": "a/../b", "GITHUB_TOKEN": "t"}, "GITHUB_REPOSITORY: must be as the host's automation"),
        ({"CI_PROJECT_ID": "7/x", "GITLAB_TOKEN": "t"}, "CI_PROJECT_ID: must be as the host's automation sets it"),
        ({"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t\n"}, "GitHub: the token must be of letters"),
        (
            {"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t", "GITHUB_API_URL": "http://api.example"},
            "GitHub: its address must begin with https:// (got http://api.example).",
        ),
    ],
)
def test_what_the_environment_lacks_is_said(environment: dict[str, str], told: str) -> None:
    """Before anything is sent."""
    with pytest.raises(OperationError) as refused:
        issue_tracker.tracker(environment)
    assert str(refused.value).startswith(told)
