"""What only a look inside shows: files in volumes, Nginx's configuration, PostgreSQL, its schema. It only reads.

Each container is asked once, by a script on its standard input, as the container's own user. Answers are records that
end in a NUL, so that no file name can pass for something else. What Django has to say is asked in a container beside
the replicas, which lack the memory for it.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from drift.database import PSQL
from drift.observed import LOOKING, Observed
from drift.recorded import Container, Recorded
from release.docker_cli import HARDENED, Docker
from release.errors import DockerError

_HASHES = "find . -type f -print0 2>/dev/null | xargs -0 -r sha256sum -z 2>/dev/null | sed -z 's/^/{0} /'\n"
_NGINX = (
    "cd /srv/static && "
    + _HASHES.format("static")
    + r"""
for list in /srv/static/.published/*.json; do
    [ -f "$list" ] && printf 'list %s ' "${list##*/}" && cat "$list" && printf '\0'
done
find /run/slots -mindepth 1 -printf 'slot %y %P\t%l\0'
find /run/web -type s -printf 'socket %P\0'
[ -f /run/slots/.live.json ] && printf 'live ' && cat /run/slots/.live.json && printf '\0'
[ -f /tmp/nginx.conf ] && printf 'conf ' && cat /tmp/nginx.conf && printf '\0'
printf 'end\0'
"""
)
_WEB = (
    "cd /srv/static && "
    + _HASHES.format("static")
    + "cd /run/secrets && "
    + _HASHES.format("secret")
    + r"""
find /run/secrets -mindepth 1 -printf 'mode %m %U:%G %P\0'
printf 'end\0'
"""
)
_SQL = r"""
\set ON_ERROR_STOP off
SET statement_timeout = '10s';
SET default_transaction_read_only = on;
SELECT jsonb_build_object('settings', jsonb_agg(jsonb_build_array(name, setting, source)))
  FROM pg_settings WHERE source NOT IN ('default', 'override', 'client', 'session');
SELECT jsonb_build_object('files', jsonb_agg(jsonb_build_array(name, setting, sourcefile))) FROM pg_file_settings;
SELECT jsonb_build_object('overrides', jsonb_agg(jsonb_build_array(coalesce(d.datname, ''), coalesce(r.rolname, ''),
       each)))
  FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) each
  LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole;
SELECT jsonb_build_object('roles', jsonb_agg(jsonb_build_object('name', rolname, 'super', rolsuper, 'createrole',
       rolcreaterole, 'createdb', rolcreatedb, 'replication', rolreplication, 'bypassrls', rolbypassrls,
       'login', rolcanlogin, 'inherit', rolinherit, 'limit', rolconnlimit, 'until', rolvaliduntil,
       'password', rolpassword)))
  FROM pg_authid WHERE rolname !~ '^pg_';
SELECT jsonb_build_object('members', jsonb_agg(jsonb_build_array(pg_get_userbyid(member), pg_get_userbyid(roleid),
       admin_option))) FROM pg_auth_members WHERE pg_get_userbyid(member) !~ '^pg_';
SELECT jsonb_build_object('databases', jsonb_agg(jsonb_build_array(datname, pg_get_userbyid(datdba), datacl::text)))
  FROM pg_database;
\connect site
SET statement_timeout = '10s';
SET default_transaction_read_only = on;
SELECT jsonb_build_object('invalid', coalesce(jsonb_agg(indexrelid::regclass::text), '[]'))
  FROM pg_index WHERE NOT indisvalid;
SELECT to_regclass('public.django_migrations') IS NOT NULL AS migrated \gset
\if :migrated
SELECT jsonb_build_object('migrations', jsonb_agg(jsonb_build_array(app, name))) FROM public.django_migrations;
\endif
SELECT jsonb_build_object('end', true);
"""

_SCRIPTS = ("definition", "made_by_sql", "declared", "site_schema")
"""Modules of in_site/, each after those that it imports; the last one is the program."""
BOOT = """\
import json, sys, types
for name, text in json.load(sys.stdin):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""
_HARDENED = (
    *HARDENED,
    *("--memory=512m", "--memory-swap=512m", "--pids-limit=100", "--cpu-shares=256", "--tmpfs=/tmp:size=64m,mode=1777"),
)


@dataclass(frozen=True, kw_only=True)
class NginxFiles:
    """What Nginx sees. Static files are hashed by path."""

    container: Container
    static: Mapping[str, str]
    lists: Mapping[str, str]
    """Names of each image's static files as JSON, by file name."""
    slots: Mapping[str, tuple[str, str]]
    """Kind (`l` is a link) and target, by name."""
    sockets: frozenset[str]
    live: str
    conf: str | None


