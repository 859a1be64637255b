"""Settings: what a stack config becomes, and everything that can be wrong with one."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import config_schema
from components.sizing import CONNECTION_MB
from config_schema import OPTIONAL_SECRETS, SECRET_LENGTHS
from settings import SettingsError
from settings_model import Settings
from tests.unit.program import ROOT, SECRETS, committed, load_settings

KEYS = config_schema.declared_keys(ROOT / "Pulumi.yaml")
STACKS = ("dev", "staging", "prod")

PIN = {"release": "0123456789", "instead_of": "9876543210", "image": "i", "secrets_volume": "v", "spec": {}}
"""A release that a stack can be held at."""

PLAIN: dict[str, tuple[Any, Callable[[Settings], Any]]] = {
    "appPath": ("other", lambda s: s.app.path),
    "environment": ({"A": "b"}, lambda s: s.app.environment),
    "healthPath": ("/up/", lambda s: s.app.health_path),
    "releaseCommands": (["true"], lambda s: list(s.release.commands)),
    "releaseStrategy": ("canary", lambda s: s.release.strategy.kind),
    "rollingBatch": (2, lambda s: s.release.strategy.batch),
    "canaryPercent": (25, lambda s: s.release.strategy.canary_percent),
    "canarySeconds": (90, lambda s: s.release.strategy.canary_seconds),
    "bakeSeconds": (0, lambda s: s.release.bake_seconds),
    "startTimeoutSeconds": (90, lambda s: s.web.start_timeout_seconds),
    "keepReleases": (3, lambda s: s.release.keep),
    "pinnedRelease": (json.dumps(PIN), lambda s: json.dumps(asdict(s.release.pinned)) if s.release.pinned else ""),
    "migrationLockSeconds": (5, lambda s: s.release.migration_lock_seconds),
    "gatePaths": (["/", "/about/"], lambda s: list(s.release.gate_paths)),
    "proofPostPaths": (["/probe/"], lambda s: list(s.release.post_paths)),
    "proofSlowPaths": (["/probe/slow/"], lambda s: list(s.release.slow_paths)),
    "longPaths": (["/export/"], lambda s: list(s.web.long_paths)),
    "longTimeoutSeconds": (600, lambda s: s.web.long_timeout_seconds),
    "secretsVersion": (2, lambda s: s.secrets.version),
    "siteHosts": (["a.example"], lambda s: list(s.site.hosts)),
    "publishAddress": ("127.0.0.1", lambda s: s.site.publish_address),
    "httpPort": (8080, lambda s: s.site.http_port),
    "httpsPort": (0, lambda s: s.site.https_port),
    "uploadLimitMb": (20, lambda s: s.site.upload_limit_mb),
    "imagesFrom": ("debian", lambda s: s.images.source),
    "pythonImage": ("python:3.14", lambda s: s.images.python),
    "postgresImage": ("postgres:18", lambda s: s.images.postgres),
    "nginxImage": ("nginx:1.29", lambda s: s.images.nginx),
    "packagesDate": ("2026-11-30", lambda s: s.images.packages_date),
    "buildCaFile": ("ca.pem", lambda s: s.images.build_ca_file),
    "webReplicas": (1, lambda s: s.web.replicas),
    "webCpus": ("0.5", lambda s: f"{s.web.limits.cpus:.1f}"),
    "webMemoryMb": (400, lambda s: s.web.limits.memory_mb),
    "webPids": (100, lambda s: s.web.limits.pids),
    "gunicornThreads": (2, lambda s: s.web.threads),
    "requestTimeoutSeconds": (60, lambda s: s.web.request_timeout_seconds),
    "drainTimeoutSeconds": (60, lambda s: s.web.drain_timeout_seconds),
    "postgresCpus": ("2.0", lambda s: f"{s.postgres.limits.cpus:.1f}"),
    "postgresMemoryMb": (1024, lambda s: s.postgres.limits.memory_mb),
    "postgresPids": (400, lambda s: s.postgres.limits.pids),
    "postgresSettings": ({"work_mem": "8MB"}, lambda s: s.postgres.overrides),
    "protectData": (False, lambda s: s.protect_data),
    "startAtBoot": (False, lambda s: s.starts_at_boot),
    "driftSchedule": ("Mon..Fri 06:30", lambda s: s.drift_schedule),
    "nginxCpus": ("1.0", lambda s: f"{s.nginx.cpus:.1f}"),
    "nginxMemoryMb": (128, lambda s: s.nginx.memory_mb),
    "nginxPids": (60, lambda s: s.nginx.pids),
    "logMaxSizeMb": (20, lambda s: s.logs.max_size_mb),
    "logMaxFiles": (5, lambda s: s.logs.max_files),
    "silencedChecks": ({"host.W010": "a shared disk"}, lambda s: s.silenced_checks),
}
"""Keys that go through as they are: another value than the default, and where it is found."""

SEED = {"seedDump": "masked.sql", "seedChecks": ["SELECT 1 WHERE false"], "seedCommands": ["python manage.py seed"]}
"""Keys for stacks whose data may be made up."""

DERIVED: dict[str, tuple[Any, Callable[[Settings], Any], Any, Any]] = {
    "djangoSettingsModule": ("b.settings", lambda s: s.app.django_settings_module, "a.settings", "b.settings"),
    "gunicornWorkers": (2, lambda s: s.web.workers, 3, 2),
    "gunicornWorkerMemoryMb": (200, lambda s: s.web.workers, 3, 2),
}
"""Keys whose default means that a value is derived: another value, where it is found, and what is there both times."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with two Django projects, two folders that are none, and a certificate."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    names_it = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.settings')\n"
    for app, manage_py in {"sample": names_it, "other": names_it, "nameless": "print('nothing here')\n"}.items():
        (folder / app).mkdir()
        (folder / app / "manage.py").write_text(manage_py)
    (folder / "empty").mkdir()
    (folder / "masked.sql").write_text("CREATE TABLE a (b int);\n")
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    return folder


