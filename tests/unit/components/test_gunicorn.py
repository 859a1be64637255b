"""The replicas: what is in a release, and so in its name."""

import dataclasses
from typing import Any

import pytest

import config_schema
from components.container import Logs, Placement, spec_hash
from components.gunicorn import Gunicorn, GunicornArgs, _spec
from components.postgres import Postgres, PostgresArgs
from components.sizing import Limits
from components.volume import SiteVolumes, SiteVolumesArgs
from tests.unit.recording import Declarations, record

PLACEMENT = Placement(prefix="shop-prod")

ARGS: dict[str, Any] = {
    "placement": PLACEMENT,
    "image": "shop-prod/web:0123456789ab",
    "edge_network": "shop-prod-edge",
    "data_network": "shop-prod-data",
    "secrets_volume": "shop-prod-secrets-1",
    "django_settings_module": "shop.settings",
    "wsgi_application": "shop.wsgi:application",
    "hosts": ("www.example.com", "example.com"),
    "health_path": "/health/",
    "environment": {"A": "b"},
    "release_commands": ("python manage.py seed",),
    "replicas": 3,
    "limits": Limits(cpus=1.5, memory_mb=400, pids=99),
    "workers": 3,
    "threads": 4,
    "request_timeout_seconds": 30,
    "drain_timeout_seconds": 40,
}

IN_THE_RELEASE: dict[str, Any] = {
    "placement": Placement(prefix="shop-prod", logs=Logs(max_files=9)),
    "image": "shop-prod/web:ba9876543210",
    "edge_network": "other",
    "data_network": "other",
    "secrets_volume": "shop-prod-secrets-2",
    "django_settings_module": "shop.other",
    "wsgi_application": "shop.other:application",
    "hosts": ("www.example.com",),
    "health_path": "/up/",
    "environment": {"A": "c"},
    "limits": Limits(cpus=1.5, memory_mb=400, pids=100),
    "workers": 2,
    "threads": 5,
    "request_timeout_seconds": 31,
    "drain_timeout_seconds": 41,
}
"""Another value for every argument that is in the containers."""

NOT_IN_THE_RELEASE: dict[str, Any] = {
    "placement": Placement(prefix="shop-prod", docker_host="ssh://server", platform="linux/arm64"),
    "replicas": 5,
    "release_commands": (),
}


def declare(**changes: Any) -> Declarations:
    """A release with these arguments changed, and what it stands on."""

    def program() -> None:
        Gunicorn("web", GunicornArgs(**ARGS | _around() | changes))

    return record(program)


def _around() -> dict[str, Any]:
    postgres = PostgresArgs(
        placement=PLACEMENT,
        image="shop-prod/postgres:1",
        images_from="registry",
        network="shop-prod-data",
        limits=Limits(cpus=1, memory_mb=512, pids=100),
        password="unused",
        secrets_version=1,
    )
    return {
        "postgres": Postgres("postgres", postgres),
        "volumes": SiteVolumes("volumes", SiteVolumesArgs(placement=PLACEMENT)),
    }


def release(declarations: Declarations) -> str:
    """The release's name, which is its hash."""
    return str(declarations.all["Gunicorn web"].outputs["release"])


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """A release of three replicas."""
    return declare()


@pytest.fixture(scope="module")
def releases() -> dict[str, str]:
    """The release's name for every change of one argument, and for none under an empty name."""
    names: dict[str, str] = {}

    def program() -> None:
        around = _around()
        for key, value in {"": None, **IN_THE_RELEASE}.items():
            names[key] = spec_hash(_spec(GunicornArgs(**ARGS | around | ({key: value} if key else {}))))

    record(program)
    return names


def test_every_argument_is_either_in_the_release_or_not() -> None:
    """An argument that is added is added to one of the lists; PostgreSQL and the volumes are what they are."""
    names = {field.name for field in dataclasses.fields(GunicornArgs)}
    assert names == IN_THE_RELEASE.keys() | NOT_IN_THE_RELEASE.keys() | {"postgres", "volumes"}


@pytest.mark.parametrize("name", IN_THE_RELEASE)
def test_what_is_in_the_containers_makes_a_new_release(name: str, releases: dict[str, str]) -> None:
    """Containers of a new release start beside the old ones, whatever it is that differs."""
    assert releases[name] != releases[""]


