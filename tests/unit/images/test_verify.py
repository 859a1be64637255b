"""Verification through Nginx: who must have answered, how often, and what is said when another one did."""

from collections.abc import Callable
from itertools import cycle

import pytest
import verify
from http_client import Answer, UnansweredError


def answer(release: str = "new", replica: str = "1", edge: str = "e", status: int = 200) -> Answer:
    """An answer of some replica."""
    names = {"x-stack-release": release, "x-stack-replica": replica, "x-stack-edge": edge}
    return Answer(status=status, headers=names)


class Clock:
    """Time that passes by asking and sleeping."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Have these answers come, the last ones again and again; how many were asked for is counted."""
    monkeypatch.setattr(verify, "time", Clock())

    def come(*first: Answer | Exception, then: list[Answer]) -> int:
        answers = iter([*first])
        rest = cycle(then)

        def ask(*_: object, **__: object) -> Answer:
            count[0] += 1
            found = next(answers, None) or next(rest)
            if isinstance(found, Exception):
                raise found
            return found

        count = [0]
        monkeypatch.setattr(verify, "ask_once", ask)
        return count  # type: ignore[return-value]

    return come


def run(replicas: int = 2, edge: str = "", seconds: float = 3) -> str:
    """Verify release `new`."""
    return verify.verify(host="h", path="/health/", release="new", edge=edge, replicas=replicas, seconds=seconds)


BOTH = [answer(replica="1"), answer(replica="2")]


def test_every_replica_must_have_answered_and_ten_in_a_row(asked: Callable[..., list[int]]) -> None:
    """However few replicas there are."""
    count = asked(then=BOTH)
    assert run() == "release new: 2 of 2 replicas answer 200 on /health/ through Nginx"
    assert count == [10]
    count = asked(*[answer(replica="1")] * 15, then=BOTH)
    run()
    assert count == [17]


@pytest.mark.parametrize(
    "wrong", [answer("old"), answer(status=502), UnansweredError("RemoteDisconnected"), answer("none", status=503)]
)
def test_an_answer_that_is_not_right_starts_the_count_again(
    asked: Callable[..., list[int]], wrong: Answer | Exception
) -> None:
    """Ten in a row, and all replicas among them."""
    count = asked(*BOTH, *[answer(replica="1")] * 7, wrong, then=BOTH)
    run()
    assert count == [20]


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ([answer("old"), answer()], "an answer from release old"),
        ([answer(status=502, release="none")], "status 502 from release none"),
        ([answer(replica="1")], "1 of 2 replicas"),
    ],
)
def test_what_answered_instead_is_told(asked: Callable[..., list[int]], then: list[Answer], told: str) -> None:
    """When time is up."""
    asked(then=then)
    with pytest.raises(SystemExit, match=r"by release new alone, within 3 s \(got ") as failed:
        run()
    assert told in str(failed.value) or "replicas" in str(failed.value)


def test_an_nginx_that_is_replaced_may_not_answer_any_more(asked: Callable[..., list[int]]) -> None:
    """Where one is named."""
    assert verify.wrong(answer(edge="old"), release="new", edge="e") == "an answer by Nginx with configuration old"
    assert verify.wrong(answer(edge="old"), release="new", edge="") == ""
    asked(then=[answer(edge="old")])
    with pytest.raises(SystemExit, match="an answer by Nginx with configuration old"):
        run(edge="e")
