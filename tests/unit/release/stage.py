"""A stack on which a release can be played: the tools answer as they do when all goes well."""

import json
from typing import Any

from release.errors import DockerError
from tests.unit.release.fake_docker import Answer, FakeContainer, FakeDocker
from tests.unit.release.plans import NEW, OLD, nginx, replicas

TOOLS = "exec --interactive shop-prod-tools python3 /opt/stack/"
MOVED = '{"moved": "2026-11-24T10:00:00.500000+00:00"}\nopen\n'
RAN = {"requests": 300, "failed": 0, "retried": 0, "longest_gap_ms": 1.0, "phases": {}}
SEEN = RAN | {"phases": {"after": {"new": {"requests": 60}}}}
"""Enough to be proven."""


def look(release: str = OLD, requests: int | None = 100) -> str:
    """What is live, on its first socket, and what the proof has seen."""
    sockets = [f"/run/web/{release}-1.sock"] if release else []
    return json.dumps({"release": release, "sockets": sockets, "requests": requests})


class Stage(FakeDocker):
    """Two replicas of the release before, two of the new one, and an Nginx."""

    def __init__(self, *containers: FakeContainer, live: str = OLD, requests: int | None = 100) -> None:
        super().__init__(*(containers or (*replicas(OLD, 2), *replicas(NEW, 2), nginx())))
        self.tool("go_live.py look", look(live, requests))
        self.tool("go_live.py move", MOVED)
        self.tool("gate.py", "open\n")
        self.tool("verify.py", "release: it answers")
        self.tool("prober.py report", json.dumps(SEEN))
        self.tool("prober.py stop", json.dumps(RAN))
        self.tool("slots.py show", json.dumps({"release": live, "slots": {}}))
        self.answer("exec", "")

    def tool(self, words: str, *answers: Answer) -> None:
        """What a script in the tools container answers."""
        self.answer(TOOLS + words, *answers)

    @property
    def story(self) -> list[str]:
        """What was done, in short: scripts without what they are told, docker commands on containers."""
        return [told for call in self.calls if (told := self._short(call))]

    @staticmethod
    def _short(call: str) -> str:
        if call.startswith(TOOLS):
            return " ".join(call.removeprefix(TOOLS).replace(".py", "").split(" --")[0].split()[:3])
        if call.startswith("exec --detach"):
            return "probe"
        words = [word for word in call.split() if not word.startswith("--")]
        return "" if words[0] in ("image", "exec") else " ".join(words[:2]) if words[0] == "run" else " ".join(words)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What was written into the ledger."""
        return [found for text in self.inputs if "result" in (found := json.loads(text))]


def gone(what: str = "exec") -> DockerError:
    """A container that is not there any more."""
    return DockerError(f"docker {what}: No such container: shop-prod-tools")
