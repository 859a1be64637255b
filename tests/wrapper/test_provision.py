"""How a call goes on after it has installed something."""

import os
import sys

import pytest

from wrapper import host, provision
from wrapper.docker_endpoint import Endpoint
from wrapper.docker_state import Docker, State
from wrapper.errors import WrapperError
from wrapper.need import Need

HERE = Endpoint(url="unix:///docker.sock", source="the default socket")


class StartedAgainError(Exception):
    """Stands for the end of this process, whose place another one takes."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[Need]]:
    """What was installed, in a machine where nothing really is."""
    done: list[frozenset[Need]] = []

    def execv(path: str, command: list[str]) -> None:
        raise StartedAgainError(path, command)

    monkeypatch.setattr(provision, "provide", lambda needs, **_: done.append(needs))
    monkeypatch.setattr(os, "execv", execv)
    return done


def states(monkeypatch: pytest.MonkeyPatch, *found: State) -> None:
    replies = iter([(HERE, Docker(state=state, message=f"it is {state.name}")) for state in found])
    monkeypatch.setattr(provision, "docker_here", lambda _: next(replies))


def test_a_call_that_installed_docker_is_made_anew(
    installed: list[frozenset[Need]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer libc comes with it, and this process has the old one loaded."""
    states(monkeypatch, State.ABSENT, State.USABLE)

    with pytest.raises(StartedAgainError) as caught:
        provision.docker({}, consent=True)

    assert installed == [{Need.DOCKER}]
    assert caught.value.args == (sys.executable, [sys.executable, *sys.orig_argv[1:]])


def test_a_call_that_installed_debootstrap_is_made_anew(
    installed: list[frozenset[Need]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Docker."""
    replies = iter(("", "/usr/sbin/debootstrap"))
    monkeypatch.setattr(host, "program", lambda _: next(replies))

    with pytest.raises(StartedAgainError):
        provision.debootstrap(consent=True)

    assert installed == [{Need.DEBOOTSTRAP}]


def test_an_installed_docker_that_is_of_no_use_ends_the_call(
    installed: list[frozenset[Need]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be installed again and again."""
    states(monkeypatch, State.ABSENT, State.TOO_OLD)

    with pytest.raises(WrapperError, match="it is TOO_OLD"):
        provision.docker({}, consent=True)
    assert len(installed) == 1


def test_a_call_that_finds_all_it_needs_just_goes_on(
    installed: list[frozenset[Need]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked, nothing is started anew."""
    states(monkeypatch, State.USABLE)
    monkeypatch.setattr(host, "program", lambda _: "/usr/sbin/debootstrap")

    assert provision.docker({}, consent=False) == HERE
    provision.debootstrap(consent=False)
    assert not installed
