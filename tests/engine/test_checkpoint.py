"""The CLI's state format: read, written, and refused when it cannot be trusted."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoint import Checkpoints, Pending, salt_of, to_json
from engine.errors import ConfigError, StateError
from engine.model import State
from engine.secrets import Crypter
from engine.values import Secret, blind, reveal

STATES = Path(__file__).with_name("states")


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """A state that the Pulumi CLI 3.259 wrote, with the passphrase `abc`."""
    loaded: dict[str, Any] = json.loads((STATES / "cli-3.259.json").read_text())
    return loaded


@pytest.fixture
def checkpoints(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Checkpoints:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "abc")
    return Checkpoints(Crypter(salt_of(content)))


def test_a_state_of_the_cli_is_read_with_its_secrets(content: dict[str, Any], checkpoints: Checkpoints) -> None:
    """Every resource is there, and secrets are decrypted and marked."""
    states = {state.name: state for state in checkpoints.parse(content).states}
    assert set(states) >= {"shop-dev", "comp", "comp-net", "vol", "img", "web", "side", "cmd"}
    assert states["web"].inputs["envs"] == Secret(["PW=s3cret", "A=1"])
    assert states["cmd"].inputs["environment"] == {"PW": Secret("s3cret")}
    assert states["web"].provider_urn == states["default_5_2_0"].urn


def test_a_state_that_did_not_change_is_written_as_it_was(content: dict[str, Any], checkpoints: Checkpoints) -> None:
    """Nothing of a resource is lost or added, and no old secret is encrypted anew."""
    states = checkpoints.parse(content).states
    written = json.loads(checkpoints.render("organization/shop/dev", states, ()))
    assert set(written["checkpoint"]["latest"]) == set(content["checkpoint"]["latest"])
    resources = written["checkpoint"]["latest"]["resources"]
    assert [set(item) for item in resources] == [set(item) for item in content["checkpoint"]["latest"]["resources"]]
    assert checkpoints.parse(written).states == states
    old = json.dumps(content)
    assert all(ciphertext in old for ciphertext in re.findall(r'"ciphertext": "([^"]+)"', json.dumps(resources)))


def test_no_secret_is_written_in_clear(content: dict[str, Any], checkpoints: Checkpoints) -> None:
    """Neither in the state nor in an operation that is under way, unless an export asks for it."""
    states = checkpoints.parse(content).states
    new = replace(states[0], outputs={"pw": Secret("brand-new-secret")})
    text = checkpoints.render("organization/shop/dev", [new], [Pending(type="creating", state=new)])
    assert "brand-new-secret" not in text
    plain = Checkpoints(checkpoints.crypter, plain=True)
    assert "brand-new-secret" in plain.render_deployment([new], ())


def test_equal_secrets_of_two_resources_do_not_show_as_equal(checkpoints: Checkpoints) -> None:
    """Each has a ciphertext of its own."""
    states = [
        State(urn=f"urn:pulumi:dev::shop::a:b:C::{n}", type="a:b:C", custom=False, outputs={"x": Secret("s3cret")})
        for n in "ab"
    ]
    first, second = json.loads(checkpoints.render_deployment(states, ()))["resources"]
    assert first["outputs"] != second["outputs"]


def test_keys_of_the_cli_that_this_engine_does_not_use_are_carried_along(checkpoints: Checkpoints) -> None:
    """A later CLI finds them again."""
    raw = {"urn": "urn:pulumi:dev::shop::a:b:C::c", "custom": False, "type": "a:b:C", "stackTrace": [{}], "taint": True}
    [state] = checkpoints.parse(_with_resources([raw])).states
    assert to_json(state, blind) == raw


def test_a_pending_operation_is_read_and_written(checkpoints: Checkpoints) -> None:
    """What was under way when the engine died is there at the next start."""
    state = State(urn="urn:pulumi:dev::shop::a:b:C::c", type="a:b:C", custom=True, inputs={"x": 1})
    text = checkpoints.render("organization/shop/dev", (), [Pending(type="creating", state=state)])
    [pending] = checkpoints.parse(json.loads(text)).pending
    assert (pending.type, pending.state.inputs) == ("creating", {"x": 1})


def _with_resources(resources: list[Any]) -> dict[str, Any]:
    return {"version": 3, "checkpoint": {"latest": {"resources": resources}}}


def _resource(name: str, **fields: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::shop::a:b:C::{name}", "custom": False, "type": "a:b:C", **fields}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([_resource("a"), _resource("a")], "is there twice"),
        ([_resource("a", parent="urn:pulumi:dev::shop::a:b:C::b")], "refers to .*::b, which does not come before it"),
        ([_resource("a", dependencies=["urn:pulumi:dev::shop::a:b:C::b"])], "does not come before it"),
        ([_resource("a", id="x")], "is no custom resource but has an id"),
        ([{**_resource("a"), "urn": "nonsense"}], "is not a URN"),
        ([_resource("p"), _resource("a", provider="urn:pulumi:dev::shop::a:b:C::p::other")], "unknown provider"),
        ([{"urn": "urn:pulumi:dev::shop::a:b:C::a"}], "damaged"),
        (
            [_resource("a", inputs={"x": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}})],
            "damaged",
        ),
    ],
)
def test_a_state_that_breaks_integrity_is_refused(checkpoints: Checkpoints, resources: list[Any], message: str) -> None:
    """The error names the resource, and says what to do."""
    with pytest.raises(StateError, match=message) as caught:
        checkpoints.parse(_with_resources(resources))
    assert "Restore a backup" in str(caught.value)


@pytest.mark.parametrize("content", [{"version": 4}, {"version": 3, "features": ["refreshBeforeUpdate"]}, {}])
def test_a_newer_format_is_refused(checkpoints: Checkpoints, content: dict[str, Any]) -> None:
    """Better no update than a wrong one."""
    with pytest.raises(StateError, match="its format is not the one"):
        checkpoints.parse(content)


def test_another_passphrase_is_refused(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the CLI's own words."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    with pytest.raises(ConfigError, match="incorrect passphrase"):
        Checkpoints(Crypter(salt_of(content))).parse(content)


def test_what_the_cli_encrypted_is_decrypted_and_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The salt and ciphertext of a real configuration; the passphrase may stand in a file."""
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    (tmp_path / "phrase").write_text("abc\n")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    crypter = Crypter("v1:8sDaNm0NDiE=:v1:/0Kskcmfx7dlO82+:W9oGpDIkRlMWwkTRjWYgWq6Umpzt3g==")
    crypter.verify()
    assert crypter.decrypt("v1:k8n0bLDOQ7oJWWKq:Nse8wXle/NnzBJcKIlxP8pN6NXw3mw==") == "s3cret"
    assert crypter.decrypt(crypter.encrypt("ü")) == "ü"
    with pytest.raises(ConfigError, match="not a ciphertext"):
        crypter.decrypt("nonsense")


@pytest.mark.parametrize("salt", ["v2:8sDaNm0NDiE=:x", "nonsense", "v1:!:x"])
def test_a_damaged_salt_is_refused(salt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "abc")
    with pytest.raises(ConfigError, match="encryptionsalt"):
        Crypter(salt).encrypt("x")


def test_a_missing_passphrase_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both variables are named."""
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    with pytest.raises(ConfigError, match="PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"):
        Crypter.create()
    assert reveal(Secret(1)) == 1
