"""All kinds of drift by id, for the findings and for the documentation."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of drift. Its id is stable for ever."""

    id: str
    name: str
    """What differs, in a few words."""
    cause: str
    """What has most likely happened."""

    @property
    def severity(self) -> str:
        """`critical` where the site, its data or what guards them is at stake; `notice` for the program; `warning`."""
        kind = self.id.removeprefix("drift.")
        return "notice" if kind.startswith("D") else "critical" if kind in _CRITICAL else "warning"


SEVERITIES = ("critical", "warning", "notice")
_CRITICAL = {
    *("C001", "C003", "C004", "C019", "C020", "C021", "C022", "C029", "C032", "C033", "N001", "N004", "V001", "V004"),
    *("F001", "F002", "F004", "F005", "F006", "F008", "F009", "F010", "P002", "P004", "P005", "P006", "P007", "P008"),
    *("P009", "P010", "S001", "S004", "S005", "S007", "S008", "S011", "S012", "S013", "S014"),
}


_UPDATE = "a person's `docker update`"
_ANEW = "the container was made anew by hand, by `docker run` or Compose"
_EXEC = "somebody wrote to it, from a container that has it mounted or as root on the server"
_PSQL = "a person's statement in psql"
_UNDEPLOYED = "the program or its config has changed since the last `up`"