def problems_of(values: dict[str, Any], **options: Any) -> list[str]:
    """Every problem that these values have, as the user reads it."""
    with pytest.raises(SettingsError) as error:
        load_settings(values, **options)
    return [str(problem) for problem in error.value.problems]


def test_every_declared_key_is_used() -> None:
    """A key of Pulumi.yaml that nothing reads would be a promise that is not kept."""
    told = PLAIN.keys() | DERIVED.keys() | SEED.keys() | SECRET_LENGTHS.keys() | {*OPTIONAL_SECRETS}
    assert told == KEYS.keys()


def test_defaults_are_those_of_the_project_file(root: Path) -> None:
    """An empty stack config gives, key by key, what Pulumi.yaml says."""
    settings = load_settings(root=root)
    assert {name: get(settings) for name, (_, get) in PLAIN.items()} == {name: KEYS[name].default for name in PLAIN}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_value_reaches_its_place_and_no_other(name: str, root: Path) -> None:
    """Setting one key changes what that key is for, and nothing else that a key is for."""
    value, _ = PLAIN[name]
    settings = load_settings({name: value}, root=root)
    expected = {other: KEYS[other].default for other in PLAIN} | {name: value}
    assert {other: get(settings) for other, (_, get) in PLAIN.items()} == expected


@pytest.mark.parametrize("name", DERIVED)
def test_a_derived_value_can_be_given(name: str, root: Path) -> None:
    """What is derived by default follows the key when it is set."""
    value, get, by_default, given = DERIVED[name]
    assert (get(load_settings(root=root)), get(load_settings({name: value}, root=root))) == (by_default, given)


def test_settings_cannot_be_changed(root: Path) -> None:
    """What was checked is what is deployed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings(root=root).project = "other"  # type: ignore[misc]


def test_the_prefix_names_project_and_stack(root: Path) -> None:
    """Physical names of one stack never meet another's."""
    assert load_settings(stack="pr-12", root=root).prefix == "shop-pr-12"


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"siteHosts": ["www.example.com", "example.com"]}, "http://www.example.com"),
        ({"httpPort": 8080, "siteHosts": ["localhost"]}, "http://localhost:8080"),
    ],
)
def test_the_url_names_the_first_host_and_a_port_that_browsers_do_not_guess(values: dict[str, Any], url: str) -> None:
    """Port 80 goes without saying."""
    assert load_settings(values).site.url == url


