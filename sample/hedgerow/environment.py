"""What the site is told from outside: plain values in the environment, secrets in files that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Reads settings and refuses what is missing; every error is ImproperlyConfigured and names its cure."""

    values: Mapping[str, str]
    """Usually os.environ."""

    local: bool = False
    """On a developer's machine: defaults are good enough, and secrets may come from the environment."""

    building: bool = False
    """While an image is built there are no secrets and no database, and none are needed."""

    def text(self, name: str, *, local: str) -> str:
        """The value of `name`; `local` stands in for it where no deployment has to answer for it."""
        value = self.values.get(name, "").strip()
        if value:
            return value
        if self.local or self.building:
            return local
        raise ImproperlyConfigured(f"{name}: must not be empty (got nothing). Set it in the environment.")

    def flag(self, name: str) -> bool:
        """True for 1, False for 0 or nothing; anything else is a mistake, not a guess."""
        value = self.values.get(name, "").strip()
        if value in {"", "0", "1"}:
            return value == "1"
        raise ImproperlyConfigured(f"{name}: must be 0 or 1 (got {value!r}). Correct the environment.")

    def names(self, name: str) -> list[str]:
        """The parts of a comma list."""
        return [part.strip() for part in self.values.get(name, "").split(",") if part.strip()]

    def secret(self, name: str) -> str:
        """The content of the file that `<name>_FILE` names, without the newline at its end."""
        if self.building:
            return ""
        path = self.values.get(f"{name}_FILE", "")
        if path:
            return _read_secret(f"{name}_FILE", Path(path))
        if self.local and self.values.get(name):
            return self.values[name]
        raise ImproperlyConfigured(
            f"{name}: no secret was given. Set {name}_FILE to the path of a file that holds it"
            f" (with DEBUG=1, {name} itself will do)."
        )


def _read_secret(name: str, path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{name}: cannot read the secret (got {path}: {type(error).__name__}). Mount the file there."
        ) from error
    if not value.strip():
        raise ImproperlyConfigured(f"{name}: the secret is empty (got {path}). Write it into the file.")
    return value
