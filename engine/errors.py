"""The engine's exceptions.

EngineError             what the user reads; carries the exit code of the CLI
├── UsageError          a flag, verb or answer that ends the command
├── StackNotFoundError  no such stack in the backend
├── StateError          the checkpoint cannot be trusted or written
│   └── StackLockedError   another update holds the stack
├── ConfigError         the project, its configuration or its secrets break a rule
├── UnsupportedError    a resource type, property or SDK feature outside this engine's bounds
├── ChangesFoundError   --expect-no-changes was given and there are some
├── StepError           one step failed, or the whole run; the display has told why
└── ProviderError       one operation on one resource failed
"""

from engine.values import Properties


class EngineError(Exception):
    exit_code = 1


class UsageError(EngineError):
    NOT_INTERACTIVE, DECLINED = 2, 8

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class StackNotFoundError(EngineError):
    exit_code = 6


class StateError(EngineError):
    pass


class StackLockedError(StateError):
    pass


class ConfigError(EngineError):
    pass


class UnsupportedError(EngineError):
    pass


class ChangesFoundError(EngineError):
    exit_code = 7


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