@pytest.mark.parametrize(("module", "wsgi"), [("a.settings", "a.wsgi"), ("a.b.prod", "a.b.wsgi"), ("one", "one.wsgi")])
def test_the_wsgi_module_lies_beside_the_settings(module: str, wsgi: str) -> None:
    """Where `startproject` puts it."""
    settings = load_settings({"djangoSettingsModule": module})
    assert settings.app.wsgi_application == f"{wsgi}:application"


def test_the_docker_host_is_the_providers_own_key() -> None:
    """One key, `docker:host`, decides for the provider and for everything else; it is nobody's but Docker's."""
    assert load_settings().docker_host == ""


def test_all_problems_are_reported_together() -> None:
    """One run shows all that has to be mended: each with its key, the rule, the value and the cure."""
    values = {"webReplicas": 0, "webCpus": "many", "httpPorts": 1, "protectData": "perhaps"}
    assert problems_of(values, encrypted=()) == [
        (
            "httpPorts: must be a key that Pulumi.yaml lists (got 'httpPorts'). "
            "Did you mean httpPort? Rename it in Pulumi.dev.yaml."
        ),
        (
            "djangoSecretKey: must be encrypted, and is in clear in the stack config (got a value in clear). "
            "Remove it there. Run ./ops secrets create --stack dev to make a new one."
        ),
        (
            "databasePassword: must be encrypted, and is in clear in the stack config (got a value in clear). "
            "Remove it there. Run ./ops secrets create --stack dev to make a new one."
        ),
        (
            "webReplicas: must be between 1 and 20 (got '0'). "
            "Set it in Pulumi.dev.yaml, or leave it out for the default 2."
        ),
        (
            "webCpus: must be a number of CPUs between 0.1 and 128 (got 'many'). "
            "Set it in Pulumi.dev.yaml, or leave it out for the default '1.0'."
        ),
        (
            "protectData: must be true or false (got 'perhaps'). "
            "Set it in Pulumi.dev.yaml, or leave it out for the default True."
        ),
    ]


def test_the_error_text_is_a_headline_and_one_line_for_each_problem() -> None:
    """What Pulumi prints after "error:"."""
    with pytest.raises(SettingsError) as error:
        load_settings({"webReplicas": 0, "webPids": 1}, stack="staging")
    headline, *lines = str(error.value).splitlines()
    assert headline == "Pulumi.staging.yaml is not usable:"
    assert lines == [f"  {problem}" for problem in error.value.problems]
    assert len(lines) == 2


@pytest.mark.parametrize("name", ["", "Shop", "-shop", "my_shop", "s" * 41, "s.hop", "schön"])
@pytest.mark.parametrize("what", ["project", "stack"])
def test_a_name_that_docker_cannot_have_is_refused(what: str, name: str) -> None:
    """Every physical name begins with project and stack."""
    names = {"project": "shop", "stack": "dev"} | {what: name}
    found = [problem for problem in problems_of({}, **names) if problem.startswith(f"{what} name")]
    assert found == [
        (
            f"{what} name: must be at most 40 lower-case letters, digits and hyphens, as Docker names begin with it "
            f"(got {name!r}). Rename the {what}."
        )
    ]


# What does not go together


def test_a_folder_without_manage_py_is_refused(root: Path) -> None:
    """The folder that appPath names must be a Django project."""
    for path in ("empty", "nowhere", "ca.pem", ""):
        assert problems_of({"appPath": path}, root=root) == [
            (
                f"appPath: must be a folder that holds manage.py (got {path!r}). "
                "Set it in Pulumi.dev.yaml to the folder of the Django project."
            )
        ]


