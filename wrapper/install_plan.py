"""How what is missing can be installed on a machine: a question to ask, and the steps to take. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wrapper.apt_sources import of_suite, render
from wrapper.docker_state import FLOOR, major
from wrapper.errors import WrapperError
from wrapper.host import Host, Offer
from wrapper.install_by_hand import by_hand
from wrapper.need import Need

DOCKER_REPOSITORY = "https://download.docker.com/linux"
DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
"""Fingerprint of the key that signs DOCKER_REPOSITORY."""
REGISTRY = "https://registry-1.docker.io/v2/"

DOCKER_OWN_PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin")
DOCKER_SUITE_PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "iptables")
"""Of a distribution; those that it has. Ubuntu's docker.io has the client inside."""
DOCKERD_LOG = "/var/log/dockerd.log"

_LATER_PRIORITY = 50


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command, as root."""

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True, kw_only=True)
class Write:
    """A file that belongs to root and that all may read."""

    path: str
    text: str

    def __str__(self) -> str:
        body = "".join(f"\n  | {line}" for line in self.text.splitlines())
        return f"write {self.path}{body}"


@dataclass(frozen=True, kw_only=True)
class FetchKey:
    """A public key from the network, refused unless it is the one expected."""

    url: str
    path: str
    fingerprint: str

    def __str__(self) -> str:
        return f"fetch {self.url} to {self.path}, key {self.fingerprint} alone"


@dataclass(frozen=True, kw_only=True)
class StartDocker:
    """Start the Engine, unless a package has done so, and wait until it answers."""

    systemd: bool

    @property
    def argv(self) -> tuple[str, ...]:
        if self.systemd:
            return ("systemctl", "enable", "--now", "docker")
        # On its own: in a session that ends with no terminal, holding no file of this process.
        return ("sh", "-c", f"cd / && exec setsid dockerd </dev/null >>{DOCKERD_LOG} 2>&1 &")

    def __str__(self) -> str:
        return f"{shlex.join(self.argv)}, and wait until Docker answers"


Step = Run | Write | FetchKey | StartDocker


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do about everything that is missing."""

    explanation: str
    question: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join([self.explanation, self.question, "", *(f"# {step}" for step in self.steps)]) + "\n"


def plan(host: Host, needs: frozenset[Need], offer: Offer) -> Plan:
    """How to meet `needs` on `host`. Raises WrapperError, with what to install by hand, where this wrapper does not."""
    if not host.may_install:
        raise WrapperError("\n".join(by_hand(host, need) for need in sorted(needs, key=lambda need: need.value)))
    says: list[str] = []
    steps: list[Step] = []
    if needs != {Need.DOCKER_START}:
        steps.append(_apt("update"))
    if Need.VENV in needs:
        says.append(f"Python has no venv module: python{host.python}-venv will be installed.")
        steps.append(_install(f"python{host.python}-venv"))
    if Need.DOCKER in needs:
        text, ways = _docker(host, offer)
        says.append(text)
        steps += ways
    if Need.DEBOOTSTRAP in needs:
        says.append("debootstrap, which makes images from Debian packages without a registry, will be installed.")
        steps.append(_install("debootstrap"))
    if Need.DOCKER_START in needs:
        says.append("Docker is installed but not running: it will be started.")
        steps.append(StartDocker(systemd=host.systemd))
    if {Need.DOCKER, Need.DOCKER_START} & needs and not host.root:
        says.append(f"{host.user} will join the group docker, which amounts to being root.")
        steps.append(Run(argv=("usermod", "-aG", "docker", host.user)))
    verb = "Start it" if needs == {Need.DOCKER_START} else "Install"
    question = f"{verb}, {'as root' if host.root else 'with sudo'}?"
    return Plan(explanation="\n".join(says), question=question, steps=tuple(steps))


def _docker(host: Host, offer: Offer) -> tuple[str, list[Step]]:
    """In words and in steps, the best way to a Docker Engine that the offers allow."""
    start = StartDocker(systemd=host.systemd)
    missing = f"There is no Docker Engine on this machine, and {FLOOR} or newer is needed."
    if offer.docker_repository:
        names = ", ".join(DOCKER_OWN_PACKAGES)
        text = f"{missing}\nDocker's own packages will be installed from {DOCKER_REPOSITORY}: {names}."
        return text, [*_docker_repository(host), start]
    own = offer.packages.get("docker.io", "")
    if major(own) >= FLOOR:
        packages = _available(offer.packages)
        text = f"{missing}\n{host.name} has docker.io {own}: {', '.join(packages)} will be installed."
        return text, [_install(*packages, "ca-certificates"), start]
    later = offer.later_packages.get("docker.io", "")
    if major(later) >= FLOOR:
        packages = _available(offer.later_packages)
        text = (
            f"{missing}\n{host.name} has only docker.io {own or '(none)'}; Docker's own packages cannot be reached.\n"
            f"From Debian {offer.later_suite}, which has docker.io {later}, will be taken: {', '.join(packages)}, "
            "and what they need.\n"
            f"THIS ALSO UPGRADES libc and a few other base packages to those of {offer.later_suite}. "
            f"Everything else stays as it is ({offer.later_suite} is pinned at priority {_LATER_PRIORITY})."
        )
        return text, [*_later_suite(host, offer, packages), start]
    raise WrapperError(
        f"docker: no Engine {FLOOR} or newer can be installed: {host.name} offers docker.io {own or '(none)'}, and "
        f"{DOCKER_REPOSITORY} does not answer for it. Make that address reachable, or install Docker by hand: "
        "https://docs.docker.com/engine/install/"
    )


def _docker_repository(host: Host) -> list[Step]:
    base = f"{DOCKER_REPOSITORY}/{'ubuntu' if host.is_ubuntu else 'debian'}"
    key = "/etc/apt/keyrings/docker.asc"
    source = f"Types: deb\nURIs: {base}\nSuites: {host.codename}\nComponents: stable\nSigned-By: {key}\n"
    return [
        _install("ca-certificates"),
        FetchKey(url=f"{base}/gpg", path=key, fingerprint=DOCKER_KEY),
        Write(path="/etc/apt/sources.list.d/docker.sources", text=source),
        _apt("update"),
        _install(*DOCKER_OWN_PACKAGES, "iptables"),
    ]


def _later_suite(host: Host, offer: Offer, names: Sequence[str]) -> list[Step]:
    suite = offer.later_suite
    source = render(of_suite(host.sources, suite=host.codename, later=suite))
    pin = (
        f"Package: *\nPin: release n={suite}*\nPin-Priority: {_LATER_PRIORITY}\n\n"
        # Without this Docker itself would get no security updates.
        f"Package: {' '.join((*names, 'containerd', 'runc'))}\nPin: release n={suite}*\nPin-Priority: 500\n"
    )
    return [
        _install("ca-certificates", "debian-archive-keyring"),  # the keyring may have to learn the later suite's key
        Write(path="/etc/apt/preferences.d/django-stack-docker", text=pin),
        Write(path="/etc/apt/sources.list.d/django-stack-docker.sources", text=source),
        _apt("update"),
        _install(*names, suite=suite),
    ]


def _available(packages: Mapping[str, str]) -> list[str]:
    return [name for name in DOCKER_SUITE_PACKAGES if name in packages]


def _install(*names: str, suite: str = "") -> Run:
    # A package's question about its changed configuration file has nobody to answer it: the machine's own file stays.
    options = ["-y", "--no-install-recommends", "-oDpkg::Options::=--force-confold"]
    return _apt("install", *options, *(("-t", suite) if suite else ()), *names)


def _apt(*words: str) -> Run:
    return Run(argv=("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *words))
