"""The webhook: what it is told, when, and what happens where it cannot be."""

import json
from collections.abc import Iterator

import pytest

from drift.finding import Finding
from drift.message import message
from drift.news import news
from drift.report import Report
from operations import drift_webhook, http_call
from operations.errors import OperationError
from release.errors import DockerError
from tests.unit.operations.issue_hosts import Host, serving

LIMIT = Finding(id="drift.C014", what="container web-1", expected="384 MiB", found="300 MiB")
ROLE = Finding(id="drift.P005", what="role eve", expected="none", found="super")


class Volume:
    """Docker with the ledger's volume, and the file in it."""

    def __init__(self) -> None:
        self.text = ""
        self.there = ["shop-prod-ledger"]
        self.failing = False

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:
        assert (check, both) == (True, False)
        if self.failing:
            raise DockerError("docker volume: no answer")
        if words[:2] == ("volume", "ls"):
            return "\n".join(self.there)
        if words[:2] == ("image", "ls"):
            return "shop-prod/python:0123\n"
        assert words[0] == "run"
        assert {"--network=none", "--read-only", "--user=10002:10000"} <= {*words}
        assert "--volume=shop-prod-ledger:/var/lib/ledger" in words
        if "mv " in words[-1]:
            self.text = stdin
        return self.text


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        yield host


@pytest.fixture
def volume() -> Volume:
    return Volume()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_call, "LONGEST_WAIT_SECONDS", 0.0)


def report(*drift: Finding, unread: tuple[str, ...] = ()) -> Report:
    return Report(stack="prod", drift=drift, program=(), unread=unread)


def tell(host: Host, volume: Volume, *drift: Finding, unread: tuple[str, ...] = (), path: str = "/hook") -> str:
    return drift_webhook.tell(report(*drift, unread=unread), host.url + path, volume, "shop-prod")


def test_it_is_told_when_drift_appears_changes_and_ends(host: Host, volume: Volume) -> None:
    """And not at every look that finds the same."""
    assert tell(host, volume) == "webhook: nothing new to tell"
    for drift in ([LIMIT], [LIMIT], [LIMIT, ROLE], [ROLE, LIMIT], [ROLE], [], []):
        tell(host, volume, *drift)
    texts = [each["text"] for each in host.messages]
    assert [text.splitlines()[0] for text in texts] == [
        "Stack `prod`: 1 finding of drift (1 warning).",
        "Stack `prod`: 2 findings of drift (1 critical, 1 warning).",
        "Stack `prod`: 1 finding of drift (1 critical).",
        "Stack `prod`: no drift any more.",
    ]
    assert "• new: drift.P005 `role eve`: role that nobody declared" in texts[1]
    assert "1 of before is gone." in texts[2]
    assert all(set(each) == {"text"} for each in host.messages)


def test_another_value_of_the_same_finding_is_no_news(host: Host, volume: Volume) -> None:
    """A count that grows would else be told at each look."""
    tell(host, volume, LIMIT)
    tell(host, volume, Finding(id="drift.C014", what="container web-1", expected="384 MiB", found="299 MiB"))
    assert len(host.messages) == 1


def test_what_could_not_be_looked_at_has_not_ended(host: Host, volume: Volume) -> None:
    """It is still known when it can be looked at again."""
    tell(host, volume, LIMIT)
    assert tell(host, volume, unread=("PostgreSQL: no answer",)) == "webhook: nothing new to tell"
    assert tell(host, volume, LIMIT) == "webhook: nothing new to tell"
    assert len(host.messages) == 1


def test_what_could_not_be_told_is_told_at_the_next_look(host: Host, volume: Volume) -> None:
    """It is remembered when it has been told."""
    host.refusals = [(500, {})]
    with pytest.raises(OperationError, match="got status 500"):
        tell(host, volume, LIMIT)
    assert volume.text == ""
    assert tell(host, volume, LIMIT).startswith("webhook: told")
    assert len(json.loads(volume.text)) == 1


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_webhook_is_asked_three_times(host: Host, volume: Volume, status: int) -> None:
    """And no more."""
    host.refusals = [(status, {})] * 2
    tell(host, volume, LIMIT)
    assert len(host.calls) == 3
    host.refusals = [(status, {})] * 5
    with pytest.raises(OperationError):
        tell(host, volume, ROLE)
    assert len(host.calls) == 6


def test_the_address_is_never_shown(host: Host, volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with it: it is a secret."""
    secret = "T0SECRET"
    monkeypatch.setattr(http_call, "SECONDS", 0.2)
    urls = [f"{host.url}/{secret}", f"http://{secret}.example/x", f"https://127.0.0.1:1/{secret}", f"ftp://{secret}/"]
    urls += [f"https://[{secret}/x", f"http://127.0.0.1:1/\n{secret}", secret]
    urls += [f"https://{secret}:port/", f"https://a b/{secret}"]
    for url in urls:
        with pytest.raises(OperationError) as failed:
            drift_webhook.tell(report(LIMIT), url, volume, "shop-prod")
        assert secret.lower() not in str(failed.value).lower()
        assert str(failed.value).startswith("webhook: driftWebhookUrl must take messages (got")


def test_a_redirect_is_not_followed(host: Host, volume: Volume) -> None:
    """Nobody else is told what the server is like."""
    host.refusals = [(307, {"Location": f"{host.url}/hook"})]
    with pytest.raises(OperationError, match="got status 307: it leads elsewhere"):
        tell(host, volume, LIMIT)
    assert host.messages == []


def test_a_missing_volume_is_not_made(host: Host, volume: Volume) -> None:
    """Drift is told all the same, as that is part of it, and that it will be told again."""
    volume.there = []
    with pytest.raises(OperationError, match="volume shop-prod-ledger is missing"):
        tell(host, volume, LIMIT)
    assert len(host.messages) == 1


def test_a_memory_that_cannot_be_read_is_an_error(host: Host, volume: Volume) -> None:
    """Without Docker's answer nobody knows what is new; a file that says nothing is as good as none."""
    volume.failing = True
    with pytest.raises(OperationError, match="what was told before must be known"):
        tell(host, volume, LIMIT)
    volume.failing, volume.text = False, "{"
    assert tell(host, volume, LIMIT).startswith("webhook: told")


def test_a_message_is_short_and_begins_with_what_weighs_most() -> None:
    """With how many more there are, and what to do."""
    many = [LIMIT, *(Finding(id="drift.P005", what=f"role {n}", expected="none", found="x") for n in range(9))]
    told = message(report(*many), news(report(*many), ())).splitlines()
    assert len(told) == 8
    assert told[1].startswith("• new: drift.P005")
    assert told[6] == "… and 5 more"
    assert told[7] == (
        "`./ops drift --stack prod` tells all of it, `./ops drift --fix --stack prod` mends what can be mended."
    )


@pytest.mark.parametrize(
    "name", ["<!channel>", "@all", "<http://x|y>", "a`*b*`", "x\n• drift", "\u202egnp", "&lt;", "x" * 900]
)
def test_names_do_nothing_in_a_message(name: str) -> None:
    """They call nobody, link nowhere and end no line."""
    odd = Finding(id="drift.P005", what=name, expected=name, found=name)
    told = message(report(odd), news(report(odd), ()))
    assert len(told) < 600
    assert len(told.splitlines()) == 3
    assert told.count("`") == 8
    assert not any(each in told for each in ("<", ">", "@a", "\u202e"))
