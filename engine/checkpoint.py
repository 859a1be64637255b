"""The CLI's checkpoint, version 3: to and from states, secrets sealed, integrity checked."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from engine.errors import StateError
from engine.model import State, now_text
from engine.secrets import Crypter
from engine.values import Properties, compact_json, from_wire, sealed, to_wire

FORMAT_VERSION = 3
CLI_VERSION = "3.259.0"
"""The Pulumi CLI whose verbs, formats and protocol this engine follows."""
_PROPERTIES = ("inputs", "outputs")
_URN_PARTS = 4


class Pending(NamedTuple):
    """An operation that was under way when the state was saved: creating, updating or deleting."""

    type: str
    state: State


class Snapshot(NamedTuple):
    """What a checkpoint records."""

    states: tuple[State, ...] = ()
    pending: tuple[Pending, ...] = ()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


_KEYS = {item.name: _camel(item.name) for item in fields(State) if item.name != "extra"}
"""What the checkpoint calls each field of a state."""


def to_json(state: State, seal: Callable[[Any], Any]) -> dict[str, Any]:
    """`state` as the checkpoint has it, without what is empty; `seal` makes what stands for a secret."""
    given = {name: getattr(state, name) for name in _KEYS if getattr(state, name) or name == "custom"}
    content = {_KEYS[name]: to_wire(value, seal) if name in _PROPERTIES else value for name, value in given.items()}
    return {**content, **state.extra}


def from_json(content: Mapping[str, Any], unseal: Callable[[Properties], Any]) -> State:
    """The state that `to_json` wrote. Raises KeyError, TypeError or AttributeError on other content."""
    given: dict[str, Any] = {name: content[key] for name, key in _KEYS.items() if content.get(key)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    given |= {name: from_wire(content.get(name) or {}, unseal) for name in _PROPERTIES}
    by_property = content.get("propertyDependencies") or {}
    given["property_dependencies"] = {key: tuple(urns or ()) for key, urns in by_property.items()}
    given["extra"] = {key: value for key, value in content.items() if key not in _KEYS.values()}
    return State(**{"custom": False, **given})


class Checkpoints:
    """Writes and reads checkpoints, every secret encrypted.

    A secret that a state had before keeps its ciphertext, so that an unchanged state stays the same
    file; the memory is by URN, so equal secrets of two resources do not show as equal.
    """

    def __init__(self, crypter: Crypter, *, plain: bool = False) -> None:
        """With `plain`, secrets are written in clear, as `stack export --show-secrets` does."""
        self.crypter, self._plain = crypter, plain
        self._known: dict[tuple[str, str], str] = {}
        self._rendered: dict[int, tuple[State, str]] = {}

    # Writing

    def render(self, full_name: str, states: Sequence[State], pending: Sequence[Pending]) -> str:
        """The checkpoint file's text."""
        deployment = self.render_deployment(states, pending)
        stack = compact_json(full_name)
        return f'{{"version":{FORMAT_VERSION},"checkpoint":{{"stack":{stack},"latest":{deployment}}}}}'

    def render_deployment(self, states: Sequence[State], pending: Sequence[Pending]) -> str:
        version = f"v{CLI_VERSION}"
        magic = hashlib.sha256(version.encode()).hexdigest()
        manifest = {"time": now_text(), "magic": magic, "version": version}
        provider = {"type": "passphrase", "state": {"salt": self.crypter.salt}}
        head = {"manifest": manifest, "secrets_providers": provider, "metadata": {}}
        rendered = {id(state): self._render(state) for state in (*states, *(item.state for item in pending))}
        self._rendered = rendered  # states never change, so each is rendered once
        resources = ",".join(rendered[id(state)][1] for state in states)
        operations = ",".join(f'{{"resource":{rendered[id(item.state)][1]},"type":"{item.type}"}}' for item in pending)
        tail = f',"pending_operations":[{operations}]' if operations else ""
        return f'{compact_json(head)[:-1]},"resources":[{resources}]{tail}}}'

    def _render(self, state: State) -> tuple[State, str]:
        known = self._rendered.get(id(state))
        return known or (state, compact_json(to_json(state, lambda secret: self._seal(state.urn, secret))))

    def _seal(self, urn: str, secret: Any) -> dict[str, Any]:
        text = compact_json(to_wire(secret, lambda inner: self._seal(urn, inner)))
        if self._plain:
            return sealed(plaintext=text)
        if (urn, text) not in self._known:
            self._known[urn, text] = self.crypter.encrypt(text)
        return sealed(ciphertext=self._known[urn, text])

    # Reading

    def parse(self, content: Mapping[str, Any], part: str = "checkpoint") -> Snapshot:
        """The snapshot in a checkpoint file, or in an export's `deployment`.

        Raises StateError, and ConfigError on a wrong passphrase.
        """
        if content.get("version") != FORMAT_VERSION or content.get("features"):
            found = content.get("features") or f"version {content.get('version')!r}"
            raise StateError(
                f"state: its format is not the one this engine knows (got {found}, expected version {FORMAT_VERSION}). "
                "Use the Pulumi CLI that wrote it."
            )
        latest: Any = content.get(part) or {}
        latest = (latest.get("latest") or {}) if part == "checkpoint" else latest
        provider = latest.get("secrets_providers") or {}
        if provider.get("type") not in (None, "passphrase"):
            kind = provider["type"]
            raise StateError(f"state: its secrets provider is {kind!r}; this engine has the passphrase only.")
        salt = (provider.get("state") or {}).get("salt") or self.crypter.salt
        crypter = self.crypter if salt == self.crypter.salt else Crypter(salt)
        try:
            states = tuple(self._state(item, crypter) for item in latest.get("resources") or ())
            operations = [(item["type"], item["resource"]) for item in latest.get("pending_operations") or ()]
            pending = tuple(Pending(type=kind, state=self._state(item, crypter)) for kind, item in operations)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise StateError(f"state: a resource in it is damaged ({error!r}). Restore a backup.") from error
        verify_integrity(states)
        return Snapshot(states=states, pending=pending)

    def _state(self, content: Mapping[str, Any], crypter: Crypter) -> State:
        urn = content["urn"]

        def unseal(secret: Properties) -> Any:
            text = secret.get("plaintext")
            if text is None:
                text = crypter.decrypt(secret["ciphertext"])
                if crypter is self.crypter:
                    self._known[urn, text] = secret["ciphertext"]
            return json.loads(text)

        return from_json(content, unseal)


