"""Why a step failed. The text is all that the person who deploys gets to see, so it ends with what to do."""


class StepError(Exception):
    """A step of a release failed."""


class DockerError(StepError):
    """A docker command failed; the text has its last words."""


class NotReadyError(StepError):
    """A container did not become healthy."""


class AbandonedError(NotReadyError):
    """The same, and that container's own step is ending the release: nobody else has to."""


class GateError(StepError):
    """A new replica did not pass the gate; no visitor has met it."""


class RevertedError(StepError):
    """The release took traffic, was found wanting, and gave it back."""
