"""What a new, empty database begins with: a dump, and what commands make, in containers of their own."""

import dataclasses
from dataclasses import dataclass

from components.postgres import Postgres
from components.secret_files import DIRECTORY as SECRETS
from components.sizing import Limits
from components.spec import ContainerSpec, Mount
from components.step import docker_words
from release.plan import Seeding

_RESTORE = f"""\
export PGPASSWORD="$(cat {SECRETS}/database_password)"
for kind; do :; done
if [ "$kind" = custom ]; then
    pg_restore --exit-on-error --no-owner --no-privileges --dbname="$PGDATABASE"
else
    psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1
fi
while [ $# -gt 1 ]; do
    found=$(psql --no-psqlrc --quiet --tuples-only --no-align --command="SELECT EXISTS ($1)" </dev/null)
    if [ "$found" != f ]; then
        echo "seedChecks: must find no row in the dump (got at least one): $1. Mask the dump, or correct the query." >&2
        exit 1
    fi
    shift
done
"""
"""Words: the checks, then the dump's format. As the site's own role: a dump may do what the site may."""


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What a new database begins with."""

    image: str
    """Image with PostgreSQL's own tools."""
    dump: str = ""
    """Path of a dump on the machine that deploys, plain SQL or pg_dump's custom format; restored first."""
    checks: tuple[str, ...] = ()
    """Queries that must find no row in it."""
    commands: tuple[str, ...] = ()
    """Commands to run in the new image, after the migrations."""

    def plan(self, postgres: Postgres, migrate: ContainerSpec) -> Seeding:
        """What the step is told. `migrate` runs the site's migrations, and the commands that are added to its own."""
        prefix, draft = migrate.placement.prefix, f"{postgres.database}_draft"
        fill = dataclasses.replace(
            migrate,
            name=f"{prefix}-seed",
            role="seed",
            command=[*migrate.command, *self.commands],
            env=dict(migrate.env) | {"DATABASE_NAME": draft, "RELEASE": "seed"},
        )
        return Seeding(
            postgres=postgres.container_name,
            database=postgres.database,
            draft=draft,
            dump=self.dump,
            restore=tuple(docker_words(self._restore(postgres, fill, draft), "--interactive")) if self.dump else (),
            fill=tuple(docker_words(fill)),
        )

    def _restore(self, postgres: Postgres, fill: ContainerSpec, draft: str) -> ContainerSpec:
        secrets: list[Mount] = [mount for mount in fill.mounts if mount.path == SECRETS]
        return ContainerSpec(
            name=f"{fill.placement.prefix}-restore",
            image=self.image,
            user=fill.user,
            limits=Limits(cpus=1, memory_mb=256, pids=20),
            placement=fill.placement,
            role="restore",
            entrypoint=["sh", "-ec", _RESTORE, "restore"],
            command=list(self.checks),
            env={
                "PGHOST": postgres.host,
                "PGPORT": str(postgres.port),
                "PGUSER": postgres.user,
                "PGDATABASE": draft,
            },
            networks=fill.networks,
            mounts=secrets,
        )
