"""Each policy on what breaks it and on what keeps it."""

import re

import pytest

from policy.inputs import SECRET, UNKNOWN
from policy.judge import EVERY, violations
from policy.resource import BaseImage, Resource
from policy.rules import POLICIES, hidden
from tests.unit.policy.resources import DIGEST, container, network, publishing, volume, with_variables

BREAKS: dict[str, list[tuple[str, Resource]]] = {
    "policy.E001": [
        ("prod", publishing("5432")),
        ("dev", publishing("6379")),
        ("prod", publishing("8080", role="postgres")),
        ("prod", publishing("8080", image="registry.example.com/library/mariadb:11")),
        ("prod", publishing("3306/tcp")),
        ("prod", container(role="postgres", network_mode="host")),
        ("dev", network("data", internal=False)),
    ],
    "policy.E002": [
        ("prod", container(memory_mb=0)),
        ("dev", container(cpus=0)),
        ("dev", container(cpus=0, memory_mb=0)),
    ],
    "policy.E003": [
        ("prod", container(image="redis:8")),
        ("dev", container(image="redis")),
        ("prod", container(image="shop-prod/web:latest")),
        ("prod", container(image="")),
    ],
    "policy.W004": [
        ("prod", BaseImage(name="python:3.13-slim")),
        ("staging", BaseImage(name="python")),
        ("developer-site", BaseImage(name="python:3")),
    ],
    "policy.E005": [
        ("prod", volume(retained=False)),
        ("dev", volume("things", retained=False)),
    ],
    "policy.W006": [
        ("prod", volume(protected=False)),
        ("live", volume("things", protected=False)),
        ("production", volume("postgres-data", protected=False)),
    ],
    "policy.E007": [
        ("prod", with_variables({"PAYMENT_TOKEN": "abc"})),
        ("staging", with_variables({"SMTP_PASSWORD": "abc"})),
        ("prod", with_variables({"DATABASE_URL": "postgres://u:word@host/site"})),
        ("prod", with_variables({"CERT": "-----BEGIN RSA PRIVATE KEY-----"})),
        ("prod", with_variables({"SENTRY_DSN": "https://abc@sentry.example.com/1"})),
        ("prod", with_variables({SECRET: SECRET})),
        ("prod", with_variables({"ANY": SECRET})),
        ("pr-12", with_variables({"AWS_SECRET_ACCESS_KEY": "abc"})),
        ("prod", with_variables({"LOGIN_URL": "https://u:word@host/"})),
    ],
}

KEEPS: list[tuple[str, Resource]] = [
    ("prod", container()),
    ("prod", publishing("8080")),
    ("prod", publishing("54321")),
    ("prod", publishing("8080", image="shop-prod/postgresize:0123456789ab")),
    ("prod", container(network_mode="host")),
    ("prod", container(role="postgres", network_mode="container:abc")),
    ("prod", network("data", internal=True)),
    ("prod", network("edge", internal=False)),
    ("prod", container(memory_mb=0, unknown=frozenset({"memory"}))),
    ("prod", container(image=f"redis:8@{DIGEST}")),
    ("prod", container(image=UNKNOWN)),
    ("prod", BaseImage(name=f"python:3.13@{DIGEST}")),
    ("dev", BaseImage(name="python:3.13")),
    ("dev-anna", BaseImage(name="python:3.13")),
    ("prod", volume()),
    ("prod", volume("sockets", protected=False, retained=False)),
    ("prod", volume("secrets-12", protected=False, retained=False)),
    ("staging", volume(protected=False)),
    ("pr-12", volume(protected=False)),
    ("prod", volume(retained=None)),
    ("dev", with_variables({"PAYMENT_TOKEN": "abc"})),
    ("prod", with_variables({"SECRET_KEY_FILE": "/run/secrets/django_secret_key"})),
    ("prod", with_variables({"PASSWORD_RESET_TIMEOUT": "259200"})),
    ("prod", with_variables({"TOKEN_IN_URL": "false"})),
    ("prod", with_variables({"VAPID_PUBLIC_KEY": "BOr3x"})),
    ("prod", with_variables({"RECAPTCHA_SITE_KEY": "6Lc"})),
    ("prod", with_variables({"PASSWORD_RESET_URL": "https://example.com/reset"})),
    ("prod", with_variables({"TOKEN_PATH": "var/tokens"})),
    ("prod", with_variables({"PAYMENT_TOKEN": ""})),
]


@pytest.mark.parametrize(
    ("policy_id", "stack", "resource"),
    [(policy_id, *case) for policy_id, cases in BREAKS.items() for case in cases],
    ids=str,
)
def test_what_breaks_a_policy_is_found(policy_id: str, stack: str, resource: Resource) -> None:
    """By that policy, once, with what was got."""
    [found] = [each for each in violations([resource], stack) if each.policy.id == policy_id]
    assert re.fullmatch(rf"{policy_id} \w[^:]* \S+: must .+ \(got .+\)\. [A-Z].+", str(found))


@pytest.mark.parametrize(("stack", "resource"), KEEPS, ids=str)
def test_what_keeps_all_policies_is_left_alone(stack: str, resource: Resource) -> None:
    """By all of them."""
    assert violations([resource], stack) == []


def test_every_policy_is_tried() -> None:
    """And none is in the table that is not there."""
    assert list(BREAKS) == [policy.id for policy in POLICIES]


def test_ids_are_told_apart() -> None:
    """By a letter for their level and a number that is never used twice, a team's own ones included."""
    ids = [policy.id for policy in EVERY]
    assert all(re.fullmatch(r"[a-z]+\.[EW]\d{3}", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert {policy.id: policy.level for policy in POLICIES}["policy.W004"] == "warning"


def test_replicas_are_told_once() -> None:
    """By the first of them; containers without a role each by themselves."""
    replicas = [container(name=f"shop-prod-web-{number}", role="web", cpus=0) for number in (1, 2, 3)]
    others = [container(name=f"shop-prod-worker-{number}", cpus=0) for number in (1, 2)]
    told = [str(each).partition(":")[0] for each in violations([*replicas, *others], "prod")]
    assert told == [
        "policy.E002 container shop-prod-web-1 (and 2 like it)",
        "policy.E002 container shop-prod-worker-1",
        "policy.E002 container shop-prod-worker-2",
    ]


def test_no_value_of_a_variable_is_told() -> None:
    """Only its name."""
    value = "https://u:hidden-word@host/"
    assert "hidden-word" not in "".join(map(str, violations([with_variables({"A_TOKEN": value})], "prod")))


def test_what_may_be_a_secret_is_hidden_even_where_it_is_allowed() -> None:
    """A reader of a diff does not have to see it."""
    assert hidden("VAPID_PUBLIC_KEY", "BOr3x")
    assert not hidden("LEVEL", "info")