def salt_of(content: Mapping[str, Any]) -> str:
    """The salt that a checkpoint file's secrets are sealed under; empty if it names none."""
    provider: Properties = ((content.get("checkpoint") or {}).get("latest") or {}).get("secrets_providers") or {}
    return str((provider.get("state") or {}).get("salt") or "")


def verify_integrity(states: Sequence[State]) -> None:
    """Raises StateError unless every reference points to a resource earlier in the list."""
    seen: set[str] = set()
    live: set[str] = set()
    references = {""}
    for state in states:
        missing = sorted(state.needs() - seen)
        problems = {
            f"is not a URN (got {state.urn!r})": len(state.urn.split("::", _URN_PARTS - 1)) != _URN_PARTS,
            "is there twice": state.urn in live and not state.delete,
            f"is no custom resource but has an id (got {state.id!r})": state.id and not state.custom,
            f"refers to {''.join(missing[:1])}, which does not come before it": missing,
            f"refers to the unknown provider {state.provider}": state.provider not in references,
        }
        for problem in (text for text, is_so in problems.items() if is_so):
            raise StateError(f"state: {state.urn} {problem}. Restore a backup, or import a good export.")
        live |= set() if state.delete else {state.urn}
        seen.add(state.urn)
        references.add(f"{state.urn}::{state.id}")
