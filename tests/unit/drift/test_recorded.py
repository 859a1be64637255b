"""The state that an export has, whole or not."""

import json
from typing import Any

import pytest

from drift import recorded
from drift.errors import DriftError
from tests.unit.drift.deployed import PREFIX, export
from tests.unit.recording import Declarations


def read(text: str) -> recorded.Recorded:
    return recorded.read(text, prefix=PREFIX)


def test_a_state_has_all_that_can_drift(dev: Declarations) -> None:
    """With the limits that only its steps set."""
    state = read(export(dev))
    assert len(state.containers) == len(dev.of("Container"))
    assert len(state.volumes) == len(dev.of("Volume"))
    assert {each.pids for each in state.containers} == {10, 50, 200, 300}
    assert state.release == dev.all["Gunicorn web"].outputs["release"]
    assert len(state.live) == len(state.of_role("web")) > 0


def test_secrets_are_opened_and_not_shown(dev: Declarations) -> None:
    """By no representation of the state, either."""
    state = read(export(dev))
    step = state.step("-write")
    assert step is not None
    secret = json.loads(step.stdin)["django_secret_key"]
    assert len(secret) > 20
    assert secret not in repr(state)


def test_secrets_that_stay_sealed_are_an_error(dev: Declarations) -> None:
    """Without them nothing could be said of files and passwords."""
    sealed = export(dev).replace('"plaintext"', '"ciphertext"')
    with pytest.raises(DriftError, match=r"secrets must be readable \(got ciphertext\)"):
        read(sealed)


@pytest.mark.parametrize("length", [0, 1, 100, 5000, -1])
def test_a_truncated_state_is_an_error_with_a_cure(length: int, dev: Declarations) -> None:
    """Wherever it was cut."""
    with pytest.raises(DriftError, match=r"state: the export must be whole JSON .*stack import"):
        read(export(dev)[:length])


@pytest.mark.parametrize(
    "text", ["{}", "[]", "null", '{"deployment": null}', '{"deployment": []}', '{"deployment": {"resources": []}}']
)
def test_a_stack_without_resources_is_not_deployed(text: str) -> None:
    """So there is nothing to compare with."""
    with pytest.raises(DriftError, match=r"must be deployed .*\./pulumiw up first"):
        read(text)


@pytest.mark.parametrize(
    "resources",
    [
        [1],
        [{"type": "docker:index/container:Container"}],
        [{"type": "docker:index/container:Container", "inputs": None, "urn": "a::b"}],
        [{"type": "command:local:Command", "inputs": {"environment": 5}, "urn": "a::b"}],
    ],
)
def test_a_state_with_broken_resources_is_an_error(resources: list[Any]) -> None:
    """And no traceback."""
    with pytest.raises(DriftError, match="state: every resource must be whole"):
        read(json.dumps({"deployment": {"resources": resources}}))


@pytest.mark.parametrize("name", ["--privileged", "", "a b", "a\nb", "x|`<b>", "\u202eevil", 5, None])
def test_a_name_that_docker_does_not_allow_is_refused(name: Any, dev: Declarations) -> None:
    """It would become a word of a docker command."""
    content = json.loads(export(dev))
    container = next(each for each in content["deployment"]["resources"] if "container:" in each["type"])
    container["inputs"]["name"] = name
    with pytest.raises(DriftError, match="state: names must be of letters"):
        read(json.dumps(content))


def test_operations_that_were_cut_off_are_told(dev: Declarations) -> None:
    """An update was killed in them."""
    pending = [{"type": "creating", "resource": {"urn": "urn:pulumi:dev::shop::x:y:Z::web-1"}}]
    assert read(export(dev, pending_operations=pending)).cut_off == ["creating web-1"]


def test_what_waits_to_be_deleted_is_not_compared(dev: Declarations) -> None:
    """Its successor is."""
    content = json.loads(export(dev))
    resources = content["deployment"]["resources"]
    old = next(each for each in resources if "container:" in each["type"])
    resources.append({**old, "delete": True, "id": "old"})
    assert len(read(json.dumps(content)).containers) == len(dev.of("Container"))
