"""Kills the engine at chosen points of an update, and looks whether the next `up` puts everything right."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.engine.real_docker import Engine, docker, embedded, left_over, new_project, remove_all, resources_of

PREFIX = "eng-crash-"
KINDS = ("before-save", "after-save", "before-call", "after-call")
_KILLER = Path(__file__).with_name("killer.py")
_KILLED = -9
PROGRAM = """
import pulumi, pulumi_docker as docker
from pulumi_command import local
generation = pulumi.Config().require("generation")
net = docker.Network("net", name="eng-crash-net", internal=True)
data = docker.Volume("data", name="eng-crash-data")
for number in range(2):
    web = docker.Container(f"web-{number}", name=f"eng-crash-web-{number}", image="eng-base:1",
        command=["sleep", "1000000"], envs=[f"GENERATION={generation}"], init=True,
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=net.name)],
        volumes=[docker.ContainerVolumeArgs(volume_name=data.name, container_path="/data")])
auto = docker.Container("eng-crash-auto", image="eng-base:1", command=["sleep", "1000000"], init=True,
    envs=[f"GENERATION={generation}"],
    opts=pulumi.ResourceOptions(delete_before_replace=False))
local.Command("ran", create=f"echo {generation} >> ran.txt", triggers=[web.id])
"""
RESOURCES = {"crash-dev", "default_5_2_0", "default_1_2_1", "net", "data", "web-0", "web-1", "eng-crash-auto", "ran"}


class CrashExam:
    """One project; each trial changes it, kills the engine on the way, and runs `up` again."""

    def __init__(self, folder: Path) -> None:
        remove_all(PREFIX)
        self.project = new_project(folder, "crash", PROGRAM)
        self.engine = embedded(self.project)
        self.generation = 0

    def close(self) -> None:
        self.engine.run("destroy", "--yes")
        remove_all(PREFIX)

    def _change(self) -> None:
        self.generation += 1
        self.engine.run("config", "set", "generation", str(self.generation), expect=0)

    def _up(self, kind: str, point: int) -> tuple[int, str]:
        killer = Engine([sys.executable, str(_KILLER), kind, str(point)], self.project)
        done = killer.run("up", "--yes", "--skip-preview", "--parallel", "4")
        return done.code, done.text

    def points(self, kind: str) -> int:
        """How many points of `kind` an update has, seen by not killing one."""
        self._change()
        code, text = self._up(kind, 10**6)
        assert code == 0, text[-2000:]
        return int(re.findall(r"points: (\d+)", text)[-1])

    def trial(self, kind: str, point: int, *, fresh: bool = False) -> None:
        """Kills at one point; raises AssertionError unless the next `up` converges and nothing is left over."""
        if fresh:
            self.engine.run("destroy", "--yes", expect=0)
        self._change()
        code, text = self._up(kind, point)
        assert code in (_KILLED, 0), f"{kind} {point}: exit code {code}\n{text[-2000:]}"
        resources_of(self.project, "crash")  # the file is whole
        self.engine.run("up", "--yes", "--skip-preview", expect=0)
        self.engine.run("preview", "--expect-no-changes", expect=0)
        self.engine.run("refresh", "--preview-only", "--expect-no-changes", expect=0)
        self._assert_as_declared(f"{kind} {point}")

    def _assert_as_declared(self, where: str) -> None:
        recorded = resources_of(self.project, "crash")
        assert {item["urn"].split("::")[-1] for item in recorded} == RESOURCES, where
        assert len(recorded) == len(RESOURCES), where
        automatic, *named = left_over(PREFIX)
        assert automatic.startswith("eng-crash-auto-"), where
        expected = ["eng-crash-data", "eng-crash-net", "eng-crash-web-0", "eng-crash-web-1"]
        assert named == expected, f"{where}: {left_over(PREFIX)}"
        environment = docker("inspect", "-f", "{{.Config.Env}}", "eng-crash-web-0")
        assert f"GENERATION={self.generation}" in environment, where

    def all_points(self) -> Iterator[tuple[str, int]]:
        """Every point of a replacing update."""
        for kind in KINDS:
            for point in range(1, self.points(kind) + 1):
                yield kind, point
