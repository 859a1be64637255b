"""The CLI's checkpoint, version 3: to and from states, secrets sealed, integrity checked."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import SecretsError, StateError
from engine.model import State, now_text
from engine.secrets import Crypter
from engine.values import SECRET_SIGNATURE, SIGNATURE, Secret, compact_json, from_wire, transform
from engine.version import VERSION as CLI_VERSION

VERSION = 3
_FORMAT_OF = f"v{CLI_VERSION}"  # the release whose checkpoint format this is
_FLAGS = {"external": "external", "protect": "protect", "delete": "delete"}
_FLAGS |= {"pending_replacement": "pendingReplacement", "retain_on_delete": "retainOnDelete"}
_TEXTS = {"parent": "parent", "provider": "provider", "created": "created", "modified": "modified"}
_TEXTS |= {"source_position": "sourcePosition"}
_LISTS = {
    "dependencies": "dependencies",
    "init_errors": "initErrors",
    "additional_secret_outputs": "additionalSecretOutputs",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
}
_OTHERS = ("urn", "type", "custom", "id", "inputs", "outputs", "propertyDependencies", "customTimeouts")
_OURS = frozenset([*_FLAGS.values(), *_TEXTS.values(), *_LISTS.values(), *_OTHERS])


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An operation that was under way when the state was saved: creating, updating or deleting."""

    type: str
    state: State


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a checkpoint records."""

    states: tuple[State, ...] = ()
    pending: tuple[Pending, ...] = ()
    time: str = ""


class Sealer:
    """Turns states into JSON with every secret encrypted.

    A secret that a state had before keeps its ciphertext, so that an unchanged state stays the same
    file; the memory is by URN, so equal secrets of two resources do not show as equal.
    """

    def __init__(self, crypter: Crypter, *, plain: bool = False) -> None:
        """With `plain`, secrets are written in clear, as `stack export --show-secrets` does."""
        self.crypter = crypter
        self._plain = plain
        self._known: dict[tuple[str, str], str] = {}
        self._rendered: dict[int, tuple[State, str]] = {}

    def remember(self, urn: str, plaintext: str, ciphertext: str) -> None:
        self._known[urn, plaintext] = ciphertext

    def seal(self, urn: str, value: Any) -> Any:
        def leaf(item: Any) -> Any:
            if not isinstance(item, Secret):
                return item
            text = compact_json(self.seal(urn, item.value))
            if self._plain:
                return {SIGNATURE: SECRET_SIGNATURE, "plaintext": text}
            ciphertext = self._known.get((urn, text))
            if ciphertext is None:
                ciphertext = self._known[urn, text] = self.crypter.encrypt(text)
            return {SIGNATURE: SECRET_SIGNATURE, "ciphertext": ciphertext}

        return transform(value, leaf)

    def render(self, state: State) -> str:
        """The JSON text of `state`. States never change, so each is rendered once."""
        known = self._rendered.get(id(state))
        if known is None:
            known = (state, compact_json(to_json(state, lambda value: self.seal(state.urn, value))))
            self._rendered[id(state)] = known
        return known[1]

    def forget_rendered(self, keep: Sequence[State]) -> None:
        """Drops rendered texts of states that are not in `keep`."""
        kept = {id(state) for state in keep}
        self._rendered = {key: text for key, text in self._rendered.items() if key in kept}


def to_json(state: State, encode: Callable[[Any], Any]) -> dict[str, Any]:
    """`state` as the checkpoint has it; `encode` turns property values into JSON."""
    content: dict[str, Any] = {"urn": state.urn, "custom": state.custom}
    if state.id:
        content["id"] = state.id
    content["type"] = state.type
    for key, properties in (("inputs", state.inputs), ("outputs", state.outputs)):
        if properties:
            content[key] = encode(properties)
    for names in (_TEXTS, _FLAGS, _LISTS):
        for attribute, key in names.items():
            value = getattr(state, attribute)
            if value:
                content[key] = list(value) if isinstance(value, tuple) else value
    if state.property_dependencies:
        content["propertyDependencies"] = {key: list(urns) for key, urns in state.property_dependencies.items()}
    if state.custom_timeouts:
        content["customTimeouts"] = dict(state.custom_timeouts)
    return {**content, **state.extra}


def from_json(content: Mapping[str, Any], decode: Callable[[Any], Any] = from_wire) -> State:
    """The state that `to_json` wrote. Raises KeyError, TypeError or AttributeError on other content."""
    fields: dict[str, Any] = {name: bool(content.get(key)) for name, key in _FLAGS.items()}
    fields |= {name: content.get(key) or "" for name, key in _TEXTS.items()}
    fields |= {name: tuple(content.get(key) or ()) for name, key in _LISTS.items()}
    return State(
        urn=content["urn"],
        type=content["type"],
        custom=bool(content.get("custom")),
        id=content.get("id") or "",
        inputs=decode(content.get("inputs") or {}),
        outputs=decode(content.get("outputs") or {}),
        property_dependencies={
            key: tuple(urns or ()) for key, urns in (content.get("propertyDependencies") or {}).items()
        },
        custom_timeouts=content.get("customTimeouts") or {},
        extra={key: value for key, value in content.items() if key not in _OURS},
        **fields,
    )


def render_checkpoint(full_name: str, states: Sequence[State], pending: Sequence[Pending], sealer: Sealer) -> str:
    """The checkpoint file's text."""
    return (
        f'{{"version":{VERSION},"checkpoint":{{"stack":{compact_json(full_name)},'
        f'"latest":{render_deployment(states, pending, sealer)}}}}}'
    )


