"""The config of a pull request's environment: what it takes over, what is its own, and what it says of its number."""

from typing import Any

import pytest
import yaml

from operations.pull_request_config import filled, made_of, stack_name, text_of
from tests.unit.program import committed, load_settings

SECRET = {"secure": "v1:own"}
OTHERS = {"secure": "v1:staging's"}


def made(*layers: dict[str, Any], number: int = 12, kept: dict[str, Any] | None = None, **more: str) -> dict[str, Any]:
    """Of these layers, keys without the project's name."""
    full = [{f"shop:{key}": value for key, value in layer.items()} for layer in (*layers, kept or {})]
    found = made_of(*full[:-1], number=number, project="shop", kept=full[-1], **more)
    return {key.removeprefix("shop:"): value for key, value in found.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("pr-{number}.example.com", "pr-12.example.com"),
        ("{number}", 12),
        ("{20000+number}", 20012),
        ("a {number} and {1+number}", "a 12 and 13"),
        (["{number}", {"A": "of {number}"}], [12, {"A": "of 12"}]),
        ("{name} {-1+number} {number+1} 7", "{name} {-1+number} {number+1} 7"),
        ("0012", "0012"),
        (True, True),
        (3, 3),
    ],
)
def test_a_number_is_filled_in_wherever_a_text_has_a_place_for_it(value: Any, expected: Any) -> None:
    """By itself or added to another; what is something else stays."""
    assert filled(value, 12) == expected


def test_the_template_lies_over_the_stack_that_it_takes_after() -> None:
    """Key by key."""
    found = made({"webReplicas": 4, "healthPath": "/up/"}, {"webReplicas": 1, "httpPort": "{9000+number}"})
    assert (found["webReplicas"], found["healthPath"], found["httpPort"]) == (1, "/up/", 9012)


def test_no_secret_and_no_pin_of_another_stack_is_taken_over() -> None:
    """Each environment has its own."""
    staging = {"djangoSecretKey": OTHERS, "databasePassword": OTHERS, "pinnedRelease": "{}", "secretsVersion": 7}
    assert made(staging, {"siteHosts": ["a"]}).keys() == {"siteHosts", "protectData", "startAtBoot"}


def test_its_own_secrets_are_kept_and_all_else_is_made_anew() -> None:
    """So every clone makes the same config of the same templates."""
    kept = {"djangoSecretKey": SECRET, "secretsVersion": 2, "webReplicas": 9, "environment": {"A": "by hand"}}
    found = made({"webReplicas": 1}, kept=kept)
    assert (found["djangoSecretKey"], found["secretsVersion"], found["webReplicas"]) == (SECRET, 2, 1)
    assert "environment" not in found


def test_images_come_from_where_its_data_was_made_with() -> None:
    """Unless the template says; a clone that has no config of it asks the data."""
    assert made({}, images_from="debian", kept={"imagesFrom": "registry"})["imagesFrom"] == "debian"
    assert made({}, kept={"imagesFrom": "debian"})["imagesFrom"] == "debian"
    assert made({"imagesFrom": "registry"}, images_from="debian")["imagesFrom"] == "registry"
    assert "imagesFrom" not in made({})


def test_its_data_can_always_be_taken_away() -> None:
    """Whatever a template says; and no server starts at boot what is gone."""
    found = made({"protectData": True, "startAtBoot": True})
    assert (found["protectData"], found["startAtBoot"]) == (False, False)


def test_the_file_keeps_its_salt_and_says_that_it_is_made() -> None:
    """Whoever edits it is told where to do so."""
    text = text_of({"shop:a": 1}, number=12, before="encryptionsalt: v1:x\nconfig:\n  shop:b: 2\n")
    assert text.splitlines()[0].endswith("change Pulumi.pr.yaml instead.")
    assert yaml.safe_load(text) == {"encryptionsalt": "v1:x", "config": {"shop:a": 1}}


def test_the_committed_template_makes_small_environments_that_meet_nowhere() -> None:
    """Alone, and over every committed stack; with a port, a host name and data of their own."""
    for base in ({}, committed("staging"), committed("prod")):
        found = [
            load_settings(made(base, committed("pr"), number=number), stack=stack_name(number)) for number in (12, 13)
        ]
        assert [each.site.url for each in found] == ["http://pr-12.example.com:20012", "http://pr-13.example.com:20013"]
        assert {each.web.replicas for each in found} == {1}
        assert {each.site.https_port for each in found} == {0}
        assert found[0].seed.commands
        smaller = load_settings(committed("staging"), stack="staging")
        assert found[0].web.limits.memory_mb < smaller.web.limits.memory_mb
        assert found[0].postgres.limits.memory_mb < smaller.postgres.limits.memory_mb
