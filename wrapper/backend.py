"""Where the state lies.

The first that applies: PULUMI_BACKEND_URL; `backend.url` in Pulumi.yaml; `./.state` if it holds this stack already;
the backend that the Pulumi CLI is logged in to (with the CLI as the engine); else `./.state`, made at its first use and
ignored by git.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wrapper.engine_choice import VARIABLE, Engine
from wrapper.errors import WrapperError
from wrapper.json_file import read_json
from wrapper.project import pulumi_home

FILE = "file://"
SSH = "ssh://"
"""Files on a server, in the layout of a file backend; the embedded engine alone knows it."""
PULUMI_CLOUD = "https://api.pulumi.com"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The backend of one call."""

    url: str
    """As the engine is told, or finds by itself; the selected stack is remembered under it."""
    folder: Path | None
    """Absolute path of a file backend; None for any other."""
    is_default: bool = False
    """Whether nothing was configured, so that the engine has to be told."""

    @property
    def on_server(self) -> bool:
        return self.url.startswith(SSH)

    @property
    def has_files(self) -> bool:
        """Whether the stacks in it are files, here or on a server: then this wrapper creates what is missing."""
        return self.folder is not None or self.on_server

    def require(self, engine: Engine) -> None:
        """Raises WrapperError where the engine does not know it."""
        if self.on_server and engine.kind == "pulumi":
            raise WrapperError(
                f"backend: must be one that the Pulumi CLI knows (got {SSH}). To share the state over ssh set "
                f"{VARIABLE}=embedded; or set PULUMI_BACKEND_URL to one of the CLI's, such as s3://. See "
                "docs/shared-state.md."
            )


def choose(
    *,
    variable: str,
    project_url: str,
    default: Path,
    default_has_stack: bool,
    logged_in: str,
    cwd: Path,
) -> Backend:
    """The backend, from PULUMI_BACKEND_URL, `backend.url`, the default folder, and what the CLI is logged in to.

    `logged_in` is empty when the CLI is not the engine. Relative file URLs are relative to `cwd`, as in the CLI.
    """
    if variable:
        return Backend(url=variable, folder=_folder(variable, cwd))
    if project_url:
        return Backend(url=project_url, folder=_folder(project_url, cwd))
    if logged_in and not default_has_stack:
        return Backend(url=logged_in, folder=_folder(logged_in, cwd))
    return Backend(url=f"{FILE}{default}", folder=default, is_default=True)


def logged_in(environment: Mapping[str, str]) -> str:
    """The URL of the backend that the CLI is logged in to, or would log in to by itself; or an empty text."""
    folder = environment.get("PULUMI_CREDENTIALS_PATH")
    credentials = read_json((Path(folder) if folder else pulumi_home(environment)) / "credentials.json")
    token = PULUMI_CLOUD if environment.get("PULUMI_ACCESS_TOKEN") else ""
    return str(credentials.get("current") or token)


def _folder(url: str, cwd: Path) -> Path | None:
    if not url.startswith(FILE):
        return None
    return (cwd / Path(url.removeprefix(FILE).partition("?")[0]).expanduser()).resolve()
