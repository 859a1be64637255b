"""The policy pack in an environment of its own, tried with the types of Pulumi's library for packs, without a CLI."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from policy.judge import EVERY
from tests.sample.hosted import virtual_environment

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policy-pack"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "API_TOKEN=abc"}


def case(kind: str, name: str, inputs: dict[str, Any], *, protect: bool = True, stack: str = "prod") -> dict[str, Any]:
    """One resource as an analyzer is told it."""
    token = f"docker:index/{kind[0].lower()}{kind[1:]}:{kind}"
    return {"type": token, "name": name, "inputs": inputs, "protect": protect, "stack": stack}


def container(name: str, **changes: Any) -> dict[str, Any]:
    """A container that keeps all policies, unless changed."""
    kept = {"name": f"shop-prod-{name}", "image": "shop-prod/web:0123456789ab", "memory": 64, "cpus": "0.5"}
    return case("Container", name, {**kept, **changes})


def judged(*cases: dict[str, Any]) -> list[list[str]]:
    """What the pack reports: resource, policy, level, text."""
    command = [
        virtual_environment(PACK / "requirements.txt"),
        Path(__file__).with_name("exam.py"),
        PACK / "__main__.py",
    ]
    done = subprocess.run(command, input=json.dumps(cases), text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    reports: list[list[str]] = json.loads(done.stdout)
    return reports


def test_the_pack_reports_what_the_program_would_refuse() -> None:
    """By the same ids; what only warns there advises here."""
    reports = judged(
        container("open", ports=[{"internal": 5432, "external": 15432, "ip": "0.0.0.0"}]),  # noqa: S104 - refused
        container("endless", memory=None),
        container("loose", image="redis:8"),
        container("told", envs=["A=1", SECRET]),
        case("RemoteImage", "base", {"name": "python:3.13"}),
        case("Volume", "things", {"name": "shop-prod-things"}, protect=False),
        case("Network", "data", {"name": "shop-prod-data"}),
    )
    assert [report[:3] for report in reports] == [
        ["open", "policy.E001", "mandatory"],
        ["endless", "policy.E002", "mandatory"],
        ["loose", "policy.E003", "mandatory"],
        ["told", "policy.E007", "mandatory"],
        ["base", "policy.W004", "advisory"],
        ["things", "policy.W006", "advisory"],
        ["data", "policy.E001", "mandatory"],
    ]
    assert reports[1][3] == (
        "container shop-prod-endless: must have limits of memory and CPU (got no memory). Set its memory and cpus."
    )
    assert "(got 0.0.0.0:15432 to 5432)" in reports[0][3]
    assert "abc" not in str(reports)


def test_the_pack_leaves_alone_what_keeps_the_policies() -> None:
    """And what is not known before the update, and what belongs to other providers."""
    random = {**case("Volume", "password", {"length": 20}), "type": "random:index/randomPassword:RandomPassword"}
    assert (
        judged(
            container("fine", envs=["A=1"], labels=[{"label": "a", "value": "b"}]),
            container("later", image=UNKNOWN, memory=UNKNOWN, envs=[UNKNOWN], networkMode=UNKNOWN),
            case("Volume", "media", {"name": "shop-prod-media"}),
            case("Network", "later", {"name": "shop-prod-data", "internal": "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"}),
            random,
        )
        == []
    )


def test_the_pack_is_one_that_the_cli_starts() -> None:
    """A project file with a runtime, and every policy in it, a team's own ones included."""
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["runtime"]["name"] == "python"
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert len(EVERY) >= 7
