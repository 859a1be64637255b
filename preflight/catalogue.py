"""All checks by id, for those who show what was found to be right as well, and for the documentation."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. Its id is stable for ever."""

    id: str
    rule: str
    """What holds when nothing is found."""
    of_server: bool = False
    """It needs a server and no settings."""
    within: str = ""
    """A check whose failing leaves this one unanswered."""


CHECKS = (
    Check(id="config.E001", rule="the stack config is usable"),
    Check(id="host.E001", rule="a Docker Engine answers"),
    Check(id="host.E002", rule="the Docker Engine lets this user in", within="host.E001"),
    Check(id="host.E003", rule="the Docker Engine is new enough", of_server=True),
    Check(id="host.E004", rule="the docker command is on PATH", of_server=True),
    Check(id="host.E005", rule="the published ports are free, or this stack's own"),
    Check(id="host.E006", rule="no container may use more CPUs than the server has"),
    Check(id="host.E007", rule="the containers' limits fit into the server's memory"),
    Check(id="host.W008", rule="so they do during a release, with old and new side by side", within="host.E007"),
    Check(id="host.E009", rule="there is room on the disk for a build", of_server=True),
    Check(id="host.W010", rule="the disk is far from full", of_server=True, within="host.E009"),
    Check(id="host.W011", rule="Nginx can be replaced without losing a connection", of_server=True),
    Check(id="data.E001", rule="the data volume was made with the same kind of images"),
)
"""What is looked at before anything is touched."""

GATE = (
    Check(id="gate.E001", rule="the health path of each new replica answers 200"),
    Check(id="gate.E002", rule="each new replica is of the release that is to go live"),
    Check(id="gate.E003", rule="no page of gatePaths answers with a server error"),
)
"""What new replicas must pass before they take traffic; images/python/gate.py makes these, within a release."""
