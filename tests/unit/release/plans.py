"""A plan for tests: release `bbbbbbbbbb` of two replicas, after `aaaaaaaaaa`."""

import dataclasses
from typing import Any

from release.plan import Plan, Probes, Strategy
from tests.unit.release.fake_docker import FakeContainer

OLD, NEW = "aaaaaaaaaa", "bbbbbbbbbb"
NGINX = "shop-prod-nginx-1111111111"

PLAN = Plan(
    prefix="shop-prod",
    release=NEW,
    replicas=(f"shop-prod-web-{NEW}-1", f"shop-prod-web-{NEW}-2"),
    sockets=(f"/run/web/{NEW}-1.sock", f"/run/web/{NEW}-2.sock"),
    nginx=NGINX,
    edge="eeeeeeeeee",
    tools=("docker", "run", "--detach", "--name=shop-prod-tools", "shop-prod/python:1"),
    probes=Probes(host="www.example.com", health_path="/health/", gate_paths=("/", "/about/")),
    strategy=Strategy(),
    start_seconds=60,
    drain_seconds=30,
    long_seconds=90,
    stop_seconds=35,
    bake_seconds=30,
    keep=2,
    source="../site",
    record={"image": "shop-prod/web:2", "secrets_volume": "shop-prod-secrets-1", "spec": {"a": 1}, "pinned": False},
)


def plan(**changes: Any) -> Plan:
    """The plan with these changes."""
    return dataclasses.replace(PLAN, **changes)


def replicas(release: str, count: int, **changes: Any) -> list[FakeContainer]:
    """So many web containers of a release."""
    names = [f"shop-prod-web-{release}-{number}" for number in range(1, count + 1)]
    return [FakeContainer(name=name, labels={"django-stack.release": release}, **changes) for name in names]


def nginx(name: str = NGINX, **changes: Any) -> FakeContainer:
    """An Nginx."""
    return FakeContainer(name=name, role="nginx", **changes)
