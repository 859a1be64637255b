"""What one call works on: engine, project, backend and stack, chosen from the command line and what surrounds it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wrapper import backend, dev_config, overlay, project
from wrapper.arguments import CommandLine
from wrapper.backend import Backend
from wrapper.dev_config import STACK, DevConfig
from wrapper.engine_choice import Engine
from wrapper.errors import WrapperError
from wrapper.handover import Runner
from wrapper.project import Project


@dataclass(frozen=True, kw_only=True)
class Session:
    """One call."""

    call: CommandLine
    root: Path
    """The clone of this wrapper."""
    engine: Engine
    project: Project
    backend: Backend
    stack: str
    selects: bool
    """Whether the stack was neither named nor selected, so that the engine has to be told."""
    environment: Mapping[str, str]
    """Of the engine."""
    dev: DevConfig | None
    """The overlay, where the stack has one."""

    @property
    def runner(self) -> Runner:
        return Runner(self.engine, root=self.root, environment=self.environment)

    @property
    def tracked(self) -> str:
        """The stack's config file, as tracked; empty where there is none. Raises WrapperError on a broken one."""
        return dev_config.read_config(self.project.stack_config(self.stack))

    def extended(self, variables: Mapping[str, str]) -> "Session":
        return replace(self, environment={**self.environment, **variables})

    def check_passphrase(self) -> None:
        """Raises WrapperError where the engine would miss a passphrase, and none is generated."""
        by_cloud = self.backend.url.startswith(("http://", "https://"))
        provider = overlay.value_of(self.tracked, "secretsprovider")
        if by_cloud or provider not in ("", "passphrase") or dev_config.passphrase_is_set(self.environment):
            return
        raise WrapperError(
            f"stack {self.stack}: its passphrase is not set. Set PULUMI_CONFIG_PASSPHRASE or "
            "PULUMI_CONFIG_PASSPHRASE_FILE. A new stack gets a passphrase and its secrets from: "
            f"./ops secrets create --stack {self.stack}"
        )


def begin(call: CommandLine, *, root: Path, engine: Engine, folder: Path, environment: Mapping[str, str]) -> Session:
    """Choose backend and stack for the project in `folder`. Raises WrapperError."""
    own = project.load(folder)
    wanted = project.plain_stack(call.named_stack or environment.get("PULUMI_STACK", ""))
    chosen = backend.choose(
        variable=environment.get("PULUMI_BACKEND_URL", ""),
        project_url=own.backend_url,
        default=own.state,
        default_has_stack=project.state_file(own.state, project=own.name, stack=wanted or STACK) is not None,
        logged_in=backend.logged_in(environment) if engine.kind == "pulumi" else "",
        cwd=own.folder,
    )
    chosen.require(engine)
    home = project.pulumi_home(environment)
    selected = "" if wanted else project.selected_stack(own, home=home, url=chosen.url)
    variables = dict(environment)
    if chosen.is_default:
        variables["PULUMI_BACKEND_URL"] = chosen.url
    if not wanted and not selected and chosen.folder is None:
        variables["PULUMI_STACK"] = STACK
    session = Session(
        call=call,
        root=root,
        engine=engine,
        project=own,
        backend=chosen,
        stack=wanted or selected or STACK,
        selects=not wanted and not selected and chosen.folder is not None,
        environment=variables,
        dev=None,
    )
    in_files = chosen.folder is not None
    if dev_config.applies(stack=session.stack, file_backend=in_files, tracked=session.tracked):
        return replace(session, dev=DevConfig(own))
    return session
