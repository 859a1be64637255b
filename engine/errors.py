"""The engine's exceptions.

EngineError            what the user reads; carries the exit code of the CLI
├── UsageError         a flag, verb or setting that cannot be used so
├── StackNotFoundError no such stack in the backend
├── StateError         the checkpoint cannot be trusted or written
│   └── StackLockedError   another update holds the stack
├── SecretsError       the passphrase is missing or wrong
├── ConfigError        the project or stack configuration breaks a rule
├── UnsupportedError   a resource type, property or SDK feature outside this engine's bounds
├── ChangesFoundError  --expect-no-changes was given and there are some
├── UpdateFailedError  the run failed; the display has told why
├── StepError          one step failed; the display has told why
└── ProviderError      one operation on one resource failed
"""

from engine.values import Properties

EXIT_ERROR = 1
EXIT_NOT_INTERACTIVE = 2
EXIT_STACK_NOT_FOUND = 6
EXIT_CHANGES = 7
EXIT_CANCELLED = 8


class EngineError(Exception):
    """What the user reads. `exit_code` is the one the Pulumi CLI has for it."""

    exit_code = EXIT_ERROR


class UsageError(EngineError):
    def __init__(self, message: str, exit_code: int = EXIT_ERROR) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class StackNotFoundError(EngineError):
    exit_code = EXIT_STACK_NOT_FOUND


class StateError(EngineError):
    pass


class StackLockedError(StateError):
    pass


class SecretsError(EngineError):
    pass


class ConfigError(EngineError):
    pass


class UnsupportedError(EngineError):
    pass


class ChangesFoundError(EngineError):
    exit_code = EXIT_CHANGES


class UpdateFailedError(EngineError):
    pass


class StepError(EngineError):
    pass


class ProviderError(EngineError):
    """One operation on one resource failed.

    `partial` is (id, outputs) of something that was created all the same: it stays in the state with
    this error beside it, so that nothing is orphaned. `unsure` means that nobody knows whether the
    operation took place: it stays pending, and the next run looks into it.
    """

    def __init__(self, message: str, partial: tuple[str, Properties] | None = None) -> None:
        super().__init__(message)
        self.partial = partial
        self.unsure = False