def render_deployment(states: Sequence[State], pending: Sequence[Pending], sealer: Sealer) -> str:
    manifest = {
        "time": now_text(),
        "magic": hashlib.sha256(_FORMAT_OF.encode()).hexdigest(),
        "version": _FORMAT_OF,
    }
    secrets_provider = {"type": "passphrase", "state": {"salt": sealer.crypter.salt}}
    sealer.forget_rendered([*states, *(item.state for item in pending)])
    resources = ",".join(sealer.render(state) for state in states)
    operations = ",".join(
        f'{{"resource":{sealer.render(item.state)},"type":{compact_json(item.type)}}}' for item in pending
    )
    return (
        f'{{"manifest":{compact_json(manifest)},"secrets_providers":{compact_json(secrets_provider)},'
        f'"resources":[{resources}]'
        + (f',"pending_operations":[{operations}]' if operations else "")
        + ',"metadata":{}}'
    )


def parse_checkpoint(content: Mapping[str, Any], sealer: Sealer) -> Snapshot:
    """The snapshot in a checkpoint file. Raises StateError, and SecretsError on a wrong passphrase."""
    check_version(content)
    checkpoint = content.get("checkpoint") or {}
    return parse_deployment(checkpoint.get("latest") or {}, sealer)


def check_version(content: Mapping[str, Any]) -> None:
    version = content.get("version")
    if version != VERSION:
        raise StateError(
            f"state: format version {version!r} is not the one this engine knows ({VERSION}). "
            "Use the Pulumi CLI that wrote it."
        )
    if content.get("features"):
        raise StateError(
            f"state: it uses features that the embedded engine does not know ({content['features']}). "
            "Use the Pulumi CLI that wrote it."
        )


def parse_deployment(latest: Mapping[str, Any], sealer: Sealer) -> Snapshot:
    provider = latest.get("secrets_providers") or {}
    if provider.get("type") not in (None, "passphrase"):
        raise StateError(
            f"state: its secrets provider is {provider['type']!r}. The embedded engine supports the passphrase only."
        )
    salt = (provider.get("state") or {}).get("salt")
    crypter = sealer.crypter if not salt or salt == sealer.crypter.salt else Crypter(salt)
    try:
        states = tuple(from_json(item, _opener(item["urn"], crypter, sealer)) for item in latest.get("resources") or ())
        pending = tuple(
            Pending(
                type=item["type"],
                state=from_json(item["resource"], _opener(item["resource"]["urn"], crypter, sealer)),
            )
            for item in latest.get("pending_operations") or ()
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StateError(f"state: a resource in it is damaged ({error!r}). Restore a backup.") from error
    verify_integrity(states)
    return Snapshot(states=states, pending=pending, time=(latest.get("manifest") or {}).get("time") or "")


def _opener(urn: str, crypter: Crypter, sealer: Sealer) -> Callable[[Any], Any]:
    def open_(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get(SIGNATURE) == SECRET_SIGNATURE:
                return Secret(unseal(value))
            return {key: open_(item) for key, item in value.items()}
        if isinstance(value, list):
            return [open_(item) for item in value]
        return from_wire(value)

    def unseal(value: Mapping[str, Any]) -> Any:
        text = value.get("plaintext")
        if text is None:
            ciphertext = value.get("ciphertext")
            if not ciphertext:
                raise StateError(f"state: a secret of {urn} has no ciphertext. Restore a backup.")
            text = crypter.decrypt(ciphertext)
            if crypter is sealer.crypter:
                sealer.remember(urn, text, ciphertext)
        try:
            return open_(json.loads(text))
        except ValueError as error:
            raise SecretsError(f"state: a secret of {urn} is not JSON.") from error

    return open_


def verify_integrity(states: Sequence[State]) -> None:
    """Raises StateError unless every reference points to a resource earlier in the list."""
    seen: set[str] = set()
    live: set[str] = set()
    references: set[str] = set()
    for state in states:
        where = f"state: {state.urn}"
        if state.urn.count("::") < 3:  # noqa: PLR2004  urn:pulumi:stack::project::type::name
            raise StateError(f"{where}: not a URN. Restore a backup.")
        if not state.delete and state.urn in live:
            raise StateError(f"{where} is there twice. Remove one of them, or restore a backup.")
        if not state.custom and state.id:
            raise StateError(f"{where}: a component has no id (got {state.id!r}). Restore a backup.")
        missing = sorted(state.needs() - seen)
        if missing:
            raise StateError(f"{where} refers to {missing[0]}, which does not come before it. Restore a backup.")
        if state.provider and state.provider not in references:
            raise StateError(f"{where} refers to the unknown provider {state.provider}. Restore a backup.")
        if not state.delete:
            live.add(state.urn)
        seen.add(state.urn)
        references.add(f"{state.urn}::{state.id}")