def test_a_trailing_slash_of_the_folder_does_not_matter(root: Path) -> None:
    """Tab completion adds it."""
    assert load_settings({"appPath": "other/"}, root=root).app.path == "other"


def test_a_project_whose_settings_module_is_unknown_is_refused(root: Path) -> None:
    """Neither the config nor manage.py names it."""
    assert problems_of({"appPath": "nameless"}, root=root) == [
        (
            "djangoSettingsModule: must be set, as manage.py does not name it (got ''). "
            "Set it in Pulumi.dev.yaml, for example to mysite.settings."
        )
    ]


def test_a_certificate_file_that_is_not_there_is_refused(root: Path) -> None:
    """Before a build fails half way for the lack of it."""
    assert problems_of({"buildCaFile": "no.pem"}, root=root) == [
        (
            "buildCaFile: must be a readable PEM file (got 'no.pem'). "
            "Correct the path in Pulumi.dev.yaml, or remove the key."
        )
    ]


def test_two_keys_cannot_publish_one_port() -> None:
    """HTTP and HTTPS need a port each."""
    assert problems_of({"httpPort": 8080, "httpsPort": 8080}) == [
        "httpsPort: must differ from httpPort (got 8080). Change one of them in Pulumi.dev.yaml."
    ]


@pytest.mark.parametrize(
    ("values", "needed", "workers"),
    [
        ({"webMemoryMb": 259}, 260, 2),
        ({"webMemoryMb": 459, "gunicornWorkers": 4}, 460, 4),
        ({"webMemoryMb": 659, "gunicornWorkerMemoryMb": 300}, 660, 2),
    ],
)
def test_memory_smaller_than_the_workers_need_is_refused(values: dict[str, Any], needed: int, workers: int) -> None:
    """One MiB less than the sum is too little, and the sum is enough."""
    values = {"gunicornWorkerMemoryMb": 100, "postgresMemoryMb": 2048} | values
    assert problems_of(values) == [
        (
            f"webMemoryMb: must be at least {needed} MiB, what {workers} Gunicorn workers need "
            f"(got {needed - 1} MiB). Raise it in Pulumi.dev.yaml, or lower gunicornWorkers or gunicornWorkerMemoryMb."
        )
    ]
    assert load_settings(values | {"webMemoryMb": needed}).web.workers == workers


def test_fewer_processes_than_the_threads_need_is_refused() -> None:
    """3 workers of 4 threads, 2 more each, and 8 for the rest: 26."""
    values = {"gunicornWorkers": 3, "gunicornThreads": 4}
    assert problems_of(values | {"webPids": 25}) == [
        "webPids: must be at least 26, for 3 workers of 4 threads (got 25). Raise it in Pulumi.dev.yaml."
    ]
    assert load_settings(values | {"webPids": 26}).web.limits.pids == 26


@pytest.mark.parametrize(
    ("offer", "enough"),
    [
        ({"postgresMemoryMb": 98 * CONNECTION_MB - 1}, {"postgresMemoryMb": 98 * CONNECTION_MB}),
        ({"postgresSettings": {"max_connections": 97}}, {"postgresSettings": {"max_connections": 98}}),
    ],
)
def test_fewer_connections_than_a_release_needs_is_refused(offer: dict[str, Any], enough: dict[str, Any]) -> None:
    """2 releases x 3 replicas x 3 workers x (4 threads and a health check), and 8 to spare: 98."""
    values = {"webReplicas": 3, "gunicornWorkers": 3, "gunicornThreads": 4}
    assert problems_of(values | offer) == [
        (
            "postgresMemoryMb: must allow 98 connections (2 releases x 3 replicas x 3 workers x 4 threads and a health"
            " check, and 8 spare) (got 97 connections). Raise it, or max_connections in postgresSettings, or"
            " lower webReplicas, gunicornWorkers or gunicornThreads in Pulumi.dev.yaml."
        )
    ]
    assert load_settings(values | enough).web.replicas == 3


