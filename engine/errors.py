"""The engine's exceptions.

EngineError             what the user reads; carries the exit code of the CLI
├── UsageError          a flag, verb or answer that ends the command
├── StateError          the checkpoint cannot be trusted or written
│   └── StackLockedError   another update holds the stack
├── ConfigError         the project, its configuration or its secrets break a rule
├── UnsupportedError    a resource type, property or SDK feature outside this engine's bounds
├── StepError           one step failed, or the whole run; the display has told why
└── ProviderError       one operation on one resource failed
"""

from engine.values import Properties

NOT_INTERACTIVE, NO_SUCH_STACK, CHANGES_FOUND, DECLINED = 2, 6, 7, 8
"""The CLI's exit codes; all else is 1."""


class EngineError(Exception):
    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(EngineError):
    pass


class StateError(EngineError):
    pass


class StackLockedError(StateError):
    pass


class ConfigError(EngineError):
    pass


class UnsupportedError(EngineError):
    pass


class StepError(EngineError):
    pass


class ProviderError(EngineError):
    """`partial` is (id, outputs) of something that was created all the same: it stays in the state.

    `unsure` means that nobody knows whether the operation took place: it stays pending.
    """

    unsure = False

    def __init__(self, message: str, partial: tuple[str, Properties] | None = None) -> None:
        super().__init__(message)
        self.partial = partial
