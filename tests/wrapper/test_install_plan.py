"""What would be installed, how, and what is asked before: a golden text for each kind of machine."""

from pathlib import Path

import pytest

from wrapper.apt_sources import Source
from wrapper.errors import WrapperError
from wrapper.host import Host, Offer, os_release
from wrapper.install_plan import plan
from wrapper.need import Need

GOLDEN = Path(__file__).with_name("install_plans")

MIRROR = "http://mirror.example/debian"
BOOKWORM = Host(
    system="Linux",
    distribution="debian",
    name="Debian GNU/Linux 12 (bookworm)",
    codename="bookworm",
    root=True,
    apt=True,
    sources=(
        Source(uri=MIRROR, suite="bookworm", components=("main",), signed_by="/usr/share/keyrings/debian.gpg"),
        Source(uri=MIRROR, suite="bookworm-updates", components=("main",), signed_by="/usr/share/keyrings/debian.gpg"),
        Source(uri=f"{MIRROR}-security", suite="bookworm-security", components=("main",)),
    ),
)
TRIXIE = Host(
    system="Linux",
    distribution="debian",
    name="Debian GNU/Linux 13 (trixie)",
    codename="trixie",
    user="ada",
    sudo=True,
    systemd=True,
    apt=True,
    python="3.13",
)
SID = Host(
    system="Linux", distribution="debian", name="Debian GNU/Linux forky/sid", codename="forky", root=True, apt=True
)
JAMMY = Host(
    system="Linux", distribution="ubuntu", like=("debian",), name="Ubuntu 22.04.5 LTS", codename="jammy",
    root=True, systemd=True, apt=True,
)  # fmt: skip
NOBLE = Host(
    system="Linux", distribution="ubuntu", like=("debian",), name="Ubuntu 24.04.1 LTS", codename="noble",
    user="ada", sudo=True, systemd=True, apt=True, python="3.12",
)  # fmt: skip

OLD = {"docker.io": "20.10.24+dfsg1-1", "iptables": "1.8.9-2", "debootstrap": "1.0.128"}
DEBIAN_26 = {
    "docker.io": "26.1.5+dfsg1-9",
    "docker-cli": "26.1.5+dfsg1-9",
    "docker-buildx": "0.13.1",
    "iptables": "1.8.11",
}
UBUNTU_28 = {"docker.io": "28.2.2-0ubuntu1~24.04.1", "docker-buildx": "0.20.1", "iptables": "1.8.10"}
LATER = Offer(packages=OLD, later_suite="trixie", later_packages=DEBIAN_26, registry=False)
DOCKER = frozenset((Need.DOCKER,))

CASES: dict[str, tuple[Host, frozenset[Need], Offer]] = {
    "bookworm, root, nothing but mirrors": (BOOKWORM, DOCKER | {Need.VENV, Need.DEBOOTSTRAP}, LATER),
    "bookworm, root, docker reachable": (BOOKWORM, DOCKER, Offer(docker_repository=True, packages=OLD)),
    "trixie, sudo, systemd": (TRIXIE, DOCKER, Offer(packages=DEBIAN_26)),
    "sid, root": (SID, DOCKER, Offer(packages=DEBIAN_26 | {"docker.io": "28.5.2+dfsg3-2"})),
    "ubuntu 22.04, root, docker reachable": (JAMMY, DOCKER, Offer(docker_repository=True)),
    "ubuntu 24.04, sudo": (NOBLE, DOCKER | {Need.VENV}, Offer(packages=UBUNTU_28)),
    "stopped, root": (BOOKWORM, frozenset((Need.DOCKER_START,)), Offer()),
    "stopped, sudo, systemd": (NOBLE, frozenset((Need.DOCKER_START,)), Offer()),
    "debootstrap alone": (TRIXIE, frozenset((Need.DEBOOTSTRAP,)), Offer()),
    "venv alone": (NOBLE, frozenset((Need.VENV,)), Offer()),
}


@pytest.mark.parametrize("name", CASES)
def test_plan_is_the_golden_one(name: str) -> None:
    """Explanation, question and every step, whole."""
    host, needs, offer = CASES[name]

    assert str(plan(host, needs, offer)) == (GOLDEN / f"{name}.txt").read_text()


def test_every_golden_plan_belongs_to_a_case() -> None:
    """None is left over."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


def test_everything_is_asked_in_one_question() -> None:
    """Python's module, Docker and debootstrap together; the upgrade of libc is said before."""
    todo = plan(*CASES["bookworm, root, nothing but mirrors"])

    assert todo.question == "Install, as root?"
    for word in ("python3.11-venv", "docker.io", "debootstrap", "UPGRADES libc", "priority 50"):
        assert word in todo.explanation


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (Host(system="Darwin"), "brew install --cask docker-desktop"),
        (Host(system="Linux", distribution="fedora", root=True), "sudo dnf install moby-engine"),
        (Host(system="Linux", distribution="rocky", like=("rhel", "centos", "fedora")), "engine/install/rhel/"),
        (Host(system="Linux", distribution="arch"), "sudo pacman -S docker"),
        (Host(system="Linux", distribution="alpine"), "apk add docker"),
        (Host(system="Linux", distribution="opensuse-leap", like=("suse", "opensuse")), "sudo zypper install docker"),
        (Host(system="Linux", distribution="nixos"), "https://docs.docker.com/engine/install/"),
        (Host(system="Linux", distribution="debian", apt=True), "Have someone who is root here run"),
    ],
)
def test_elsewhere_it_says_exactly_what_to_install(host: Host, text: str) -> None:
    """On systems without apt, and for people who may not install."""
    with pytest.raises(WrapperError, match="docker: no Engine is on this machine, and 24 or newer is needed") as caught:
        plan(host, DOCKER, Offer())
    assert text in str(caught.value)


def test_without_rights_every_missing_thing_has_its_own_line() -> None:
    """All at once."""
    host = Host(system="Linux", distribution="debian", apt=True, python="3.13")

    with pytest.raises(WrapperError) as caught:
        plan(host, frozenset(Need), Offer())
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["images", "docker", "docker", "venv"]
    assert "apt-get install python3.13-venv" in str(caught.value)


@pytest.mark.parametrize("offer", [Offer(), Offer(packages=OLD), Offer(packages=OLD, later_packages=OLD)])
def test_a_machine_that_no_repository_serves_gets_an_error_not_an_old_engine(offer: Offer) -> None:
    """Saying what was tried."""
    with pytest.raises(WrapperError, match="no Engine 24 or newer can be installed: Debian GNU/Linux 12"):
        plan(BOOKWORM, DOCKER, offer)


def test_os_release_is_read_with_its_quotes() -> None:
    """As shells read it."""
    text = "# comment\nID=ubuntu\nID_LIKE=debian\nPRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nVERSION_CODENAME='noble'\n"

    assert os_release(text) == {
        "ID": "ubuntu",
        "ID_LIKE": "debian",
        "PRETTY_NAME": "Ubuntu 24.04.1 LTS",
        "VERSION_CODENAME": "noble",
    }