def test_the_server_cannot_look_for_drift_of_another_one() -> None:
    """The folder that deploys is not there."""
    away = {"docker:host": "ssh://deploy@server"}
    (problem,) = problems_of({"driftSchedule": "60", **away})
    assert problem == (
        "driftSchedule: must be empty, as docker:host is another machine, on which this folder is not (got '60')."
        " Remove it from Pulumi.dev.yaml, and look by a scheduled workflow: examples/workflows."
    )
    assert load_settings({"driftSchedule": "60", "docker:host": "unix:///run/docker.sock"}).drift_schedule == "60"


# A new database


def test_a_stack_to_try_things_in_can_be_seeded(root: Path) -> None:
    """With a dump, what must not be in it, and commands; by default with nothing."""
    seed = load_settings(SEED | {"protectData": False}, stack="pr-12", root=root).seed
    assert asdict(seed) == {
        "dump": "masked.sql",
        "checks": ("SELECT 1 WHERE false",),
        "commands": ("python manage.py seed",),
    }
    assert asdict(load_settings(root=root).seed) == {"dump": "", "checks": (), "commands": ()}


@pytest.mark.parametrize(("stack", "protected"), [("staging", True), ("prod", False), ("production", False)])
def test_data_that_matters_is_never_made_up(stack: str, protected: bool, root: Path) -> None:
    """Production's by name, and whatever is protected; both keys are told at once."""
    found = problems_of(SEED | {"protectData": protected}, stack=stack, root=root)
    assert [problem.partition(" (")[0] for problem in found] == [
        f"{key}: must not be set where data is production's or protected, which is visitors' own and nothing made up"
        for key in ("seedDump", "seedCommands")
    ]
    assert all(f"Remove it from Pulumi.{stack}.yaml." in problem for problem in found)


@pytest.mark.parametrize("content", [None, b"\x1f\x8b\x08 compressed", b"toc.dat\0\0\0\0 a tar"])
def test_what_is_no_dump_is_refused(content: bytes | None, root: Path) -> None:
    """Nothing there, or what neither psql nor pg_restore would take from standard input."""
    path = root / "other.dump"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    (problem,) = problems_of({"seedDump": "other.dump", "protectData": False}, root=root)
    assert problem.startswith("seedDump: must be a readable file with plain SQL, or of pg_dump --format=custom (got")


def test_a_dump_in_the_image_is_refused(root: Path) -> None:
    """Whoever gets the image would get the data."""
    (root / "sample" / "all.sql").write_text("SELECT 1;\n")
    (problem,) = problems_of({"seedDump": "sample/all.sql", "protectData": False}, root=root)
    assert problem.startswith("seedDump: must lie outside of appPath, which is in the image")


def test_checks_of_a_dump_that_is_not_there_are_refused(root: Path) -> None:
    """They would be passed by nothing."""
    (problem,) = problems_of({"seedChecks": ["SELECT 1"], "protectData": False}, root=root)
    assert problem.startswith("seedChecks: must go with seedDump, which it checks (got no seedDump).")


# Secrets


@pytest.mark.parametrize("text", ["ftp://x", "http://hooks.example/T0", "https://", "https://a b"])
def test_an_address_for_messages_must_be_encrypted_and_begin_with_https(text: str) -> None:
    """It is a secret, and what is sent there tells of the server; the value itself is never shown."""
    problems = problems_of({"driftWebhookUrl": text})
    assert [problem.partition(" (got")[0] for problem in problems] == [
        "driftWebhookUrl: must be encrypted, and is in clear in the stack config",
        "driftWebhookUrl: must be an address with https://",
    ]
    assert [problem.partition("(got ")[2].partition(")")[0] for problem in problems] == [
        "a value in clear",
        f"{len(text)} other characters",
    ]


@pytest.mark.parametrize("name", SECRET_LENGTHS)
def test_a_secret_that_is_missing_stops_an_update_with_the_command_that_makes_it(name: str) -> None:
    """Nothing is deployed without secrets."""
    assert problems_of({name: None}, stack="prod") == [
        f"{name}: must be set, encrypted (got nothing). Run ./ops secrets create --stack prod."
    ]


