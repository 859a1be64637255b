"""Transactions that behave as if they ran one after the other."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

RETRIED_SQLSTATES = {"40001", "40P01"}
"""serialization_failure and deadlock_detected: PostgreSQL has rolled back and asks for another attempt."""


class BusyError(Exception):
    """Every attempt met a concurrent transaction."""


def serializable(*, attempts: int, base_seconds: float = 0.01) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run a function in a SERIALIZABLE transaction of its own, again if PostgreSQL could not serialize it.

    Before another attempt it sleeps a random time below `base_seconds` x 2^attempt, so that rivals part ways.
    The function must have no effect outside the database. Raises BusyError when all `attempts` have failed.
    """

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def attempt_until_serialized(*args: P.args, **kwargs: P.kwargs) -> R:
            for attempt in range(attempts):
                if attempt > 0:
                    time.sleep(random.uniform(0, base_seconds * 2**attempt))  # noqa: S311 - jitter, no secret
                try:
                    with transaction.atomic(durable=True):
                        with connection.cursor() as cursor:
                            cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                        return work(*args, **kwargs)
                except OperationalError as error:
                    if getattr(error.__cause__, "sqlstate", None) not in RETRIED_SQLSTATES:
                        raise
            raise BusyError("The books are busy just now. Please try again.")

        return attempt_until_serialized

    return decorate
