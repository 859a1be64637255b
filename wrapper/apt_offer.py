"""Asks the package repositories what they offer. Nothing on the machine is changed: apt gets lists of its own."""

import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from wrapper.apt_sources import NEXT_SUITES, Source, newest, of_suite, render
from wrapper.docker_state import FLOOR, major
from wrapper.host import Host, Offer
from wrapper.install_plan import DOCKER_REPOSITORY, DOCKER_SUITE_PACKAGES, REGISTRY

_TIMEOUT_SECONDS = 4
_APT_TIMEOUT_SECONDS = 180


def ask(host: Host) -> Offer:
    """What can be installed on `host`, which has apt."""
    distribution = "ubuntu" if host.is_ubuntu else "debian"
    own = packages(host.sources, suites=_own_suites(host))
    later_suite = NEXT_SUITES.get(host.codename, "") if distribution == "debian" else ""
    later: dict[str, str] = {}
    if later_suite and major(own.get("docker.io", "")) < FLOOR:
        later = packages(of_suite(host.sources, suite=host.codename, later=later_suite))
    release = f"{DOCKER_REPOSITORY}/{distribution}/dists/{host.codename}/Release"
    return Offer(
        docker_repository=bool(host.codename) and answers(release),
        packages=own,
        later_suite=later_suite if later else "",
        later_packages=later,
        registry=answers(REGISTRY),
    )


def _own_suites(host: Host) -> tuple[str, ...]:
    """The suites of the release that the machine is; all of them where they have other names, as in Debian's sid."""
    return tuple(source.suite for source in host.sources if source.suite.startswith(host.codename or " "))


def packages(sources: Iterable[Source], *, suites: Iterable[str] = ()) -> dict[str, str]:
    """Versions of the packages that matter here; none where the repositories cannot be reached."""
    names = (*DOCKER_SUITE_PACKAGES, "debootstrap")
    with tempfile.TemporaryDirectory(prefix="django-stack-apt-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt downloads as a user of its own
        (folder / "lists" / "partial").mkdir(parents=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True)
        (folder / "own.sources").write_text(render(sources), encoding="utf-8")
        options = [
            f"-oDir::State::lists={folder / 'lists'}",
            f"-oDir::Cache={folder / 'cache'}",
            f"-oDir::Etc::sourcelist={folder / 'own.sources'}",
            "-oDir::Etc::sourceparts=/dev/null",
            "-oDir::Etc::preferences=/dev/null",
            "-oDir::Etc::preferencesparts=/dev/null",
        ]
        _output(["apt-get", "-qq", *options, "update"])
        return newest(_output(["apt-cache", *options, "madison", *names]), suites=suites)


def _output(command: list[str]) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_APT_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return run.stdout


def answers(url: str) -> bool:
    """Whether something answers there; 401, as of a registry, is an answer."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310  fixed https addresses
            return True
    except urllib.error.HTTPError as error:
        return error.code == HTTPStatus.UNAUTHORIZED
    except (OSError, ValueError):
        return False
