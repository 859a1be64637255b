"""The stack's settings: typed, frozen, checked as a whole. `load()` is the only reader of Pulumi config.

Every rule is applied before anything is touched, and all that is wrong is reported at once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

import config_schema
from components.sizing import (
    Limits,
    connections_needed,
    gunicorn_memory_mb,
    gunicorn_workers,
    postgres_settings,
)
from config_schema import OPTIONAL_SECRETS, SECRET_LENGTHS, Problem
from release.plan import CUSTOM_DUMP, Strategy
from settings_model import (
    AppSettings,
    ImageSettings,
    LogSettings,
    PostgresSettings,
    ReleaseSettings,
    SecretSettings,
    SeedSettings,
    Settings,
    SiteSettings,
    WebSettings,
)

LEAST_WORKERS = 2
"""With one worker nothing serves while a crashed one is replaced."""

PRODUCTION = ("prod", "production")
"""Names of stacks whose data is never made up, whatever their config says of it."""

_NOT_SECRET = "must not be encrypted, as it is in clear on the server"  # noqa: S105 - words
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class SettingsError(pulumi.RunError):
    """The stack config is not usable. Its text names every problem: key, rule, value got, cure."""

    def __init__(self, stack_file: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n  ".join([f"{stack_file} is not usable:", *map(str, problems)]))
        self.problems = tuple(problems)


def load(root: Path = Path()) -> Settings:
    """The settings of the selected stack. Raises SettingsError with everything that is wrong.

    In a preview a secret that is not set yet is a warning, so that a change can be reviewed without the secrets.
    """
    project, stack = pulumi.get_project(), pulumi.get_stack()
    values, problems = _read(project, stack, root)
    for name, what in ((project, "project"), (stack, "stack")):
        if not _NAME.fullmatch(name):
            rule = "must be at most 40 lower-case letters, digits and hyphens, as Docker names begin with it"
            problems.append(Problem(key=f"{what} name", rule=rule, got=repr(name), cure=f"Rename the {what}."))
    if not problems:
        settings = _settings(project, stack, values, root)
        problems = _contradictions(settings, values, f"Pulumi.{stack}.yaml", root)
    if problems:
        raise SettingsError(f"Pulumi.{stack}.yaml", problems)
    return settings


def _read(project: str, stack: str, root: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Every key's value, defaults filled in, and the problems that one key alone can have."""
    stack_file = f"Pulumi.{stack}.yaml"
    keys = config_schema.declared_keys(root / "Pulumi.yaml")
    config = {
        name.removeprefix(f"{project}:"): text for name, text in CONFIG.get().items() if name.startswith(f"{project}:")
    }
    problems = [config_schema.unknown_key(name, keys, stack_file) for name in config if name not in keys]
    values: dict[str, Any] = {}
    for name, key in keys.items():
        if name in SECRET_LENGTHS:
            secret_problem = _secret_problem(name, config.get(name, ""), is_config_secret(f"{project}:{name}"), stack)
            problems += [secret_problem] if secret_problem else []
            values[name] = pulumi.Output.secret(config.get(name) or "unset".ljust(64, "-"))
            continue
        if name in OPTIONAL_SECRETS:
            problems += _optional_secret_problems(
                key, config.get(name, ""), is_config_secret(f"{project}:{name}"), stack
            )
            continue
        if name not in config:
            values[name] = config_schema.checked_default(key)
            continue
        if is_config_secret(f"{project}:{name}"):
            cure = f"Set it in clear in {stack_file}."
            problems.append(Problem(key=name, rule=_NOT_SECRET, got="an encrypted value", cure=cure))
            continue
        try:
            values[name] = config_schema.parse(key, config[name])
        except ValueError as error:
            cure = f"Set it in {stack_file}, or leave it out for the default {key.default!r}."
            problems.append(Problem(key=name, rule=str(error), got=repr(config[name]), cure=cure))
    return values, problems


def _secret_problem(name: str, text: str, encrypted: bool, stack: str) -> Problem | None:
    least = SECRET_LENGTHS[name]
    cure = f"Run ./ops secrets create --stack {stack}"
    if not text:
        problem = Problem(key=name, rule="must be set, encrypted", got="nothing", cure=f"{cure}.")
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(f"{problem} This preview goes on without it.")
            return None
        return problem
    if not encrypted:
        rule = "must be encrypted, and is in clear in the stack config"
        return Problem(key=name, rule=rule, got="a value in clear", cure=f"Remove it there. {cure} to make a new one.")
    if len(text) < least or len(set(text)) < 8:  # noqa: PLR2004 - fewer different characters are no random secret
        rule = f"must be random, of {least} characters or more"
        return Problem(key=name, rule=rule, got=f"{len(text)} characters", cure=f"{cure} --replace to make a new one.")
    return None


