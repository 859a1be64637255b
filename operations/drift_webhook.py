"""Tells a chat of a stack's drift when it appears, changes or ends, and remembers what was told.

That is remembered beside the release ledger, in its volume on the server: there every look finds it, from a workflow
whose machine is a new one each time as from the server itself.
"""

import json
from collections.abc import Sequence

from drift.message import message
from drift.news import News, news
from drift.report import Report
from operations.errors import OperationError
from operations.http_call import Answer, CallError, call
from release.docker_cli import HARDENED, Docker
from release.errors import DockerError

_FILE = "/var/lib/ledger/drift-told.json"
_READ = f"[ ! -f {_FILE} ] || cat {_FILE}"
_WRITE = f"umask 077 && cat > {_FILE}.new && mv {_FILE}.new {_FILE}"
_HARDENED = (*HARDENED, "--network=none", "--user=10002:10000", "--memory=64m", "--pids-limit=20")


def tell(report: Report, url: str, docker: Docker, prefix: str) -> str:
    """What has been done, in words. Raises OperationError, whose text never has the URL.

    It is told first and remembered then: what goes wrong between the two is told once more, not lost.
    """
    memory = Memory(docker, prefix)
    since = news(report, memory.read())
    if not since.changed:
        return "webhook: nothing new to tell"
    try:
        answer = call("POST", url, content={"text": message(report, since)})
    except CallError as problem:
        raise OperationError(_failure(f"got: {problem}")) from None
    if not answer.ok:
        raise OperationError(_failure(f"got status {answer.status}{_hint(answer)}"))
    memory.write(since.keys)
    return f"webhook: told that drift {_what(since)}"


def _what(since: News) -> str:
    return "has ended" if since.ended else "is there, or another one"


def _failure(got: str) -> str:
    return f"webhook: driftWebhookUrl must take messages ({got}). Set the right one, or try again later."


def _hint(answer: Answer) -> str:
    return ": it leads elsewhere" if 300 <= answer.status < 400 else ""  # noqa: PLR2004


class Memory:
    """Keys of the findings that were told last."""

    def __init__(self, docker: Docker, prefix: str) -> None:
        self._docker, self._prefix = docker, prefix

    def read(self) -> list[str]:
        """None at first, and where it is not known any more. Raises OperationError."""
        if self._missing():
            return []
        try:
            content = json.loads(self._run(_READ) or "[]")
        except ValueError:
            return []
        return [str(each) for each in content] if isinstance(content, list) else []

    def write(self, keys: Sequence[str]) -> None:
        """Raises OperationError."""
        if missing := self._missing():
            raise OperationError(
                f"webhook: what was told must be remembered ({missing} is missing), or it is told again."
                " Bring it back with ./ops drift --fix."
            )
        self._run(_WRITE, stdin=json.dumps(list(keys)))

    def _missing(self) -> str:
        """What must be there. A volume that is not would be made by the very mount."""
        volume, image = f"{self._prefix}-ledger", f"{self._prefix}/python"
        if not self._ask("volume", "ls", "--quiet", f"--filter=name=^{volume}$").strip():
            return f"volume {volume}"
        return "" if self._image() else f"image {image}"

    def _image(self) -> str:
        images = self._ask("image", "ls", "--format={{.Repository}}:{{.Tag}}", f"{self._prefix}/python")
        return next(iter(images.split()), "")

    def _run(self, script: str, stdin: str = "") -> str:
        mount = f"--volume={self._prefix}-ledger:/var/lib/ledger"
        return self._ask("run", *_HARDENED, mount, "--entrypoint=sh", self._image(), "-ec", script, stdin=stdin)

    def _ask(self, *words: str, stdin: str = "") -> str:
        try:
            return self._docker(*words, stdin=stdin)
        except DockerError as problem:
            raise OperationError(f"webhook: what was told before must be known (got {problem}). Try again.") from None
