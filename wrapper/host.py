"""Facts about this machine that decide how something can be installed on it."""

import os
import platform
import pwd
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wrapper.apt_sources import Source, parse

SYSTEM_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian keeps dockerd and debootstrap, and a user's PATH does not look."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """The machine, without asking the network anything."""

    system: str
    """Linux or Darwin."""
    distribution: str = ""
    """ID of os-release, such as debian."""
    like: tuple[str, ...] = ()
    """ID_LIKE of os-release."""
    name: str = ""
    """As people call it: Debian GNU/Linux 12 (bookworm)."""
    codename: str = ""
    user: str = "root"
    root: bool = False
    sudo: bool = False
    systemd: bool = False
    apt: bool = False
    python: str = "3.11"
    """Feature version of the Python that runs this."""
    sources: tuple[Source, ...] = ()

    @property
    def may_install(self) -> bool:
        """Debian or Ubuntu, as root or with sudo: the systems on which this wrapper installs packages."""
        return self.apt and (self.root or self.sudo)

    @property
    def is_ubuntu(self) -> bool:
        return self.distribution == "ubuntu" or "ubuntu" in self.like

    @property
    def is_debian(self) -> bool:
        """Debian or one of its children, Ubuntu included."""
        return bool({self.distribution, *self.like} & {"debian", "ubuntu"})


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What package repositories offer this machine; learned from the network, changing nothing."""

    docker_repository: bool = False
    """Whether Docker's own repository is reachable and has this release."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Package to version, of the machine's own suites."""
    later_suite: str = ""
    """The next stable Debian suite."""
    later_packages: Mapping[str, str] = field(default_factory=dict)
    registry: bool = True
    """Whether an image registry is reachable; without one images are made from packages, by debootstrap."""


def os_release(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def here() -> Host:
    release = os_release(_read(Path("/etc/os-release")))
    return Host(
        system=platform.system(),
        distribution=release.get("ID", ""),
        like=tuple(release.get("ID_LIKE", "").split()),
        name=release.get("PRETTY_NAME", platform.system()),
        codename=release.get("VERSION_CODENAME", ""),
        user=pwd.getpwuid(os.getuid()).pw_name,
        root=os.geteuid() == 0,
        sudo=shutil.which("sudo") is not None,
        systemd=Path("/run/systemd/system").is_dir(),
        apt=shutil.which("apt-get") is not None,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        sources=_apt_sources(Path("/etc/apt")),
    )


def program(name: str) -> str:
    """The path of a program, system folders included; empty where there is none."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_PATH))
    return shutil.which(name, path=path) or ""


def _apt_sources(folder: Path) -> tuple[Source, ...]:
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    known = [file for file in files if file.suffix in (".list", ".sources")]
    return tuple(source for file in known for source in parse(file.name, _read(file)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
