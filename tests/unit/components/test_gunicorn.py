"""The replicas: what is in a release, and so in its name, and in which order it starts."""

import dataclasses
import json
import re
from typing import Any

import pytest

import config_schema
from components.gunicorn import Gunicorn, GunicornArgs, _spec
from components.pinned import Pinned, PinnedError
from components.seed import Seed
from components.sizing import Limits
from components.spec import Logs, Placement, record_of, spec_hash
from release.plan import Plan, Strategy, read
from tests.unit.components.around import GUNICORN, around
from tests.unit.recording import Declarations, Declared, record

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
    "start_timeout_seconds": 51,
    "drain_timeout_seconds": 41,
}
"""Another value for every argument that is in the containers."""

COMMANDS = "856007aa4d"
"""Tells these release commands from others."""

NOT_IN_THE_RELEASE: dict[str, Any] = {
    "placement": Placement(prefix="shop-prod", docker_host="ssh://server", platform="linux/arm64", python="python3"),
    "replicas": 5,
    "release_commands": (),
    "seed": Seed(image="shop-prod/postgres:1", commands=("true",)),
    "lock_timeout_seconds": 5.0,
    "parallel_starts": 2,
}


def declare(rollout: dict[str, Any] | None = None, **changes: Any) -> Declarations:
    """A release with these arguments changed, and what it stands on."""
    return record(lambda: Gunicorn("web", GunicornArgs(**GUNICORN | around(**rollout or {}) | changes)))


def specs_and_plans(*changes: dict[str, Any], **rollout: Any) -> list[tuple[str, dict[str, Any], Plan]]:
    """For each change of arguments: the release that its config makes, that one's record, and the plan."""
    found: list[tuple[str, dict[str, Any], Plan]] = []

    def program() -> None:
        given = around(**rollout)
        for number, change in enumerate(changes):
            args = GunicornArgs(**GUNICORN | given | change)
            template = _spec(args)
            found.append((spec_hash(template), record_of(template), Gunicorn(f"web{number}", args).plan))

    record(program)
    return found


def release(declarations: Declarations) -> str:
    """The release's name, which is its hash."""
    return str(declarations.all["Gunicorn web"].outputs["release"])


def replicas(declarations: Declarations) -> list[Declared]:
    """The web containers."""
    return [each for each in declarations.of("Container") if each.name.startswith("web-")]


def without_database(declared: Declared) -> tuple[str, ...]:
    """What it waits for, beside PostgreSQL and its steps."""
    return tuple(each for each in declared.depends_on if "postgres" not in each)


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """A release of three replicas."""
    return declare()


@pytest.fixture(scope="module")
def releases() -> dict[str, str]:
    """The release's name for every change of one argument, and for none under an empty name."""
    names: dict[str, str] = {}

    def program() -> None:
        given = around()
        for key, value in {"": None, **IN_THE_RELEASE}.items():
            names[key] = spec_hash(_spec(GunicornArgs(**GUNICORN | given | ({key: value} if key else {}))))

    record(program)
    return names


def test_every_argument_is_either_in_the_release_or_not() -> None:
    """An argument that is added is added to one of the lists; the components that it is given are what they are."""
    names = {field.name for field in dataclasses.fields(GunicornArgs)}
    given = {"postgres", "volumes", "rollout", "pinned", "built"}
    assert names == IN_THE_RELEASE.keys() | NOT_IN_THE_RELEASE.keys() | given


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


@pytest.mark.parametrize(
    "change", [{"bake_seconds": 0}, {"strategy": Strategy(kind="canary")}, {"keep": 9}, {"long_timeout_seconds": 5}]
)
def test_how_a_release_goes_live_is_not_in_it(change: dict[str, Any], declared: Declarations) -> None:
    """The same release may be tried again in another way."""
    assert release(declare(change)) == release(declared)


def test_the_release_names_its_containers_and_sockets(declared: Declarations) -> None:
    """Old and new never meet under one name, in Pulumi, on the engine, or in the sockets volume."""
    name = release(declared)
    assert [each.name for each in replicas(declared)] == [f"web-{name}-{replica}" for replica in (1, 2, 3)]
    names = [each.inputs["name"] for each in replicas(declared)]
    assert names == [f"shop-prod-web-{name}-{replica}" for replica in (1, 2, 3)]
    assert declared.all["Gunicorn web"].outputs["sockets"] == [f"/run/web/{name}-{n}.sock" for n in (1, 2, 3)]


