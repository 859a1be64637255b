"""What a preview would do, read from `preview --json` of either engine."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policy.inputs import known
from review.errors import ReviewInputError

CHANGING = ("create", "update", "replace", "delete")
_PARTS_OF_A_REPLACEMENT = ("create-replacement", "delete-replaced", "remove-pending-replace")
_UNCHANGED = ("same",)
_LONGEST_MESSAGE = 2000
_SEVERITIES_SHOWN = ("warning", "error")


@dataclass(frozen=True, kw_only=True)
class State:
    """A resource before or after: what it is made from, and the options that matter."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    protected: bool = False
    retained: bool = False
    """Kept in Docker when Pulumi lets go of it."""
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource that would change."""

    op: str
    """One of CHANGING; any other word is an operation that the review does not know."""
    urn: str
    type: str
    name: str
    """The logical name."""
    old: State | None
    new: State | None
    changed: tuple[str, ...] = ()
    """Properties that differ, by their top-level names, sorted."""
    cause: str = ""
    """Why, in the embedded engine's words; the CLI has none."""

    @property
    def kind(self) -> str:
        """`Container` for docker:index/container:Container."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole preview."""

    project: str
    stack: str
    steps: tuple[Step, ...]
    unchanged: int
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    server: Mapping[str, str]
    """Where it would be deployed to: the plain config of the Docker provider."""
    silenced: Mapping[str, str] = field(default_factory=dict)
    """Ids of checks that the stack config leaves out, with the reason."""

    @property
    def prefix(self) -> str:
        return f"{self.project}-{self.stack}"

    def of(self, kind: str) -> Iterator[Step]:
        """The steps of one kind of resource."""
        return (step for step in self.steps if step.kind == kind)

    @property
    def is_first(self) -> bool:
        """Nothing of the stack is there yet."""
        return any(step.type == "pulumi:pulumi:Stack" and step.op == "create" for step in self.steps)


def read(text: str) -> Plan:
    """The plan of a preview's output. Raises ReviewInputError where it is not whole."""
    content = _content(text)
    try:
        raw = content["steps"] or []
        messages = content.get("diagnostics") or []
        urns = [str(each["urn"]) for each in raw] + [str(each.get("urn") or "") for each in messages]
        stack, project = _names(urns)
        return Plan(
            project=project,
            stack=stack,
            # In one order, as engines tell them as they come.
            steps=tuple(sorted((step for each in raw if (step := _step(each))), key=lambda step: (step.urn, step.op))),
            unchanged=int((content.get("changeSummary") or {}).get("same") or 0),
            warnings=_messages(messages, "warning"),
            errors=_messages(messages, "error"),
            server={key: str(value) for key, value in sorted(_config(content).items()) if key.startswith("docker:")},
            silenced=_silenced(_config(content).get(f"{project}:silencedChecks")),
        )
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ReviewInputError(
            "preview: must be the output of preview --json"
            f" (got JSON of another form: {type(error).__name__}: {error}). Run ./pulumiw preview --json again."
        ) from None


def _content(text: str) -> Mapping[str, Any]:
    if not text.strip():
        raise ReviewInputError(
            "preview: must be the output of preview --json (got nothing). The preview has failed: its own messages"
            " say why."
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReviewInputError(
            f"preview: must be whole JSON (got {len(text)} characters that are not: {error})."
            " The preview was cut short, or has failed: its own messages say why."
        ) from None
    if not isinstance(content, dict) or "steps" not in content or "changeSummary" not in content:
        raise ReviewInputError(
            "preview: must be the output of preview --json (got other JSON). Run ./pulumiw preview --json again."
        )
    return content


def _config(content: Mapping[str, Any]) -> Mapping[str, Any]:
    config = content.get("config")
    return config if isinstance(config, dict) else {}


def _silenced(value: Any) -> dict[str, str]:
    """As the config has it: a map, or its JSON. What is no such thing silences nothing."""
    try:
        silenced = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return {str(key): str(reason) for key, reason in silenced.items()} if isinstance(silenced, dict) else {}


def _names(urns: Sequence[str]) -> tuple[str, str]:
    """Stack and project, as every URN tells them; empty in a preview that has got nowhere."""
    for urn in urns:
        if urn.startswith("urn:pulumi:") and urn.count("::") > 1:
            stack, project, _ = urn.removeprefix("urn:pulumi:").split("::", 2)
            return stack, project
    return "", ""


def _step(content: Mapping[str, Any]) -> Step | None:
    op = str(content["op"])
    if op in _PARTS_OF_A_REPLACEMENT or op in _UNCHANGED:
        return None
    _, _, types, name = str(content["urn"]).split("::", 3)
    kind = types.rpartition("$")[2]
    if kind.startswith("pulumi:providers:"):
        return None
    keys = {*(content.get("diffReasons") or ()), *(content.get("replaceReasons") or ())}
    keys |= set(content.get("detailedDiff") or {})
    return Step(
        op=op,
        urn=str(content["urn"]),
        type=kind,
        name=name,
        old=_state(content.get("oldState")),
        new=_state(content.get("newState")),
        changed=tuple(sorted({_top(str(key)) for key in keys} - {""})),
        cause=str(content.get("cause") or ""),
    )


def _top(path: str) -> str:
    """`ports` for `ports[0].external`."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _state(content: Mapping[str, Any] | None) -> State | None:
    if not content:
        return None
    inputs = {key: known(value) for key, value in (content.get("inputs") or {}).items() if not key.startswith("__")}
    return State(
        inputs=inputs,
        protected=bool(content.get("protect")),
        retained=bool(content.get("retainOnDelete")),
        parent=str(content.get("parent") or ""),
    )


def _messages(messages: Sequence[Mapping[str, Any]], severity: str) -> tuple[str, ...]:
    """What was said, each once, in its order; without the word that the CLI puts before it."""
    said = (str(each.get("message") or "") for each in messages if each.get("severity") == severity)
    told = (text.removeprefix(f"{severity}: ").strip() for text in said)
    return tuple(dict.fromkeys(text[:_LONGEST_MESSAGE] for text in told if text))
