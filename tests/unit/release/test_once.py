"""A command that runs to its end: what it says is passed on, and its failure explained."""

import sys
from collections import deque

import pytest

from release.errors import StepError
from release.once import REMEMBERED_LINES, make_way, run_once
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import FakeContainer, FakeDocker


def failure(script: str) -> tuple[str, list[str]]:
    """What is said of a shell script that fails, and what it has said itself."""
    told: list[str] = []
    with pytest.raises(StepError) as failed:
        run_once(["sh", "-c", script], told.append)
    return str(failed.value), told


def test_what_it_says_is_passed_on_as_it_comes() -> None:
    """Both streams, line by line."""
    told: list[str] = []
    run_once(["sh", "-c", "echo one; echo two >&2; printf three"], told.append)
    assert told == ["one", "two", "three"]


def test_a_failure_is_its_last_line() -> None:
    """All lines have been passed on."""
    assert failure("echo trying; echo 'it went wrong' >&2; exit 1") == ("it went wrong", ["trying", "it went wrong"])


def test_a_failure_comes_with_the_cause_that_its_words_speak_of() -> None:
    """And with the cure."""
    said, _ = failure("echo \"ModuleNotFoundError: No module named 'shop'\"; echo bye; exit 1")
    assert said == (
        "bye\n  cause: the module shop is not in the image. Add its package to requirements.txt, or correct the import."
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (3, "it ended with code 3"),
        (
            127,
            (
                "it ended with code 127\n  cause: its start command is not in the image."
                " Require gunicorn in requirements.txt."
            ),
        ),
    ],
)
def test_a_failure_without_a_word_is_its_exit_code(code: int, said: str) -> None:
    """Explained, where it means something."""
    assert failure(f"exit {code}") == (said, [])


def test_what_is_no_text_is_passed_on_all_the_same() -> None:
    """A release command may print anything."""
    told: list[str] = []
    run_once(["printf", r"\377!\n"], told.append)
    assert told == ["\ufffd!"]


def test_only_the_end_is_remembered() -> None:
    """A cause that was said long before the end is none."""
    lines = f"print('KeyError: \\'SHOP_KEY\\''); print('x\\n' * {REMEMBERED_LINES}, end=''); raise SystemExit(1)"
    told: list[str] = []
    with pytest.raises(StepError) as failed:
        run_once([sys.executable, "-c", lines], told.append)
    assert str(failed.value) == "x"
    assert len(told) == REMEMBERED_LINES + 1


# What an interrupted run has left


COMMAND = ["docker", "run", "--rm", "--name=shop-prod-migrate", "shop-prod/web:1"]


def way(**state: object) -> tuple[FakeDocker, list[str]]:
    """A docker command with a container by that name, and what is told while way is made."""
    docker = FakeDocker(FakeContainer(name="shop-prod-migrate", role="migrate"))
    docker.containers["shop-prod-migrate"].change(dict(state))
    told: list[str] = []
    make_way(docker, COMMAND, told.append)
    return docker, told


@pytest.mark.parametrize("status", ["created", "exited", "dead"])
def test_a_container_that_never_ran_or_has_ended_is_taken_away(status: str) -> None:
    """Its name would be taken for ever."""
    docker, told = way(status=status)
    assert (docker.containers, told) == ({}, [])


def test_one_that_still_runs_is_waited_for(clock: Clock) -> None:
    """It may be in the middle of a migration; that is told, once, with a way out."""
    docker, told = way(next=deque([{}, {}, {}, {"status": "exited"}]))
    assert docker.calls == ["rm --force shop-prod-migrate"]
    assert clock.now == 1003
    assert told == [
        "waiting for shop-prod-migrate, of a deployment that was interrupted; `docker stop shop-prod-migrate` ends it"
    ]


def test_there_is_nothing_to_make_way_for() -> None:
    """As a rule; and a command without a name takes none."""
    docker = FakeDocker()
    make_way(docker, COMMAND, print)
    make_way(docker, ["true"], print)
    assert docker.calls == []