def test_replicas_differ_in_their_names_alone(declared: Declarations) -> None:
    """In the container's, in REPLICA and in the socket."""
    one, other = [each.inputs for each in replicas(declared)][:2]
    assert {key for key in one if one[key] != other[key]} == {"name", "envs"}
    assert {env.partition("=")[0] for env in set(one["envs"]) ^ set(other["envs"])} == {"REPLICA", "GUNICORN_SOCKET"}


# The order


def test_replicas_start_after_migrations(declared: Declarations) -> None:
    """A release that cannot migrate never starts. Static files may be published, and release commands run, beside."""
    for container in replicas(declared):
        assert container.depends_on == ("Command web-clear", "Command web-migrate")


def test_what_failed_before_is_cleared_away_first(declared: Declarations) -> None:
    """So that failures do not pile up; for each release anew."""
    assert declared.all["Command web-clear"].inputs["create"] == (
        f".venv/bin/python -m release clear shop-prod --release={release(declared)} --image=shop-prod/web:0123456789ab"
    )
    for step in ("web-migrate", "web-static"):
        assert without_database(declared.all[f"Command {step}"]) == ("Command web-clear",)


def test_only_what_needs_the_database_waits_for_it(declared: Declarations) -> None:
    """Static files are published while it starts."""
    assert "Command postgres-ready" in declared.all["Command web-migrate"].depends_on
    for step in ("web-clear", "web-static", "web-prepare"):
        assert not any("postgres" in other for other in declared.all[f"Command {step}"].depends_on)


def test_migrations_run_in_the_new_image_and_reach_the_database_alone(declared: Declarations) -> None:
    """With the site's own settings, hardened like a replica, and with the release commands after them."""
    command = declared.all["Command web-migrate"].inputs["create"]
    assert command.startswith(
        f".venv/bin/python -m release migrate --of shop-prod {release(declared)} --image=shop-prod/web:0123456789ab"
        f" --postgres=shop-prod-postgres --database=site --commands={COMMANDS}"
        " -- docker run --rm --pull=never --name=shop-prod-migrate "
    )
    assert " --network=shop-prod-data " in command
    assert "shop-prod-edge" not in command
    assert command.endswith(
        " shop-prod/web:0123456789ab python /opt/stack/migrate.py --lock-timeout=2 -- 'python manage.py seed'"
    )


def test_what_has_not_been_migrated_before_the_start_is_beside_it(declared: Declarations) -> None:
    """The very same run, which the first step may have left to it; the ledger has what either says."""
    first, second = (declared.all[f"Command web-{step}"] for step in ("migrate", "release-phase"))
    run = first.inputs["create"].partition(" -- docker run")[2]
    whose = f"--of shop-prod {release(declared)}"
    assert second.inputs["create"] == f".venv/bin/python -m release once {whose} -- docker run{run}"
    assert second.depends_on[-1] == "Command web-migrate"
    assert set(second.inputs["environment"]) == {"RELEASE_MIGRATED"}


def test_other_release_commands_run_before_the_start() -> None:
    """Their hash is told, as what they were before is."""
    commands = {
        re.findall(r"--commands=(\S+)", declare(release_commands=words).all["Command web-migrate"].inputs["create"])[0]
        for words in ((), ("python manage.py seed",), ("python manage.py seed", "true"))
    }
    assert len(commands) == 3


def test_a_migration_waits_for_a_lock_as_long_as_it_is_told() -> None:
    """In the fewest digits."""
    command = declare(lock_timeout_seconds=0.5).all["Command web-migrate"].inputs["create"]
    assert "migrate.py --lock-timeout=0.5 " in command


def test_static_files_are_added_to_those_that_are_there(declared: Declarations) -> None:
    """Without a network; the ledger says which releases are kept, and is read only."""
    command = declared.all["Command web-static"].inputs["create"]
    assert " --network=none " in command
    assert " --volume=shop-prod-ledger:/var/lib/ledger:ro " in command
    image = "shop-prod/web:0123456789ab"
    assert command.endswith(f" {image} python3 /opt/stack/publish_static.py --image={image} --keep=4")