def test_every_change_is_a_release_of_its_own(releases: dict[str, str]) -> None:
    """No two of them have one name."""
    assert len(set(releases.values())) == len(IN_THE_RELEASE) + 1


@pytest.mark.parametrize("name", NOT_IN_THE_RELEASE)
def test_what_is_not_in_the_containers_is_the_same_release(name: str, declared: Declarations) -> None:
    """More replicas are more of the same; a way to the server is not in a container."""
    assert release(declare(**{name: NOT_IN_THE_RELEASE[name]})) == release(declared)


def test_the_release_names_its_containers_and_sockets(declared: Declarations) -> None:
    """Old and new never meet under one name, in Pulumi, on the engine, or in the sockets volume."""
    name = release(declared)
    containers = [each for each in declared.of("Container") if each.name.startswith("web-")]
    assert [each.name for each in containers] == [f"web-{name}-{replica}" for replica in (1, 2, 3)]
    assert [each.inputs["name"] for each in containers] == [f"shop-prod-web-{name}-{replica}" for replica in (1, 2, 3)]
    assert declared.all["Gunicorn web"].outputs["sockets"] == [f"/run/web/{name}-{n}.sock" for n in (1, 2, 3)]


def test_replicas_differ_in_their_names_alone(declared: Declarations) -> None:
    """In the container's, in REPLICA and in the socket."""
    one, other = [each.inputs for each in declared.of("Container") if each.name.startswith("web-")][:2]
    assert {key for key in one if one[key] != other[key]} == {"name", "envs"}
    assert {env.partition("=")[0] for env in set(one["envs"]) ^ set(other["envs"])} == {"REPLICA", "GUNICORN_SOCKET"}


def test_replicas_start_after_static_files_and_migrations(declared: Declarations) -> None:
    """A release that cannot migrate never starts."""
    for container in declared.of("Container"):
        if container.name.startswith("web-"):
            assert container.depends_on == ("Command web-migrate", "Command web-static")


def test_migrations_run_in_the_new_image_and_reach_the_database_alone(declared: Declarations) -> None:
    """With the site's own settings, hardened like a replica, and with the release commands after them."""
    command = declared.all["Command web-migrate"].inputs["create"]
    assert command.startswith("docker run --rm --pull=never --name=shop-prod-migrate ")
    assert " --network=shop-prod-data " in command
    assert "shop-prod-edge" not in command
    assert command.endswith(
        " shop-prod/web:0123456789ab sh -ec 'python manage.py migrate --noinput\npython manage.py seed'"
    )


def test_static_files_are_added_to_those_that_are_there(declared: Declarations) -> None:
    """Without a network, and without replacing a file that a page of the release before still asks for."""
    command = declared.all["Command web-static"].inputs["create"]
    assert " --network=none " in command
    assert command.endswith(" shop-prod/web:0123456789ab cp -R --update=none /srv/static/. /srv/published")


def test_a_replica_stops_after_its_requests_have_had_their_time(declared: Declarations) -> None:
    """SIGTERM lets Gunicorn finish; the kill comes five seconds after the drain time."""
    container = next(each for each in declared.of("Container") if each.name.startswith("web-"))
    assert (container.inputs["stopSignal"], container.inputs["stopTimeout"]) == ("SIGTERM", 45)


def test_the_sites_own_environment_cannot_override_the_stacks(declared: Declarations) -> None:
    """Every name that the stack sets is refused in the config, and wins if it got through."""
    spec_names = {"RELEASE", "REPLICA", "GUNICORN_SOCKET"}
    for container in declared.of("Container"):
        if container.name.startswith("web-"):
            spec_names |= {env.partition("=")[0] for env in container.inputs["envs"]} - {"A"}
    refused = {name for name in spec_names if config_schema.RULES["environment"].broken({name: "x"})}
    assert refused == spec_names
    texts: list[str] = []

    def program() -> None:
        args = GunicornArgs(**ARGS | _around() | {"environment": {"DATABASE_HOST": "elsewhere"}})
        texts.append(_spec(args).env["DATABASE_HOST"])

    record(program)
    assert texts == ["postgres"]
