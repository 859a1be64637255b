"""Who answers: the release and the replica."""

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

SERVING_SINCE = timezone.now()
"""When this worker process started."""


def identity() -> dict[str, str]:
    return {"release": settings.RELEASE, "replica": settings.REPLICA}


def context(_request: HttpRequest) -> dict[str, str]:
    """Context processor: the foot of every page names who made it."""
    return identity()
