"""Which Docker Engine a call talks to, by the rules of the docker CLI."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wrapper.errors import WrapperError
from wrapper.json_file import read_json

DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where an Engine listens."""

    url: str
    source: str
    """What names it, in words."""
    certificates: Path | None = None
    """Folder with ca.pem, cert.pem and key.pem, for TLS."""

    @property
    def is_default(self) -> bool:
        """Whether nobody chose it, so that an Engine may be installed to listen there."""
        return self.url == DEFAULT

    @property
    def variables(self) -> dict[str, str]:
        """What makes every Docker client use it: those that know no contexts, too."""
        tls = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(self.certificates)} if self.certificates else {}
        return {} if self.is_default else {"DOCKER_HOST": self.url, **tls}


def find(environment: Mapping[str, str], *, home: Path) -> Endpoint:
    """DOCKER_HOST, else the current context (DOCKER_CONTEXT, `docker context use`), else the default socket.

    Raises WrapperError on a context that does not exist.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    if host := environment.get("DOCKER_HOST"):
        verify = bool(environment.get("DOCKER_TLS_VERIFY"))
        certificates = Path(environment.get("DOCKER_CERT_PATH") or folder) if verify else None
        return Endpoint(url=host, source="DOCKER_HOST", certificates=certificates)
    name = environment.get("DOCKER_CONTEXT") or str(read_json(folder / "config.json").get("currentContext") or "")
    if name in ("", "default"):
        return Endpoint(url=DEFAULT, source="the default socket")
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = read_json(folder / "contexts" / "meta" / identity / "meta.json")
    url = str(((meta.get("Endpoints") or {}).get("docker") or {}).get("Host") or "")
    if not url:
        raise WrapperError(
            f"docker: context '{name}' does not exist. "
            "Choose another: docker context use default (or unset DOCKER_CONTEXT)."
        )
    certificates = folder / "contexts" / "tls" / identity / "docker"
    return Endpoint(
        url=url, source=f"docker context '{name}'", certificates=certificates if certificates.is_dir() else None
    )
