"""What can be missing on a machine."""

from enum import Enum


class Need(Enum):
    """Something to install or to start."""

    VENV = "venv"
    """A way to make a virtual environment."""
    DOCKER = "docker"
    """A Docker Engine."""
    DOCKER_START = "docker-start"
    """One is installed, and does not run."""
    DEBOOTSTRAP = "debootstrap"