def test_a_secret_that_is_missing_is_a_warning_in_a_preview(caplog: pytest.LogCaptureFixture) -> None:
    """A change can be reviewed by those who have no secrets."""
    with caplog.at_level(logging.WARNING):
        settings = load_settings(dict.fromkeys(SECRETS), preview=True)
    assert settings.web.replicas == 2
    assert [record.message for record in caplog.records] == [
        f"{name}: must be set, encrypted (got nothing). Run ./ops secrets create --stack dev. "
        "This preview goes on without it."
        for name in SECRETS
    ]


@pytest.mark.parametrize("name", SECRET_LENGTHS)
@pytest.mark.parametrize("text", ["short-Zq8wL3vRtY6u", "a" * 80, "abc" * 30])
def test_a_weak_secret_is_refused_and_its_length_told(name: str, text: str) -> None:
    """Too short, or of too few different characters; the value itself is never shown."""
    (problem,) = problems_of({name: text}, stack="prod")
    assert problem == (
        f"{name}: must be random, of {SECRET_LENGTHS[name]} characters or more (got {len(text)} characters). "
        "Run ./ops secrets create --stack prod --replace to make a new one."
    )


@pytest.mark.parametrize("preview", [True, False])
def test_a_secret_in_clear_is_refused_even_in_a_preview(preview: bool) -> None:
    """It has been in a file that is in git."""
    problems = problems_of({}, encrypted=("djangoSecretKey",), preview=preview)
    assert [problem.split(" (")[0] for problem in problems] == [
        "databasePassword: must be encrypted, and is in clear in the stack config"
    ]


def test_an_encrypted_value_that_would_end_up_in_clear_is_refused() -> None:
    """An environment variable shows in `docker inspect`; who encrypted it believed otherwise."""
    values = {"environment": {"API_KEY": "very-secret-value"}}
    assert problems_of(values, encrypted=(*SECRETS, "environment")) == [
        (
            "environment: must not be encrypted, as it is in clear on the server (got an encrypted value). "
            "Set it in clear in Pulumi.dev.yaml."
        )
    ]


@pytest.mark.parametrize("encrypted", [tuple(SECRETS), ()])
def test_a_secret_is_in_no_text(encrypted: tuple[str, ...]) -> None:
    """Neither in the representation of settings nor in a message, whatever else is wrong."""
    texts = [repr(load_settings()), str(load_settings())]
    with pytest.raises(SettingsError) as error:
        load_settings({"webReplicas": 0}, encrypted=encrypted)
    texts += [str(error.value), repr(error.value), repr(error.value.problems)]
    assert [secret for secret in SECRETS.values() for text in texts if secret in text] == []


# The committed stacks


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_loads(stack: str) -> None:
    """With secrets, nothing is missing or wrong."""
    assert load_settings(committed(stack), stack=stack).stack == stack


def test_the_committed_stacks_hold_no_secrets() -> None:
    """Not even encrypted ones: each is made for its own environment."""
    assert [stack for stack in STACKS if SECRET_LENGTHS.keys() & committed(stack).keys()] == []


def test_the_committed_stacks_differ_as_environments_do() -> None:
    """Dev listens on loopback alone; only prod protects its data; prod has more of everything."""
    dev, staging, prod = (load_settings(committed(stack), stack=stack) for stack in STACKS)
    assert dev.site.publish_address == "127.0.0.1"
    assert (dev.site.http_port, dev.site.https_port) == (8080, 0)
    assert [each.site.http_port for each in (staging, prod)] == [80, 80]
    assert [each.site.https_port for each in (staging, prod)] == [443, 443]
    assert [each.protect_data for each in (dev, staging, prod)] == [False, False, True]
    assert dev.web.limits.memory_mb < staging.web.limits.memory_mb < prod.web.limits.memory_mb
    assert dev.postgres.limits.memory_mb < staging.postgres.limits.memory_mb < prod.postgres.limits.memory_mb
    assert staging.web.replicas < prod.web.replicas
    assert len({each.site.hosts for each in (dev, staging, prod)}) == 3