def test_a_replica_stops_after_its_requests_have_had_their_time(declared: Declarations) -> None:
    """SIGTERM lets Gunicorn finish; the kill comes five seconds after the drain time."""
    for container in replicas(declared):
        assert (container.inputs["stopSignal"], container.inputs["stopTimeout"]) == ("SIGTERM", 45)


def test_the_sites_own_environment_cannot_override_the_stacks(declared: Declarations) -> None:
    """Every name that the stack sets is refused in the config, and wins if it got through."""
    names = {env.partition("=")[0] for container in replicas(declared) for env in container.inputs["envs"]} - {"A"}
    assert {"RELEASE", "REPLICA", "GUNICORN_SOCKET"} <= names
    assert {name for name in names if config_schema.RULES["environment"].broken({name: "x"})} == names
    container = replicas(declare(environment={"DATABASE_HOST": "elsewhere"}))[0]
    assert "DATABASE_HOST=postgres" in container.inputs["envs"]


def test_only_so_many_replicas_start_at_a_time() -> None:
    """The next one starts when one of those before it is healthy; too many at once would all be late."""
    declarations = declare(replicas=5, parallel_starts=2)
    name = release(declarations)
    waits = {each.name.rpartition("-")[2]: set(each.depends_on) for each in replicas(declarations)}
    first = {"Command web-clear", "Command web-migrate"}
    turns = {number: {each.replace(f"{name}-", "") for each in waits[number] - first} for number in waits}
    assert turns == {
        "1": set(),
        "2": set(),
        "3": {"Command web-1-ready"},
        "4": {"Command web-2-ready"},
        "5": {"Command web-3-ready"},
    }


def test_the_proof_begins_beside_migrations(declared: Declarations) -> None:
    """When Nginx is healthy, so that its failure is none of the proof's; what migrations do to visitors is."""
    step = declared.all["Command web-prepare"]
    assert step.inputs["create"] == f".venv/bin/python -m release prepare {release(declared)}"
    assert read(step.inputs["environment"]["RELEASE_PLAN"]).release == release(declared)
    assert {"Command web-clear", "Command nginx-holder-ready"} <= set(step.depends_on)
    assert "Command web-migrate" not in step.depends_on
    assert "Command web-prepare" not in {each for replica in replicas(declared) for each in replica.depends_on}


def rolls(declarations: Declarations) -> dict[str, tuple[str, ...]]:
    """Steps that let a batch take over, and what each waits for, without the release's name."""
    name = release(declarations)
    return {
        step.name.replace(f"{name}-", ""): tuple(each.replace(f"{name}-", "") for each in step.depends_on)
        for step in declarations.of("Command")
        if "-roll-" in step.name
    }


def test_side_by_side_there_are_no_batches(declared: Declarations) -> None:
    """All replicas start at once, and the switch comes after them all."""
    assert rolls(declared) == {}


def test_a_rolling_release_starts_batch_by_batch() -> None:
    """A batch takes over when all of its replicas are healthy, and the next one starts after that."""
    declarations = declare({"strategy": Strategy(kind="rolling", batch=2)}, replicas=5)
    told = {f"Command web-{step}" for step in ("migrate", "prepare", "release-phase", "static")}
    first, second = ({f"Command web-{number}-ready" for number in numbers} for numbers in ((1, 2), (3, 4)))
    waits = {name: {each for each in others if "Command" in each} for name, others in rolls(declarations).items()}
    assert waits == {"web-roll-2": first | told, "web-roll-4": second | told | {"Command web-roll-2"}}
    name = release(declarations)
    starts = {each.name.rpartition("-")[2]: each.depends_on for each in replicas(declarations)}
    at_first = ("Command web-clear", "Command web-migrate")
    after_two, after_four = (f"Command web-{name}-roll-2",), (f"Command web-{name}-roll-4",)
    assert starts == {"1": at_first, "2": at_first, "3": after_two, "4": after_two, "5": after_four}
    step = declarations.all[f"Command web-{name}-roll-4"].inputs
    assert step["create"].endswith(" -m release roll --done=4")
    assert read(step["environment"]["RELEASE_PLAN"]).release == name


def test_the_hash_of_the_config_is_of_the_config_alone() -> None:
    """Another image leaves it; another setting does not. The ledger tells releases apart by it."""

    def config_hash(**change: Any) -> str:
        ((_, _, plan),) = specs_and_plans(change)
        return str(plan.record["config_hash"])

    assert config_hash() == config_hash(image="shop-prod/web:fedcba987654")
    assert config_hash() != config_hash(threads=9)


