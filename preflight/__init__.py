"""Checks that run before anything is touched, in the program itself, so with every engine."""

import pulumi

from preflight.host import check_host
from preflight.messages import CheckMessage, without_silenced
from preflight.policies import PolicyError, enforce
from preflight.server import Server, UnreachableError, observe
from settings_model import Settings

__all__ = ["CheckMessage", "PolicyError", "PreflightError", "Server", "check", "check_host", "enforce"]


class PreflightError(pulumi.RunError):
    """The stack cannot be deployed as things are. Its text is every error's."""


def check(settings: Settings) -> Server:
    """The server, if it can run the stack; warnings are logged. Raises PreflightError with every error found."""
    try:
        server = observe(settings.docker_host, settings.prefix, {settings.site.http_port, settings.site.https_port})
    except UnreachableError as unreachable:
        raise PreflightError(f"{unreachable.message}") from None
    messages = without_silenced(check_host(settings, server), settings.silenced_checks)
    for message in messages:
        if message.level == "warning":
            pulumi.log.warn(str(message))
    errors = [str(message) for message in messages if message.level == "error"]
    if errors:
        raise PreflightError("\n  ".join(["the stack cannot be deployed as things are:", *errors]))
    return server
