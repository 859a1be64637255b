"""What a check says: data, so that it can be shown, counted and silenced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class CheckMessage:
    """One finding. Its id is stable for ever and documented in docs/checks.md."""

    level: Literal["error", "warning"]
    id: str
    """Such as `host.E004`."""
    text: str
    """Where, and what is wrong, with what was found."""
    hint: str
    """What to do."""

    def __str__(self) -> str:
        return f"{self.id} {self.text} {self.hint}"


def error(id: str, text: str, hint: str) -> CheckMessage:  # noqa: A002 - the field's own name
    """A finding that stops the deployment before anything is touched."""
    return CheckMessage(level="error", id=id, text=text, hint=hint)


def warning(id: str, text: str, hint: str) -> CheckMessage:  # noqa: A002 - the field's own name
    """A finding that is shown and does not stop anything."""
    return CheckMessage(level="warning", id=id, text=text, hint=hint)


def without_silenced(messages: Sequence[CheckMessage], silenced: Mapping[str, str]) -> list[CheckMessage]:
    """The messages whose ids are not silenced. `silenced` maps an id to the reason why."""
    return [message for message in messages if message.id not in silenced]
