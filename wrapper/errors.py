"""The one way in which the front door fails."""


class WrapperError(Exception):
    """Something that the user has to put right: `where: what is wrong (got X). What to do.`

    `exit_code` is what the process ends with: 1, or 2 for a command line that makes no sense, as Pulumi has it.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