@dataclass(frozen=True, kw_only=True)
class WebFiles:
    """What a replica sees."""

    container: Container
    static: Mapping[str, str]
    """Of the image: what its release has published."""
    secrets: Mapping[str, str]
    modes: Mapping[str, str]
    """`mode owner` by name."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """All of it; None is what could not be looked at."""

    nginx: NginxFiles | None = None
    web: WebFiles | None = None
    postgres: Mapping[str, Any] | None = field(default=None, repr=False)
    schema: Mapping[str, Any] | None = None
    """What in_site/ has told."""
    unread: Sequence[str] = ()


def look(docker: Docker, recorded: Recorded, observed: Observed) -> Inside:
    """Ask an Nginx, a replica, PostgreSQL, and Django, if they run."""
    unread: list[str] = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        jobs: list[Any] = [
            pool.submit(_ask, docker, [each for each in candidates if observed.runs(each.name)], read, told, unread)
            for candidates, read, told in (
                (recorded.of_role("nginx"), _nginx, "static files, slots and Nginx's configuration"),
                (recorded.live, _web, "secret files"),
                (recorded.of_role("postgres"), _postgres, "PostgreSQL"),
                (recorded.of_role("postgres"), partial(_schema, recorded=recorded, observed=observed), "schema"),
            )
        ]
    nginx, web, postgres, schema = (job.result() for job in jobs)
    return Inside(nginx=nginx, web=web, postgres=postgres, schema=schema, unread=sorted(unread))


def _ask(
    docker: Docker,
    running: Sequence[Container],
    read: Callable[[Docker, Container], Any],
    told: str,
    unread: list[str],
) -> Any:
    if not running:
        unread.append(f"{told}: no container runs that could be asked")
        return None
    container = running[0]
    try:
        return read(docker, container)
    except (DockerError, ValueError) as problem:
        unread.append(f"{told}: {container.name} does not answer as it should ({str(problem)[:200]})")
        return None


def _records(docker: Docker, container: Container, script: str) -> list[tuple[str, str]]:
    """Kind and content of what the script prints. Raises ValueError where it has not come to its end."""
    printed = docker("exec", "--interactive", container.name, "sh", "-s", stdin=script, check=False)
    records = printed.split("\0")
    if "end" not in records:
        raise ValueError(f"got {printed[-80:]!r}")
    return [(kind, content) for kind, _, content in (record.partition(" ") for record in records)]


def _hashes(records: Sequence[tuple[str, str]], kind: str) -> dict[str, str]:
    parted = [content.partition("  ") for found, content in records if found == kind]
    return {name.removeprefix("./"): digest for digest, _, name in parted}


def _nginx(docker: Docker, container: Container) -> NginxFiles:
    records = _records(docker, container, _NGINX)

    def of(kind: str) -> list[str]:
        return [content for found, content in records if found == kind]

    slots = [(*content[2:].partition("\t"), content[:1]) for content in of("slot")]
    lists = [content.partition(" ") for content in of("list")]
    return NginxFiles(
        container=container,
        static={name: digest for name, digest in _hashes(records, "static").items() if not _own(name)},
        lists={name: content for name, _, content in lists},
        slots={name: (kind, target) for name, _, target, kind in slots},
        sockets=frozenset(of("socket")),
        live=next(iter(of("live")), ""),
        conf=next(iter(of("conf")), None),
    )


def _own(name: str) -> bool:
    """The lists themselves, and a file that is being written."""
    return name.startswith(".published/") or name.endswith(".half")


def _web(docker: Docker, container: Container) -> WebFiles:
    records = _records(docker, container, _WEB)
    modes = [content.split(" ", 2) for kind, content in records if kind == "mode"]
    return WebFiles(
        container=container,
        static=_hashes(records, "static"),
        secrets=_hashes(records, "secret"),
        modes={name: f"{mode} {owner}" for mode, owner, name in modes},
    )


def _postgres(docker: Docker, container: Container) -> dict[str, Any]:
    printed = docker("exec", "--interactive", container.name, *PSQL, stdin=_SQL, check=False)
    answers = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    answer = {key: value for each in answers for key, value in each.items()}
    if "databases" not in answer:
        raise ValueError(f"got {printed[-80:]!r}")
    return answer


def _schema(docker: Docker, server: Container, *, recorded: Recorded, observed: Observed) -> dict[str, Any] | None:
    """The site's own image, settings and login beside the database; None before the first release."""
    if not recorded.live:
        return None
    site = recorded.live[0]
    image = (observed.containers.get(site.name) or {}).get("Image") or site.inputs["image"]
    labels = {"stack": recorded.prefix, "role": LOOKING}
    words = [*_HARDENED, f"--name={recorded.prefix}-drift-{secrets.token_hex(4)}", f"--user={site.inputs['user']}"]
    words += [f"--label=django-stack.{key}={value}" for key, value in labels.items()]
    words += [f"--network={each['name']}" for each in server.inputs["networksAdvanced"]]
    mounts = [each for each in site.inputs.get("volumes") or () if each.get("readOnly")]
    if gone := [each["volumeName"] for each in mounts if each["volumeName"] not in observed.volumes]:
        raise ValueError(f"volume {gone[0]} is missing")  # Docker would make it anew
    words += [f"--volume={each['volumeName']}:{each['containerPath']}:ro" for each in mounts]
    words += [f"--env={pair}" for pair in site.inputs.get("envs") or ()]
    printed = docker("run", *words, "--entrypoint=python", str(image), "-c", BOOT, stdin=scripts())
    answer: dict[str, Any] = json.loads(printed)
    if answer["problem"]:
        raise ValueError(answer["problem"])
    return answer


def scripts() -> str:
    """What BOOT reads: the modules of in_site/, each with its name."""
    folder = Path(__file__).parent / "in_site"
    return json.dumps([[name, (folder / f"{name}.py").read_text(encoding="utf-8")] for name in _SCRIPTS])
