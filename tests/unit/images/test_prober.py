"""What counts as a failed request, what may be asked twice, and what is said of all of them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import prober
import pytest
from http_client import Answer
from prober import Client, Proof, Stream

from tests.unit.images.servers import Server, answer, on_port

KEPT = Stream(kind="keep-alive", path="/health/", per_second=20, keep_alive=True)
NEW = Stream(kind="new", path="/health/", per_second=20)
POST = Stream(kind="post", path="/probe/", per_second=10, method="POST", any_answer=True)
KEPT_POST = Stream(kind="post", path="/probe/", per_second=10, method="POST", keep_alive=True, any_answer=True)
OK = answer(200, release="aaaaaaaaaa")


@pytest.fixture(autouse=True)
def phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No phase is marked."""
    for name in ("REPORT", "FINAL", "PHASE", "STOP"):
        monkeypatch.setattr(prober, name, tmp_path / name.lower())


def client(stream: Stream, proof: Proof, most: int = 10) -> Client:
    """A client that sends nothing by itself."""
    return Client(stream, "www.example.com", proof, threading.Event(), threading.Semaphore(most))


@contextmanager
def sent(stream: Stream, times: int, *scripts: Sequence[bytes]) -> Iterator[tuple[dict[str, Any], Server]]:
    """The tally of so many requests, one after the other, to a server with these scripts."""
    proof = Proof()
    with on_port(*scripts) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(prober, "EDGE_PORT", server.port)
        asking = client(stream, proof)
        for _ in range(times):
            asking._send()
        if asking._kept:
            asking._kept.close()
        report: dict[str, Any] = proof.report()
        yield report["phases"]["before"][stream.kind], server


def counts(tally: dict[str, Any]) -> tuple[int, int, int]:
    """Requests, failed, retried."""
    return tally["requests"], tally["failed"], tally["retried"]


def test_answers_are_counted_with_the_release_that_gave_them() -> None:
    """A new connection for each, or one for all."""
    with sent(NEW, 3, [OK]) as (tally, _):
        assert counts(tally) == (3, 0, 0)
        assert tally["releases"] == {"aaaaaaaaaa": 3}
    with sent(KEPT, 3, [OK] * 3, [b""]) as (tally, _):
        assert counts(tally) == (3, 0, 0)


def test_a_kept_connection_that_was_closed_while_idle_is_asked_once_more() -> None:
    """As browsers do; it is no failure, and counted by itself."""
    with sent(KEPT, 2, [OK, b""], [OK]) as (tally, server):
        assert counts(tally) == (2, 0, 1)
        assert len(server.requests) == 3


def test_it_is_asked_no_more_than_once() -> None:
    """If the other connection fails as well, so has the request."""
    with sent(KEPT, 2, [OK, b""], [b""]) as (tally, server):
        assert counts(tally) == (2, 1, 0)
        assert len(server.requests) == 3


def test_a_server_error_to_the_second_question_is_a_failure() -> None:
    """And the second question is counted all the same."""
    with sent(KEPT, 2, [OK, b""], [answer(502)]) as (tally, _):
        assert counts(tally) == (2, 1, 1)


def test_a_new_connection_without_an_answer_is_a_failure() -> None:
    """Strictly."""
    with sent(NEW, 2, [b""], [OK]) as (tally, _):
        assert counts(tally) == (2, 1, 0)
        assert tally["first_failures"][0].startswith("RemoteDisconnected")


def test_a_post_is_never_asked_twice() -> None:
    """It may have done its work."""
    with sent(KEPT_POST, 2, [OK, b""], [OK]) as (tally, server):
        assert counts(tally) == (2, 1, 0)
        assert server.requests == ["POST /probe/"] * 2


@pytest.mark.parametrize("script", [[OK, answer(200, b"cut", length=99)], [OK, b"HTTP/1.1 200 OK\r\n"]])
def test_an_answer_that_has_begun_is_not_asked_for_again(script: list[bytes]) -> None:
    """Half an answer is none, on whatever connection."""
    with sent(KEPT, 2, script, [OK]) as (tally, server):
        assert counts(tally) == (2, 1, 0)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("stream", "status", "failed"),
    [
        *((NEW, 500, 1), (NEW, 503, 1), (NEW, 404, 1), (NEW, 302, 1), (NEW, 200, 0)),
        *((POST, 403, 0), (POST, 302, 0), (POST, 404, 0), (POST, 500, 1)),
    ],
)
def test_an_answer_must_be_right(stream: Stream, status: int, failed: int) -> None:
    """200 for health path and static files; anything but a server error for an address that its owner has named."""
    with sent(stream, 1, [answer(status)]) as (tally, _):
        assert tally["failed"] == failed