def _optional_secret_problems(key: config_schema.Key, text: str, encrypted: bool, stack: str) -> list[Problem]:
    """What is wrong with one that is set; its value is never shown."""
    cure = f"Set it with ./pulumiw config set --secret {key.name} --stack {stack}, or take it out."
    problems = []
    if text and not encrypted:
        rule = "must be encrypted, and is in clear in the stack config"
        problems.append(Problem(key=key.name, rule=rule, got="a value in clear", cure=cure))
    try:
        config_schema.parse(key, text)
    except ValueError as error:
        problems.append(Problem(key=key.name, rule=str(error), got=f"{len(text)} other characters", cure=cure))
    return problems


def _settings(project: str, stack: str, values: Mapping[str, Any], root: Path) -> Settings:
    web_limits = _limits("web", values)
    module = values["djangoSettingsModule"] or _settings_module(root / values["appPath"] / "manage.py")
    return Settings(
        project=project,
        stack=stack,
        docker_host=pulumi.Config("docker").get("host") or "",
        app=AppSettings(
            path=values["appPath"].rstrip("/"),
            django_settings_module=module,
            wsgi_application=f"{module.rpartition('.')[0] or module}.wsgi:application",
            environment=values["environment"],
            health_path=values["healthPath"],
        ),
        secrets=SecretSettings(
            version=values["secretsVersion"],
            django_secret_key=values["djangoSecretKey"],
            database_password=values["databasePassword"],
        ),
        site=SiteSettings(
            hosts=tuple(values["siteHosts"]),
            publish_address=values["publishAddress"],
            http_port=values["httpPort"],
            https_port=values["httpsPort"],
            upload_limit_mb=values["uploadLimitMb"],
        ),
        images=ImageSettings(
            source=values["imagesFrom"],
            python=values["pythonImage"],
            postgres=values["postgresImage"],
            nginx=values["nginxImage"],
            packages_date=values["packagesDate"],
            build_ca_file=values["buildCaFile"],
        ),
        web=WebSettings(
            replicas=values["webReplicas"],
            limits=web_limits,
            workers=values["gunicornWorkers"] or gunicorn_workers(web_limits, values["gunicornWorkerMemoryMb"]),
            threads=values["gunicornThreads"],
            request_timeout_seconds=values["requestTimeoutSeconds"],
            start_timeout_seconds=values["startTimeoutSeconds"],
            drain_timeout_seconds=values["drainTimeoutSeconds"],
            long_paths=tuple(values["longPaths"]),
            long_timeout_seconds=values["longTimeoutSeconds"],
        ),
        release=ReleaseSettings(
            strategy=Strategy(
                kind=values["releaseStrategy"],
                batch=values["rollingBatch"],
                canary_percent=values["canaryPercent"],
                canary_seconds=values["canarySeconds"],
            ),
            bake_seconds=values["bakeSeconds"],
            keep=values["keepReleases"],
            pinned=values["pinnedRelease"],
            commands=tuple(values["releaseCommands"]),
            migration_lock_seconds=values["migrationLockSeconds"],
            gate_paths=tuple(values["gatePaths"]),
            post_paths=tuple(values["proofPostPaths"]),
            slow_paths=tuple(values["proofSlowPaths"]),
        ),
        postgres=PostgresSettings(limits=_limits("postgres", values), overrides=values["postgresSettings"]),
        seed=SeedSettings(
            dump=values["seedDump"], checks=tuple(values["seedChecks"]), commands=tuple(values["seedCommands"])
        ),
        nginx=_limits("nginx", values),
        logs=LogSettings(max_size_mb=values["logMaxSizeMb"], max_files=values["logMaxFiles"]),
        protect_data=values["protectData"],
        starts_at_boot=values["startAtBoot"],
        drift_schedule=values["driftSchedule"],
        silenced_checks=values["silencedChecks"],
    )


def _limits(part: str, values: Mapping[str, Any]) -> Limits:
    return Limits(cpus=values[f"{part}Cpus"], memory_mb=values[f"{part}MemoryMb"], pids=values[f"{part}Pids"])


def _settings_module(manage_py: Path) -> str:
    """The DJANGO_SETTINGS_MODULE that manage.py names, or "" where there is none to be found."""
    text = manage_py.read_text() if manage_py.is_file() else ""
    found = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)[\"']", text)
    return found.group(1) if found else ""


