"""The script that starts what should run: in order, and nothing that somebody has stopped for good."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.program import ROOT

DOCKER = """\
#!/bin/sh
# A docker command whose containers are folders of one-line files.
here=${0%/*}
case $1 in
    ps)
        for each in "$here"/containers/*; do
            read -r role < "$each/role"
            [ "$role" != "${*##*role=}" ] || echo "${each##*/}"
        done
        ;;
    inspect)
        key=${3%\\}\\}}
        case $key in *RestartPolicy*) key=policy ;; *) key=${key##*.} ;; esac
        [ -z "$4" ] || cat "$here/containers/$4/$key"
        ;;
    *)
        echo "$*" >> "$here/calls"
        [ ! -e "$here/containers/$2/fails" ]
        ;;
esac
"""


def container(
    role: str, status: str = "exited", policy: str = "always", at: str = "10:00:00", **more: str
) -> dict[str, str]:
    """A container that has been started at some time."""
    return {"role": role, "Status": status, "policy": policy, "StartedAt": f"2026-11-24T{at}.5Z", **more}


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., list[str]]:
    """What the script does with these containers."""
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)

    def run(**containers: dict[str, str]) -> list[str]:
        for name, files in containers.items():
            folder = tmp_path / "containers" / name
            folder.mkdir(parents=True)
            for file, text in ({"Name": f"/{name}"} | files).items():
                (folder / file).write_text(f"{text}\n")
        (tmp_path / "calls").write_text("")
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        script = str(ROOT / "timer" / "start-stack")
        subprocess.run([script, "shop-prod"], env=path, check=False, capture_output=True)
        return (tmp_path / "calls").read_text().splitlines()

    return run


def test_what_is_down_is_started_in_order(started: Callable[..., list[str]]) -> None:
    """The edge before Nginx, which joins its network; PostgreSQL before who needs it. One that fails stops no other."""
    assert started(
        nginx=container("nginx"),
        web2=container("web", status="created"),
        web1=container("web", fails="yes"),
        postgres=container("postgres", status="dead"),
        edge=container("edge"),
    ) == ["start edge", "start postgres", "start web1", "start web2", "start nginx"]


def test_what_runs_or_was_stopped_for_good_is_left_alone(started: Callable[..., list[str]]) -> None:
    """A release that failed has the restart policy `no`; one that restarts is Docker's."""
    assert (
        started(
            edge=container("edge", "running"),
            postgres=container("postgres", "restarting"),
            web=container("web", policy="no"),
            nginx=container("nginx", "running", at="10:00:01"),
        )
        == []
    )


def test_an_nginx_older_than_its_edge_is_restarted(started: Callable[..., list[str]]) -> None:
    """It serves a network that is gone."""
    edge = container("edge", "running", at="10:00:01")
    assert started(edge=edge, nginx=container("nginx", "running")) == ["restart nginx"]
