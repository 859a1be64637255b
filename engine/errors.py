"""The engine's exceptions.

EngineError
├── UsageError
├── StateError
│   └── StackLockedError
├── ConfigError
├── UnsupportedError
├── StepError
└── ProviderError
"""

from engine.values import Properties

NOT_INTERACTIVE, NO_SUCH_STACK, CHANGES_FOUND, DECLINED = 2, 6, 7, 8
"""The CLI's exit codes; all else is 1."""


class EngineError(Exception):
    """What the user reads, with the exit code of the CLI."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(EngineError):
    """A flag, verb or answer that ends the command."""


class StateError(EngineError):
    """The checkpoint cannot be trusted or written."""


class StackLockedError(StateError):
    """Another update holds the stack."""


class ConfigError(EngineError):
    """The project, its configuration or its secrets break a rule."""


class UnsupportedError(EngineError):
    """A resource type, property or SDK feature outside this engine's bounds."""


class StepError(EngineError):
    """One step failed, or the whole run; the display has told why."""


class ProviderError(EngineError):
    """One operation on one resource failed.

    `partial` is (id, outputs) of something that was created all the same: it stays in the state.

    `unsure` means that nobody knows whether the operation took place: it stays pending.
    """

    unsure = False

    def __init__(self, message: str, partial: tuple[str, Properties] | None = None) -> None:
        super().__init__(message)
        self.partial = partial
