"""A docker command in memory: a few containers, answers by script, and a list of every call.

What it does with containers is what the steps of a release rely on: `ps`, `inspect`, `update`, `start`, `stop`, `rm`
and `logs`. All else answers with nothing unless an answer was given for it.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from release.errors import DockerError

Answer = str | Exception | Callable[[tuple[str, ...], str], str]
"""A text, an error to raise, or a function of the words and of standard input that makes one."""


@dataclass(kw_only=True)
class FakeContainer:
    """One container, as far as a step can see or change it."""

    name: str
    role: str = "web"
    stack: str = "shop-prod"
    labels: dict[str, str] = field(default_factory=dict)
    status: str = "running"
    health: str = "healthy"
    """Empty for a container without a health check."""
    restarts: int = 0
    exit_code: int = 0
    out_of_memory: bool = False
    probe: str = ""
    """What its last health check printed."""
    probed: str = "2026-11-24T10:00:00.123456789Z"
    """When that was."""
    log: str = ""
    policy: str = "always"
    image: str = ""
    image_id: str = ""
    next: deque[dict[str, Any]] = field(default_factory=deque)
    """What changes in it at each look at it, one after the other."""
    on_start: dict[str, Any] = field(default_factory=dict)
    """What changes in it when it is started."""

    def change(self, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self, name, value)

    def inspected(self) -> dict[str, Any]:
        """As `docker inspect` has it."""
        probes = [{"Output": self.probe, "ExitCode": int(self.health != "healthy"), "End": self.probed}]
        health = {"Status": self.health, "Log": probes}
        return {
            "Name": f"/{self.name}",
            "RestartCount": self.restarts,
            "Image": self.image_id,
            "State": {
                "Status": self.status,
                "Running": self.status == "running",
                "ExitCode": self.exit_code,
                "OOMKilled": self.out_of_memory,
                **({"Health": health} if self.health else {}),
            },
            "HostConfig": {"RestartPolicy": {"Name": self.policy}},
            "Config": {
                "Image": self.image,
                "Labels": {"django-stack.stack": self.stack, "django-stack.role": self.role, **self.labels},
            },
        }


class FakeDocker:
    """Called like the real one; `calls` has the words of every call that could change something, joined by spaces."""

    def __init__(self, *containers: FakeContainer) -> None:
        self.containers = {container.name: container for container in containers}
        self.calls: list[str] = []
        self.inputs: list[str] = []
        """Standard input of every call that had one."""
        self.on_call: Callable[[str], None] = lambda _: None
        """Is told of every call before it is answered."""
        self._answers: dict[str, deque[Answer]] = {}

    def answer(self, beginning: str, *answers: Answer) -> None:
        """Answers to calls that begin so, one after the other; the last of them again and again."""
        self._answers[beginning] = deque(answers)

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:
        call = " ".join(words)
        if words[0] not in ("inspect", "ps", "logs"):
            self.calls.append(call)
        if stdin:
            self.inputs.append(stdin)
        self.on_call(call)
        try:
            return self._answered(words, call, stdin)
        except DockerError as error:
            if check:
                raise
            return str(error) if both else ""

    def _answered(self, words: tuple[str, ...], call: str, stdin: str) -> str:
        for beginning in sorted(self._answers, key=len, reverse=True):
            if call.startswith(beginning):
                answers = self._answers[beginning]
                answer = answers.popleft() if len(answers) > 1 else answers[0]
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, str) else answer(words, stdin)
        handler: Callable[[tuple[str, ...]], str] | None = getattr(self, f"_{words[0]}", None)
        return handler(words) if handler else ""

    def _named(self, words: tuple[str, ...]) -> FakeContainer:
        if words[-1] not in self.containers:
            raise DockerError(f"docker {words[0]}: No such container: {words[-1]}")
        return self.containers[words[-1]]

    def _inspect(self, words: tuple[str, ...]) -> str:
        names = words[2:]
        for container in [self.containers[name] for name in names if name in self.containers]:
            container.change(container.next.popleft() if container.next else {})
        found = [self.containers[name].inspected() for name in names if name in self.containers]
        errors = [f"Error response from daemon: No such container: {n}" for n in names if n not in self.containers]
        return "\n".join([json.dumps(found), *errors])

    def _ps(self, words: tuple[str, ...]) -> str:
        wanted = {word.partition("label=")[2] for word in words if word.startswith("--filter=label=")}
        return "\n".join(
            name
            for name, container in self.containers.items()
            if wanted <= {f"{key}={value}" for key, value in container.inspected()["Config"]["Labels"].items()}
        )

    def _update(self, words: tuple[str, ...]) -> str:
        for word in words:
            if word.startswith("--restart="):
                self._named(words).policy = word.partition("=")[2]
        return self._named(words).name

    def _start(self, words: tuple[str, ...]) -> str:
        container = self._named(words)
        container.change({"status": "running", "restarts": 0, "exit_code": 0, **container.on_start})
        return container.name

    def _stop(self, words: tuple[str, ...]) -> str:
        self._named(words).change({"status": "exited"})
        return words[-1]

    def _rm(self, words: tuple[str, ...]) -> str:
        return self.containers.pop(self._named(words).name).name

    def _logs(self, words: tuple[str, ...]) -> str:
        return self._named(words).log