@pytest.mark.parametrize(("batch", "count"), [(1, 2), (2, 1), (3, 0), (9, 0)])
def test_the_last_batch_is_the_switchs(batch: int, count: int) -> None:
    """However the replicas are divided."""
    assert len(rolls(declare({"strategy": Strategy(kind="rolling", batch=batch)}))) == count


# The plan


def test_the_plan_says_what_the_steps_must_know() -> None:
    """Of this release, of how it goes live, and what the ledger keeps of it."""
    ((name, spec, plan),) = specs_and_plans({})
    assert (plan.prefix, plan.release) == ("shop-prod", name)
    assert plan.replicas == tuple(f"shop-prod-web-{name}-{number}" for number in (1, 2, 3))
    assert plan.sockets == tuple(f"/run/web/{name}-{number}.sock" for number in (1, 2, 3))
    assert plan.nginx.startswith("shop-prod-nginx-")
    assert len(plan.edge) == 10
    assert (plan.start_seconds, plan.drain_seconds, plan.long_seconds, plan.stop_seconds) == (50, 40, 90, 45)
    assert (plan.bake_seconds, plan.keep, plan.strategy) == (30, 4, Strategy())
    assert plan.probes.post_paths == ("/probe/",)
    assert plan.record == {
        "image": "shop-prod/web:0123456789ab",
        "secrets_volume": "shop-prod-secrets-1",
        "spec": spec,
        "config_hash": plan.record["config_hash"],
        "pinned": False,
    }


# Held at a release


def pin(entry: tuple[str, dict[str, Any], Plan], instead_of: str) -> Pinned:
    """What a rollback to a release would write into the stack config."""
    name, spec, plan = entry
    return Pinned(
        release=name,
        instead_of=instead_of,
        image=plan.record["image"],
        secrets_volume=plan.record["secrets_volume"],
        spec=json.loads(json.dumps(spec)),
    )


@pytest.fixture(scope="module")
def pinned() -> Pinned:
    """The stack is held at a release before the one that its config makes."""
    before, now = specs_and_plans(
        {
            "image": "shop-prod/web:ba9876543210",
            "environment": {"A": "before"},
            "secrets_volume": "shop-prod-secrets-0",
        },
        {},
    )
    return pin(before, instead_of=now[0])


def test_a_pinned_release_runs_as_it_was_released(pinned: Pinned) -> None:
    """Its image, config and secrets together, whatever the config says now; as many replicas as it says now."""
    declarations = declare(pinned=pinned, replicas=2)
    assert release(declarations) == pinned.release
    assert [each.name for each in replicas(declarations)] == [f"web-{pinned.release}-{number}" for number in (1, 2)]
    for container in replicas(declarations):
        assert container.inputs["image"] == "shop-prod/web:ba9876543210"
        assert "A=before" in container.inputs["envs"]
        assert container.inputs["volumes"][0]["volumeName"] == "shop-prod-secrets-0"


def test_a_pinned_release_migrates_nothing_and_is_not_watched(pinned: Pinned) -> None:
    """What has been migrated since is there to stay; the release has been watched before. Nor is anything seeded."""
    declarations = declare(pinned=pinned, seed=Seed(image="shop-prod/postgres:1", commands=("true",)))
    assert {"Command web-migrate", "Command web-release-phase", "Command web-seed"}.isdisjoint(declarations.all)
    for container in replicas(declarations):
        assert "Command postgres-ready" in container.depends_on
        assert without_database(container) == ("Command web-clear",)
    ((_, _, plan),) = specs_and_plans({"pinned": pinned})
    assert plan.bake_seconds == 0
    assert plan.record == {
        "image": pinned.image,
        "secrets_volume": "shop-prod-secrets-0",
        "spec": pinned.spec,
        "config_hash": plan.record["config_hash"],
        "pinned": True,
    }


def test_a_stack_that_is_held_refuses_to_move_on(pinned: Pinned) -> None:
    """Code or config that has changed since would silently be left out."""
    with pytest.raises(PinnedError, match=r"held at release .* Run ./ops unpin, then deploy\."):
        declare(pinned=pinned, environment={"A": "changed since"})
