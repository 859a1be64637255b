"""`./ops doctor`: what is there, and what is wrong with it. Looks only; changes nothing."""

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operations import diagnosis
from operations.command import add_command
from operations.diagnosis import Findings
from operations.errors import OperationError
from operations.loaded_settings import load_settings
from operations.stack import open_stack
from preflight.config import check_config
from preflight.host import check_host, check_server
from preflight.messages import CheckMessage, error
from preflight.server import Server, UnreachableError, observe
from settings import SettingsError
from settings_model import Settings
from wrapper import docker_endpoint, engine_choice
from wrapper.errors import WrapperError

_DESCRIPTION = """\
Shows which Docker Engine the stack would be deployed to, what the server has, who holds the stack's ports, and the
outcome of every check that runs before a deployment. Looks only: nothing is changed, and nothing need be deployed.

Exit code: 0 when nothing stops a deployment, else 1. docs/checks.md explains each check by its id.
"""


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = add_command(
        commands,
        "doctor",
        run,
        shared=shared,
        summary="look for what would stop a deployment",
        description=_DESCRIPTION,
    )
    parser.add_argument("--json", "-j", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look, and tell. Raises WrapperError where there is no engine to deploy with."""
    findings = gather(arguments.stack, os.environ)
    print(json.dumps(diagnosis.as_json(findings), indent=2) if arguments.json else diagnosis.as_text(findings))
    return findings.exit_code


def gather(name: str, environment: Mapping[str, str]) -> Findings:
    """All that can be learned about the stack and its server, whatever of it is broken. Raises WrapperError."""
    engine = engine_choice.find(environment.get(engine_choice.VARIABLE, ""))
    config_name = f"Pulumi.{name or 'dev'}.yaml"
    settings: Settings | None = None
    messages: list[CheckMessage] = []
    try:
        stack = open_stack(name, environment)
        name, config_name = stack.name, stack.config_name
        stack.require_config()
        settings = load_settings(
            stack.values(),
            project=stack.project,
            stack=stack.name,
            folder=stack.folder,
            secrets_made=bool(stack.session.dev),
        )
    except SettingsError as refused:
        messages = check_config(refused.problems)
    except (OperationError, WrapperError) as problem:
        messages = [_message("config.E001", problem)]
    docker_host, endpoint, no_context = _endpoint(settings, environment)
    server, found = (None, no_context) if no_context else _look(docker_host, settings)
    return Findings(
        stack=name or "dev",
        config_name=config_name,
        engine=engine.line.removeprefix("engine: "),
        endpoint=endpoint,
        docker_cli=_cli_version(),
        server=server,
        ports=ports_of(settings, server) if settings and server else {},
        config_usable=settings is not None,
        messages=[*messages, *found],
        silenced=settings.silenced_checks if settings else {},
    )


def ports_of(settings: Settings, server: Server) -> dict[str, str]:
    """The stack's published ports and who holds them."""
    site = settings.site
    holders = {
        port: ", ".join(sorted({each.owner for each in server.listeners if each.port == port}))
        for port in (site.http_port, site.https_port)
        if port
    }
    return {f"{site.publish_address}:{port}": holder for port, holder in holders.items()}


def _endpoint(settings: Settings | None, environment: Mapping[str, str]) -> tuple[str, str, list[CheckMessage]]:
    """DOCKER_HOST for the engine, the same in words, and what is wrong with it."""
    if settings and settings.docker_host:
        return settings.docker_host, f"{settings.docker_host} (docker:host of the stack config)", []
    try:
        found = docker_endpoint.find(environment, home=Path.home())
    except WrapperError as problem:
        return "", "a context that does not exist", [_message("host.E001", problem)]
    os.environ.update(found.variables)  # the certificates of a context
    return "" if found.is_default else found.url, f"{found.url} ({found.source})", []


def _look(docker_host: str, settings: Settings | None) -> tuple[Server | None, list[CheckMessage]]:
    """The server and what is wrong with it; without settings, what would be wrong for any stack."""
    try:
        if settings is None:
            server = observe(docker_host, "", ())
            return server, check_server(server)
        server = observe(docker_host, settings.prefix, (settings.site.http_port, settings.site.https_port))
        return server, check_host(settings, server)
    except UnreachableError as unreachable:
        return None, [unreachable.message]


def _message(check_id: str, problem: Exception) -> CheckMessage:
    """An error that reads `where: what is wrong. What to do.` as a finding."""
    text, _, hint = str(problem).partition(". ")
    return error(check_id, f"{text}.", hint)


def _cli_version() -> str:
    path = shutil.which("docker")
    if path is None:
        return ""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path} (it does not run)"
    return f"{done.stdout.strip().removeprefix('Docker version ')} ({path})"
