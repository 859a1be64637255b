"""Questions to PostgreSQL, asked within its container, over the local socket, as its superuser."""

from collections.abc import Mapping

from release.docker_cli import Docker


def ask(
    docker: Docker, container: str, statements: str, *, database: str, variables: Mapping[str, str] | None = None
) -> str:
    """What it answers, without headings; `variables` are psql's own. Raises DockerError at the first failure."""
    words = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    words += ["--host=/run/postgresql", "--username=postgres", f"--dbname={database}"]
    words += [f"--set={key}={value}" for key, value in (variables or {}).items()]
    return docker("exec", "--interactive", container, "psql", *words, stdin=statements)
