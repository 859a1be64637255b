"""Sees to it that what a call needs is on the machine: a way to make .venv, Docker, debootstrap.

Everything that is missing is asked for in one question. `--install-docker` answers yes; without it and without a
terminal nothing is installed.
"""

import grp
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from wrapper import docker_api, docker_endpoint, docker_state, host
from wrapper.arguments import INSTALL_DOCKER
from wrapper.console import agreed, interactive, say
from wrapper.docker_endpoint import Endpoint
from wrapper.docker_state import Docker, State
from wrapper.errors import WrapperError
from wrapper.host import Offer
from wrapper.install_plan import Plan, plan
from wrapper.need import Need

_NEEDS = {State.ABSENT: Need.DOCKER, State.STOPPED: Need.DOCKER_START}


def docker_here(environment: Mapping[str, str]) -> tuple[Endpoint, Docker]:
    """The Engine of this call and what it is to us. Raises WrapperError."""
    endpoint = docker_endpoint.find(environment, home=Path.home())
    found = docker_state.diagnose(
        endpoint,
        docker_api.version(endpoint),
        dockerd=bool(host.program("dockerd")),
        client=shutil.which("docker") is not None,
    )
    return endpoint, found


def docker(environment: Mapping[str, str], *, consent: bool) -> Endpoint:
    """A usable Engine, installed or started if the person agrees. Raises WrapperError."""
    endpoint, found = docker_here(environment)
    if found.state is State.DENIED and host.here().user in _docker_group():
        _enter_docker_group()
    needs = docker_needs(found)
    if needs:
        provide(needs, consent=consent)
        endpoint, found = docker_here(environment)
        if found.state is not State.USABLE:
            raise WrapperError(found.message)
        _start_again()
    return endpoint


def debootstrap(*, consent: bool) -> None:
    """See to debootstrap, which makes images from Debian packages. Raises WrapperError."""
    if not host.program("debootstrap"):
        provide(frozenset((Need.DEBOOTSTRAP,)), consent=consent)
        if host.program("debootstrap"):
            _start_again()


def docker_needs(found: Docker) -> frozenset[Need]:
    """What would have to be installed or started. Raises WrapperError for what installing cannot cure."""
    if found.state is State.USABLE:
        return frozenset()
    if found.state not in _NEEDS:
        raise WrapperError(found.message)
    return frozenset((_NEEDS[found.state],))


def provide(needs: frozenset[Need], *, consent: bool) -> None:
    """Install and start what `needs` names, if the person agrees. Raises WrapperError."""
    # Rarely needed, and slow to import, as they bring urllib.
    from wrapper import apt_offer  # noqa: PLC0415
    from wrapper.installer import Installer  # noqa: PLC0415

    here = host.here()
    wanted, offer = needs, Offer()
    if here.may_install and Need.DOCKER in needs:
        say("install: asking the package repositories what they offer")
        offer = apt_offer.ask(here)
        if not offer.registry and not host.program("debootstrap"):
            wanted = needs | {Need.DEBOOTSTRAP}
    todo = plan(here, wanted, offer)
    _ask(todo, consent=consent)
    Installer(here, docker_answers=_answers).carry_out(todo)
    if here.root or not {Need.DOCKER, Need.DOCKER_START} & needs:
        return
    _enter_docker_group()


def _answers() -> bool:
    endpoint = Endpoint(url=docker_endpoint.DEFAULT, source="")
    # A socket that lets root in alone answers, too: this user's new group counts from the next login.
    return docker_api.version(endpoint).outcome in (docker_api.Outcome.ANSWERED, docker_api.Outcome.DENIED)


def _ask(todo: Plan, *, consent: bool) -> None:
    if consent:
        say(todo.explanation)
        return
    if not interactive():
        raise WrapperError(
            f"install: something is missing, and there is no terminal to ask on.\n{todo.explanation}\n"
            f"Agree to that by adding {INSTALL_DOCKER}."
        )
    if not agreed(f"{todo.explanation}\n{todo.question}"):
        raise WrapperError("install: nothing was changed. Install it by hand, or run this again and agree.")


def _docker_group() -> list[str]:
    try:
        return grp.getgrnam("docker").gr_mem
    except KeyError:
        return []


def _enter_docker_group() -> None:
    """Start this call again as a member of the group docker, which it has joined since the login."""
    if grp.getgrnam("docker").gr_gid in os.getgroups():
        return
    command = _this_call()
    if not shutil.which("sg"):
        raise WrapperError(
            "docker: you have joined its group. Log out and in again for that to count, then run this again."
        )
    os.execvp("sg", ["sg", "docker", "-c", f"exec {shlex.join(command)}"])  # noqa: S606  no shell is wanted


def _start_again() -> None:
    """Make this call anew: what was installed may have brought a newer libc, which this process cannot load."""
    command = _this_call()
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


def _this_call() -> list[str]:
    return [sys.executable, *sys.orig_argv[1:]]