def test_nobody_listening_is_a_failure() -> None:
    """Of each request."""
    with on_port([OK]) as server:
        port = server.port
    proof = Proof()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prober, "EDGE_PORT", port)
        client(NEW, proof)._send()
    assert proof.report()["failed"] == 1


def test_a_site_that_hangs_does_not_use_up_the_containers_processes() -> None:
    """Beyond so many requests without an answer, further ones are failures that are not sent."""
    proof = Proof()
    asking = client(NEW, proof, most=0)
    beats = iter([False, False, False, True])
    asking._stopped = SimpleNamespace(wait=lambda _: next(beats))  # type: ignore[assignment]
    before = threading.active_count()
    asking.run()
    assert threading.active_count() == before
    tally: dict[str, Any] = proof.report()["phases"]  # type: ignore[assignment]
    assert counts(tally["before"]["new"]) == (3, 3, 0)


def test_a_request_that_has_its_answer_makes_room_for_the_next() -> None:
    """Whatever became of it."""
    asking = client(NEW, Proof(), most=1)
    asking._unanswered.acquire()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "_send", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            asking._send_apart()
    assert asking._unanswered.acquire(blocking=False)


# Figures


def test_gaps_are_between_good_answers_by_the_phase_that_they_end_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is no good answer, and a slow one says nothing about when the site answered."""
    proof, now = Proof(), [0.0]
    monkeypatch.setattr(prober, "time", SimpleNamespace(monotonic=lambda: now[0]))
    slow = Stream(kind="slow", path="/slow/", per_second=1, any_answer=True)
    for moment, phase, stream, status in [
        *((1.0, "before", NEW, 200), (1.2, "before", NEW, 200), (1.3, "switch", slow, 200)),
        *((1.5, "switch", NEW, 502), (1.9, "switch", NEW, 200), (2.0, "after", NEW, 200)),
    ]:
        now[0] = moment
        proof.answered(phase, stream, Answer(status=status), retried=False)
    report = proof.report()
    assert report["gaps_ms"] == {"before": 200.0, "switch": 700.0, "after": 100.0}
    assert report["longest_gap_ms"] == 700.0
    assert (report["requests"], report["failed"]) == (6, 1)


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([], 99, 0.0), ([3.0], 50, 3.0), ([4.0, 1.0, 3.0, 2.0], 50, 2.0), ([1.0, 2.0], 99, 2)],
)
def test_a_percentile_is_by_nearest_rank(values: list[float], share: float, found: float) -> None:
    """Of values in any order."""
    assert prober.percentile(values, share) == found


def test_requests_belong_to_the_phase_that_they_start_in() -> None:
    """It is the last one that was marked."""
    assert prober.current_phase() == "before"
    prober.mark("switch")
    prober.mark("bake")
    assert prober.current_phase() == "bake"


# The mix


def mix(**changes: Any) -> list[Stream]:
    """The streams for a site."""
    told = {"health": "/health/", "rate": 20.0, "post": [], "slow": []} | changes
    return list(prober.streams(SimpleNamespace(**told)))  # type: ignore[arg-type]


def test_a_site_that_says_nothing_is_sent_harmless_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its health path, and of its smallest stylesheet if it has one."""
    monkeypatch.setattr(prober, "STATIC", tmp_path)
    assert [(each.kind, each.path) for each in mix()] == [("keep-alive", "/health/"), ("new", "/health/")]
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base.css").write_text("a" * 50)
    (tmp_path / "big.css").write_text("a" * 99)
    assert mix()[-1] == Stream(kind="static", path="/static/admin/base.css", per_second=10)
    assert {each.method for each in mix()} == {"GET"}


def test_addresses_that_its_owner_names_are_sent_posts_and_waited_for() -> None:
    """Each has a stream of its own."""
    found = mix(post=["/a/", "/b/"], slow=["/c/"])[-3:]
    assert [(each.kind, each.path, each.method) for each in found] == [
        *(("post", "/a/", "POST"), ("post", "/b/", "POST"), ("slow", "/c/", "GET")),
    ]


# Beginning and end


def test_no_traffic_is_an_empty_report() -> None:
    """Where there was nobody to send any to."""
    assert prober.stop() == "{}"


def test_the_whole_report_is_there_when_the_traffic_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last answers are waited for."""
    with on_port([OK] * 1000) as server:
        monkeypatch.setattr(prober, "EDGE_PORT", server.port)
        words = SimpleNamespace(health="/h/", rate=100.0, post=["/p/"], slow=[], host="h", seconds=0.15)
        prober.probe(words)  # type: ignore[arg-type]
    assert prober.FINAL.read_text() == prober.stop()
    assert '"failed": 0' in prober.stop()
