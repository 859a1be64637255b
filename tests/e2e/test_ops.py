"""./ops on the real thing: a stack that is up, a port that is taken, and an engine that encrypts."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.deployment import PASSPHRASE, ROOT, Clone, Deployment

pytestmark = pytest.mark.e2e


def doctor(clone: Clone, stack: str, code: int) -> dict[str, Any]:
    """`./ops doctor --json`, which ends with this exit code."""
    done = clone.run("./ops", "doctor", "--stack", stack, "--json")
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return dict(json.loads(done.stdout))


def test_the_doctor_finds_nothing_wrong_with_a_stack_that_is_up(dev: Deployment) -> None:
    """Its ports are taken, and by itself."""
    found = doctor(dev.clone, "dev", 0)
    assert found["ports"] == {f"127.0.0.1:{dev.port}": f"container {dev.prefix}-edge"}
    assert {check["status"] for check in found["checks"]} <= {"ok", "warning"}
    assert found["server"]["cpus"] == os.cpu_count()


def test_the_doctor_names_who_holds_a_port(dev: Deployment) -> None:
    """The same port in another stack, and the container that has it."""
    config = dev.clone.path / "Pulumi.staging.yaml"
    before = config.read_text()
    own = {"httpPort": dev.port, "publishAddress": "127.0.0.1"}
    secrets = {key: {"secure": "v1:x"} for key in ("djangoSecretKey", "databasePassword")}
    lines = [f"  {dev.clone.project}:{key}: {json.dumps(value)}\n" for key, value in {**own, **secrets}.items()]
    try:
        config.write_text(before + "".join(lines))
        found = doctor(dev.clone, "staging", 1)
    finally:
        config.write_text(before)
    texts = [finding["text"] for finding in found["findings"] if finding["id"] == "host.E005"]
    assert texts == [f"httpPort: 127.0.0.1:{dev.port} must be free (got container {dev.prefix}-edge on it)."]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder with a prod stack that nobody has created yet."""
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(folder: Path, program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of this clone, on the prod stack of `folder`."""
    own = {"HOME": str(folder), "PULUMI_HOME": str(folder / "home"), **PASSPHRASE, **environment}
    return subprocess.run(
        [str(ROOT / program), *words, "--stack", "prod"],
        cwd=folder,
        env=os.environ | own,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


def secret(folder: Path, key: str) -> str:
    """What the engine decrypts."""
    done = run(folder, "pulumiw", "config", "get", key)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_secrets_are_made_for_a_new_stack_kept_and_replaced(folder: Path) -> None:
    """Encrypted with the stack's passphrase; a second call changes nothing; a replacement is a new version."""
    made = run(folder, "ops", "secrets", "create")
    assert made.returncode == 0, made.stderr
    config = yaml.safe_load((folder / "Pulumi.prod.yaml").read_text())
    assert config["encryptionsalt"].startswith("v1:")
    assert config["config"]["django-stack:djangoSecretKey"].keys() == {"secure"}
    first = secret(folder, "databasePassword")
    assert len(first) == 64
    assert first not in made.stdout + made.stderr + (folder / "Pulumi.prod.yaml").read_text()

    again = run(folder, "ops", "secrets", "create")
    assert (again.returncode, "are set already. Add --replace" in again.stderr) == (1, True)
    assert secret(folder, "databasePassword") == first

    replaced = run(folder, "ops", "secrets", "create", "--replace")
    assert replaced.returncode == 0, replaced.stderr
    assert secret(folder, "databasePassword") != first
    assert secret(folder, "secretsVersion") == "2"


def test_a_wrong_passphrase_replaces_nothing(folder: Path) -> None:
    """The secrets stay what they were, and so does their version."""
    run(folder, "ops", "secrets", "create")
    before = yaml.safe_load((folder / "Pulumi.prod.yaml").read_text())
    refused = run(folder, "ops", "secrets", "create", "--replace", PULUMI_CONFIG_PASSPHRASE="another")
    assert refused.returncode == 1
    assert "incorrect passphrase" in refused.stderr
    after = yaml.safe_load((folder / "Pulumi.prod.yaml").read_text())
    assert after["config"].pop("django-stack:secretsVersion") == 1
    assert after == before
