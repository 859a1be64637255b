"""Dev, staging and prod side by side on one engine, and what of a stack outlives it."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.deployment import PASSPHRASE, Clone, Deployment, make_clone, server_stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that this module may edit."""
    return make_clone(tmp_path_factory.mktemp("environments") / "clone", "env")


@pytest.fixture(scope="module")
def three(own_clone: Clone) -> Iterator[dict[str, Deployment]]:
    """The three environments, up at the same time."""
    dev = Deployment(clone=own_clone, stack="dev", port=18081)
    dev.erase()
    dev.set(httpPort="18081")
    servers = {name: server_stack(own_clone, name, port=port) for name, port in (("staging", 18082), ("prod", 18083))}
    stacks = {"dev": dev, **servers}
    for stack in stacks.values():
        stack.up()
    yield stacks
    stacks["prod"].set(protectData="false")
    stacks["prod"].up()
    for stack in stacks.values():
        stack.pulumi("destroy", "--yes")
        stack.erase()


def test_three_environments_answer_side_by_side(three: dict[str, Deployment]) -> None:
    """Each answers at its own address and name, with its own release."""
    assert {name: stack.get("/health/").status_code for name, stack in three.items()} == {
        "dev": 200,
        "staging": 200,
        "prod": 200,
    }
    releases = {stack.pulumi("stack", "output", "release").stdout.strip() for stack in three.values()}
    assert len(releases) == 3


def test_they_share_no_data_and_no_network(three: dict[str, Deployment]) -> None:
    """What is written in one is not in another, and their networks are apart."""
    three["dev"].sql("CREATE TABLE only_in_dev (id int)")
    assert three["staging"].sql("SELECT to_regclass('only_in_dev')") == ""
    networks = [
        frozenset(container.attrs["NetworkSettings"]["Networks"])
        for stack in three.values()
        for container in stack.containers("postgres")
    ]
    assert len(set(networks)) == 3


def test_code_change_deployed_in_one_shows_no_step_in_another_that_is_not_deployed(
    three: dict[str, Deployment],
) -> None:
    """Deploying a change to dev leaves the containers of staging and prod as they are."""
    before = {name: three[name].ids() for name in ("staging", "prod")}
    three["dev"].set(environment='{"GREETING": "hello"}')
    three["dev"].up()
    for name in ("staging", "prod"):
        three[name].pulumi("preview", "--expect-no-changes")
        assert three[name].ids() == before[name]


def test_prod_refuses_to_destroy_its_data_and_says_what_would_allow_it(three: dict[str, Deployment]) -> None:
    """A destroy of prod fails before anything is touched, and names the protection."""
    before = three["prod"].ids()
    refused = three["prod"].pulumi("destroy", "--yes", check=False)
    assert refused.returncode != 0
    assert "protect" in refused.stdout + refused.stderr
    assert three["prod"].ids() == before
    assert three["prod"].get("/health/").status_code == 200


def test_preview_of_prod_on_a_clean_clone_needs_only_a_passphrase(tmp_path: Path) -> None:
    """Reviewing a change to production needs neither its secrets nor its state."""
    clone = make_clone(tmp_path / "clone", "fresh")
    prod = Deployment(clone=clone, stack="prod", port=80, environment=PASSPHRASE)
    previewed = prod.pulumi("preview")
    assert "to create" in previewed.stdout
    assert not prod.containers()


def test_data_outlives_a_destroy_and_a_new_clone(tmp_path: Path) -> None:
    """Destroy, delete the clone, clone again, up: the site runs with the data that was there."""
    first = Deployment(clone=make_clone(tmp_path / "first", "again"), stack="dev", port=18084)
    first.erase()
    first.set(httpPort="18084", webReplicas="1")
    first.up()
    first.sql("CREATE TABLE remembered AS SELECT 42 AS answer")
    first.pulumi("destroy", "--yes")
    assert first.containers() == []
    kept = {volume.name for volume in docker.from_env().volumes.list(filters={"label": "django-stack.stack=again-dev"})}
    assert kept == {"again-dev-postgres-data", "again-dev-media", "again-dev-ledger"}
    second = Deployment(clone=make_clone(tmp_path / "second", "again"), stack="dev", port=18084)
    second.set(httpPort="18084", webReplicas="1")
    second.up()
    assert second.sql("SELECT answer FROM remembered") == "42"
    assert second.get("/health/").status_code == 200
    second.pulumi("destroy", "--yes")
    second.erase()
