"""The recorded state: what `stack export` of either engine says that there is."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drift.errors import DriftError

SECRET, SIGNATURE = "1b47061264138c4ac30d75fd1eb44270", "4dabf18193072939515e22adb298388d"
"""How Pulumi marks a secret in JSON."""
_DOCKER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_PREFIX_LABEL = "django-stack.stack"


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container as the program has declared it."""

    name: str
    id: str
    inputs: Mapping[str, Any] = field(repr=False)
    ignored: frozenset[str]
    """Inputs whose changes the program ignores."""
    pids: int | None
    """What its `ready` step limits it to; None where there is none."""

    @property
    def labels(self) -> dict[str, str]:
        return labels_of(self.inputs)

    @property
    def role(self) -> str:
        return self.labels.get("django-stack.role", "")

    @property
    def release(self) -> str:
        return self.labels.get("django-stack.release", "")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A network or a volume."""

    name: str
    id: str
    inputs: Mapping[str, Any]
    ignored: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that was built or pulled."""

    name: str
    id: str
    """As it was when it was made; empty where that is not known."""
    is_pulled: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command of the program."""

    name: str
    create: str
    environment: Mapping[str, str] = field(repr=False)
    stdin: str = field(repr=False)
    printed: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """All of a stack that can drift."""

    prefix: str
    containers: Sequence[Container] = ()
    networks: Sequence[Thing] = ()
    volumes: Sequence[Thing] = ()
    images: Sequence[Image] = ()
    steps: Sequence[Step] = ()
    release: str = ""
    """The one that the last good `up` has made live."""
    cut_off: Sequence[str] = ()
    """Operations that an update was killed in, in words."""

    def step(self, ending: str) -> Step | None:
        """The step whose name ends so."""
        return next((step for step in self.steps if step.name.endswith(ending)), None)

    def of_role(self, role: str) -> list[Container]:
        return [each for each in self.containers if each.role == role]

    @property
    def live(self) -> list[Container]:
        """The web containers of the release that is live."""
        return [each for each in self.of_role("web") if each.release == self.release]


def read(text: str, *, prefix: str) -> Recorded:
    """The state of an export with its secrets in clear. Raises DriftError where it is none."""
    resources, pending = _resources(text)
    try:
        own = [each for each in resources if not each.get("delete")]
        steps = [_step(each) for each in own if each["type"] == "command:local:Command"]
        pids = dict(filter(None, map(_limit_of, steps)))
        return Recorded(
            prefix=prefix,
            containers=[_container(each, pids) for each in own if each["type"] == "docker:index/container:Container"],
            networks=[_thing(each) for each in own if each["type"] == "docker:index/network:Network"],
            volumes=[_thing(each) for each in own if each["type"] == "docker:index/volume:Volume"],
            images=[image for each in own for image in _image(each)],
            steps=steps,
            release=_release(own),
            cut_off=[f"{each['type']} {_name(each['resource'])}" for each in pending],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise DriftError(
            f"state: every resource must be whole (got {type(problem).__name__}: {problem})."
            " Look at it with ./pulumiw stack export, and put a good one back with ./pulumiw stack import."
        ) from None


def _resources(text: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    try:
        content = json.loads(text)
    except ValueError as problem:
        raise DriftError(
            f"state: the export must be whole JSON (got {len(text)} characters: {problem})."
            " The state file may have been cut off: put a good one back with ./pulumiw stack import."
        ) from None
    deployment = (content.get("deployment") if isinstance(content, dict) else None) or {}
    if not isinstance(deployment, dict):
        deployment = {}
    found, pending = deployment.get("resources") or [], deployment.get("pending_operations") or []
    if not isinstance(found, list) or not found:
        raise DriftError("state: the stack must be deployed (got a state without resources). Run ./pulumiw up first.")
    return found, pending


def plain(value: Any) -> Any:
    """A value with its secrets opened, and without what Pulumi adds for itself. Raises DriftError on a sealed one."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            if "plaintext" not in value:
                raise DriftError("state: its secrets must be readable (got ciphertext). Set the stack's passphrase.")
            return plain(json.loads(value["plaintext"]))
        return {key: plain(each) for key, each in value.items() if key != "__defaults"}
    return [plain(each) for each in value] if isinstance(value, list) else value


def labels_of(inputs: Mapping[str, Any]) -> dict[str, str]:
    return {each["label"]: each["value"] for each in inputs.get("labels") or ()}


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]


def docker_name(name: Any) -> str:
    """A name that Docker can have given. Raises DriftError: another one is no name but an attempt at something."""
    if not isinstance(name, str) or not _DOCKER_NAME.fullmatch(name):
        raise DriftError(
            f"state: names must be of letters, digits, '_', '.' and '-' (got {ascii(name)[:80]})."
            " The state was changed by hand: put a good one back with ./pulumiw stack import."
        )
    return name


def _container(resource: Mapping[str, Any], pids: Mapping[str, int]) -> Container:
    inputs = plain(resource["inputs"])
    name = docker_name(inputs["name"])
    ignored = frozenset(resource.get("ignoreChanges") or ())
    return Container(name=name, id=str(resource.get("id", "")), inputs=inputs, ignored=ignored, pids=pids.get(name))


def _thing(resource: Mapping[str, Any]) -> Thing:
    inputs = plain(resource["inputs"])
    name = docker_name(inputs["name"])
    return Thing(
        name=name,
        id=str(resource.get("id", "")),
        inputs=inputs,
        ignored=frozenset(resource.get("ignoreChanges") or ()),
    )


def _image(resource: Mapping[str, Any]) -> list[Image]:
    outputs = resource.get("outputs") or {}
    if resource["type"] == "docker:index/image:Image":
        # An image that was not pushed has its id in the place of a digest.
        digest = str(outputs.get("repoDigest") or "")
        identity = digest if digest.startswith("sha256:") else ""
        return [Image(name=_reference(resource["inputs"]["imageName"]), id=identity, is_pulled=False)]
    if resource["type"] == "docker:index/remoteImage:RemoteImage":
        identity = str(outputs.get("imageId") or "")
        return [Image(name=_reference(resource["inputs"]["name"]), id=identity, is_pulled=True)]
    return []


def _reference(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.:/@-]*", name):
        raise DriftError(f"state: an image must have a name that Docker allows (got {ascii(name)[:80]}).")
    return name


def _step(resource: Mapping[str, Any]) -> Step:
    inputs, outputs = plain(resource["inputs"]), resource.get("outputs") or {}
    return Step(
        name=_name(resource),
        create=str(inputs.get("create") or ""),
        environment={key: str(value) for key, value in (inputs.get("environment") or {}).items()},
        stdin=str(inputs.get("stdin") or ""),
        printed=str(plain(outputs.get("stdout")) or ""),
    )


def _limit_of(step: Step) -> tuple[str, int] | None:
    """Which container a `ready` step limits, and to how many processes."""
    if " -m release ready " not in step.create:
        return None
    words = shlex.split(step.create)
    limit = next((word.partition("=")[2] for word in words if word.startswith("--pids=")), "")
    return (words[words.index("ready") + 1], int(limit)) if limit else None


def _release(resources: Sequence[Mapping[str, Any]]) -> str:
    found = [each for each in resources if each["type"] == "django-stack:index:Release"]
    return str((found[-1].get("outputs") or {}).get("release") or "") if found else ""