def _contradictions(settings: Settings, values: Mapping[str, Any], stack_file: str, root: Path) -> list[Problem]:
    """What no single key can show: files that are not there, and limits that do not go together."""
    problems = []

    def problem(key: str, rule: str, got: object, cure: str) -> None:
        problems.append(Problem(key=key, rule=rule, got=str(got), cure=cure))

    app, web = settings.app, settings.web
    if not (root / app.path / "manage.py").is_file():
        cure = f"Set it in {stack_file} to the folder of the Django project."
        problem("appPath", "must be a folder that holds manage.py", repr(app.path), cure)
    elif not app.django_settings_module:
        cure = f"Set it in {stack_file}, for example to mysite.settings."
        problem("djangoSettingsModule", "must be set, as manage.py does not name it", "''", cure)
    if settings.images.build_ca_file and not (root / settings.images.build_ca_file).is_file():
        cure = f"Correct the path in {stack_file}, or remove the key."
        problem("buildCaFile", "must be a readable PEM file", repr(settings.images.build_ca_file), cure)
    if settings.drift_schedule and settings.docker_host and not settings.docker_host.startswith("unix://"):
        rule = "must be empty, as docker:host is another machine, on which this folder is not"
        cure = f"Remove it from {stack_file}, and look by a scheduled workflow: examples/workflows."
        problem("driftSchedule", rule, repr(settings.drift_schedule), cure)
    if settings.site.http_port == settings.site.https_port:
        cure = f"Change one of them in {stack_file}."
        problem("httpsPort", "must differ from httpPort", settings.site.https_port, cure)
    problems += _seed_problems(settings, stack_file, root)
    least_workers = values["gunicornWorkers"] or LEAST_WORKERS
    needed_mb = gunicorn_memory_mb(least_workers, values["gunicornWorkerMemoryMb"])
    if web.limits.memory_mb < needed_mb:
        rule = f"must be at least {needed_mb} MiB, what {least_workers} Gunicorn workers need"
        cure = f"Raise it in {stack_file}, or lower gunicornWorkers or gunicornWorkerMemoryMb."
        problem("webMemoryMb", rule, f"{web.limits.memory_mb} MiB", cure)
        return problems

    pids = web.workers * (web.threads + 2) + 8
    if web.limits.pids < pids:
        rule = f"must be at least {pids}, for {web.workers} workers of {web.threads} threads"
        problem("webPids", rule, web.limits.pids, f"Raise it in {stack_file}.")
    connections = connections_needed(replicas=web.replicas, workers=web.workers, threads=web.threads)
    offered = int(postgres_settings(settings.postgres.limits, settings.postgres.overrides)["max_connections"])
    if connections > offered:
        rule = (
            f"must allow {connections} connections (2 releases x {web.replicas} replicas x {web.workers} workers"
            f" x {web.threads} threads and a health check, and 8 spare)"
        )
        cure = (
            "Raise it, or max_connections in postgresSettings,"
            f" or lower webReplicas, gunicornWorkers or gunicornThreads in {stack_file}."
        )
        problem("postgresMemoryMb", rule, f"{offered} connections", cure)
    return problems


def _seed_problems(settings: Settings, stack_file: str, root: Path) -> Iterator[Problem]:
    """Why a new database may not, or cannot, begin with what the config says."""
    seed, dump = settings.seed, root / settings.seed.dump
    for key, given in (("seedDump", seed.dump), ("seedCommands", seed.commands)):
        if given and (settings.protect_data or settings.stack in PRODUCTION):
            rule = "must not be set where data is production's or protected, which is visitors' own and nothing made up"
            cure = f"Remove it from {stack_file}. A stack to try things in has protectData: false and another name."
            got = f"{given!r}, stack {settings.stack}, protectData {str(settings.protect_data).lower()}"
            yield Problem(key=key, rule=rule, got=got, cure=cure)
    if seed.checks and not seed.dump:
        cure = f"Remove it from {stack_file}, or set seedDump."
        yield Problem(key="seedChecks", rule="must go with seedDump, which it checks", got="no seedDump", cure=cure)
    if seed.dump and not _is_dump(dump):
        rule = "must be a readable file with plain SQL, or of pg_dump --format=custom"
        cure = f"Make it as docs/pull-requests.md shows, or correct the path in {stack_file}."
        yield Problem(key="seedDump", rule=rule, got=repr(seed.dump), cure=cure)
    elif seed.dump and dump.resolve().is_relative_to((root / settings.app.path).resolve()):
        cure = f"Move it, and correct the path in {stack_file}."
        yield Problem(
            key="seedDump", rule="must lie outside of appPath, which is in the image", got=repr(seed.dump), cure=cure
        )


def _is_dump(path: Path) -> bool:
    """Text, or what pg_dump calls custom; a compressed text or a tar file is neither."""
    try:
        with path.open("rb") as file:
            beginning = file.read(512)
    except OSError:
        return False
    return beginning.startswith(CUSTOM_DUMP) or not (beginning.startswith(b"\x1f\x8b") or b"\0" in beginning)