KINDS = (
    Kind(id="drift.C001", name="container is missing", cause="`docker rm`, or a prune"),
    Kind(id="drift.C002", name="container is another one of the same name", cause=_ANEW),
    Kind(id="drift.C003", name="container does not run", cause="`docker stop`, `kill` or `pause`, or a crash"),
    Kind(id="drift.C004", name="container is not healthy", cause="its work fails; its log says why"),
    Kind(id="drift.C005", name="image of a container", cause="a restart with another image, which is a new container"),
    Kind(id="drift.C006", name="environment", cause=_ANEW),
    Kind(id="drift.C007", name="labels of a container", cause=_ANEW),
    Kind(id="drift.C008", name="volumes of a container", cause=_ANEW),
    Kind(id="drift.C009", name="tmpfs", cause=_ANEW),
    Kind(id="drift.C010", name="networks of a container", cause="`docker network connect` or `disconnect`"),
    Kind(id="drift.C011", name="aliases in a network", cause="`docker network disconnect` and `connect` without them"),
    Kind(id="drift.C012", name="published ports", cause=_ANEW),
    Kind(id="drift.C013", name="CPU limit or share", cause=_UPDATE),
    Kind(id="drift.C014", name="memory limit", cause=_UPDATE),
    Kind(id="drift.C015", name="swap limit", cause=_UPDATE),
    Kind(id="drift.C016", name="limit of processes", cause=f"{_UPDATE}, or its `ready` step was cut off"),
    Kind(id="drift.C017", name="size of /dev/shm", cause=_ANEW),
    Kind(id="drift.C018", name="limit of open files", cause=_ANEW),
    Kind(id="drift.C019", name="capabilities", cause=_ANEW),
    Kind(id="drift.C020", name="security options", cause=_ANEW),
    Kind(id="drift.C021", name="read-only root", cause=_ANEW),
    Kind(id="drift.C022", name="user", cause=_ANEW),
    Kind(id="drift.C023", name="command", cause=_ANEW),
    Kind(id="drift.C024", name="health check", cause=_ANEW),
    Kind(id="drift.C025", name="restart policy", cause=_UPDATE),
    Kind(id="drift.C026", name="stop signal or time", cause=_ANEW),
    Kind(id="drift.C027", name="log options", cause=_ANEW),
    Kind(id="drift.C028", name="kernel settings", cause=_ANEW),
    Kind(id="drift.C029", name="rights on the host", cause=_ANEW),
    Kind(id="drift.C030", name="a limit that nobody declared", cause=_UPDATE),
    Kind(id="drift.C031", name="container of the stack that nobody declared", cause="`docker run` with its labels"),
    Kind(id="drift.C032", name="files written into a container", cause="`docker exec` or `docker cp`"),
    Kind(id="drift.C033", name="Nginx is in a network that is gone", cause="the holder was restarted alone"),
    Kind(id="drift.N001", name="network is missing", cause="`docker network rm`, or a prune"),
    Kind(id="drift.N002", name="network is another one of the same name", cause="it was made anew by hand"),
    Kind(id="drift.N003", name="properties of a network", cause="it was made anew by hand"),
    Kind(id="drift.N004", name="container on a network that nobody declared", cause="`docker network connect`"),
    Kind(id="drift.V001", name="volume is missing", cause="`docker volume rm`, or a prune"),
    Kind(id="drift.V002", name="properties of a volume", cause="it was made anew by hand"),
    Kind(id="drift.V003", name="volume of the stack that nobody declared", cause="`docker volume create`"),
    Kind(id="drift.V004", name="volume is mounted by a stranger", cause="`docker run --volume`"),
    Kind(id="drift.I001", name="image is missing", cause="`docker image rm`, or a prune"),
    Kind(id="drift.I002", name="name stands for another image", cause="`docker tag`, or a build by hand"),
    Kind(id="drift.F001", name="secret file is another one", cause=_EXEC),
    Kind(id="drift.F002", name="secret file is missing", cause=_EXEC),
    Kind(id="drift.F003", name="file beside the secrets", cause=_EXEC),
    Kind(id="drift.F004", name="mode or owner of a secret file", cause=_EXEC),
    Kind(id="drift.F005", name="static file is another one", cause=_EXEC),
    Kind(id="drift.F006", name="static file is missing", cause=_EXEC),
    Kind(id="drift.F007", name="static file that nobody published", cause=_EXEC),
    Kind(id="drift.F008", name="slot points elsewhere", cause=_EXEC),
    Kind(id="drift.F009", name="slot is missing or leads nowhere", cause=_EXEC),
    Kind(id="drift.F010", name="another release is live", cause="the slots were committed by hand"),
    Kind(id="drift.F011", name="file beside the slots", cause=_EXEC),
    Kind(id="drift.X001", name="Nginx's live configuration", cause="`docker exec` and an editor"),
    Kind(id="drift.P001", name="PostgreSQL setting", cause="the server was started with another command"),
    Kind(id="drift.P002", name="PostgreSQL setting that nobody declared", cause="ALTER SYSTEM, or an edited file"),
    Kind(id="drift.P003", name="setting of a role or database", cause="ALTER ROLE … SET, or ALTER DATABASE … SET"),
    Kind(id="drift.P004", name="role is missing", cause=_PSQL),
    Kind(id="drift.P005", name="role that nobody declared", cause=_PSQL),
    Kind(id="drift.P006", name="rights of a role", cause="ALTER ROLE"),
    Kind(id="drift.P007", name="membership of a role", cause="GRANT or REVOKE of a role"),
    Kind(id="drift.P008", name="password of a role", cause="ALTER ROLE … PASSWORD"),
    Kind(id="drift.P009", name="database that nobody declared, or none", cause="CREATE or DROP DATABASE"),
    Kind(id="drift.P010", name="owner or rights of the database", cause="ALTER DATABASE, GRANT or REVOKE"),
    Kind(id="drift.S001", name="migration is not applied", cause="migrations were taken back by hand"),
    Kind(id="drift.S002", name="migration that no release has applied", cause="`manage.py migrate` by hand"),
    Kind(id="drift.S003", name="index is not valid", cause="CREATE INDEX CONCURRENTLY was cut short"),
    Kind(id="drift.S004", name="table is missing", cause=_PSQL),
    Kind(id="drift.S005", name="column is missing", cause=_PSQL),
    Kind(id="drift.S006", name="column that no migration declares", cause=_PSQL),
    Kind(id="drift.S007", name="type of a column", cause=_PSQL),
    Kind(id="drift.S008", name="NULL or NOT NULL of a column", cause=_PSQL),
    Kind(id="drift.S009", name="what the database puts into a column", cause=_PSQL),
    Kind(id="drift.S010", name="index is missing", cause=_PSQL),
    Kind(id="drift.S011", name="unique constraint or primary key is missing", cause=_PSQL),
    Kind(id="drift.S012", name="foreign key is missing", cause=_PSQL),
    Kind(id="drift.S013", name="check or exclusion constraint is missing", cause=_PSQL),
    Kind(id="drift.S014", name="index or constraint is another one", cause=_PSQL),
    Kind(id="drift.S015", name="index or constraint that no migration declares", cause=_PSQL),
    Kind(id="drift.R001", name="an operation was cut off", cause="an update was killed"),
)
"""C containers, N networks, V volumes, I images, F files, X Nginx, P PostgreSQL, S schema, R the recorded state."""

PROGRAM = (
    Kind(id="drift.D001", name="would be created", cause=_UNDEPLOYED),
    Kind(id="drift.D002", name="would be updated", cause=_UNDEPLOYED),
    Kind(id="drift.D003", name="would be replaced", cause=_UNDEPLOYED),
    Kind(id="drift.D004", name="would be deleted", cause=_UNDEPLOYED),
)
"""Where the state and the program differ: nothing drifted, something is not deployed yet."""

BY_ID = {kind.id: kind for kind in (*KINDS, *PROGRAM)}
