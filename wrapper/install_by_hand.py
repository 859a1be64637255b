"""What a person has to do on a machine on which this wrapper installs nothing."""

from wrapper.docker_state import FLOOR
from wrapper.host import Host
from wrapper.need import Need

_START = "sudo systemctl enable --now docker"
_DOCKER = {
    "fedora": f"sudo dnf install moby-engine docker-cli docker-buildx && {_START}",
    "rhel": "https://docs.docker.com/engine/install/rhel/",
    "centos": "https://docs.docker.com/engine/install/centos/",
    "arch": f"sudo pacman -S docker docker-buildx && {_START}",
    "alpine": "apk add docker docker-cli-buildx && rc-update add docker && service docker start",
    "suse": f"sudo zypper install docker docker-buildx && {_START}",
}
"""By ID or ID_LIKE of os-release."""


def by_hand(host: Host, need: Need) -> str:
    """An error and its cure."""
    match need:
        case Need.VENV:
            cure = f"apt-get install python{host.python}-venv" if host.is_debian else "uv or virtualenv"
            return f"venv: Python {host.python} cannot make an environment (ensurepip is missing). Install: {cure}."
        case Need.DOCKER:
            return f"docker: no Engine is on this machine, and {FLOOR} or newer is needed. {_docker(host)}"
        case Need.DOCKER_START:
            how = "systemctl enable --now docker" if host.systemd else "dockerd"
            return f"docker: the Engine is installed but not running. Start it as root: {how}"
        case Need.DEBOOTSTRAP:
            return (
                "images: debootstrap, which makes images from Debian packages without a registry, is not installed. "
                "Install it, or make an image registry reachable."
            )


def _docker(host: Host) -> str:
    if host.system == "Darwin":
        return "Install it, and start it: brew install --cask docker-desktop (or: brew install colima docker)"
    if host.is_debian:
        return "Have someone who is root here run: ./pulumiw up --install-docker"
    known = (_DOCKER[name] for name in (host.distribution, *host.like) if name in _DOCKER)
    return f"Install it: {next(known, 'https://docs.docker.com/engine/install/')}"
