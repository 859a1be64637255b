"""Rows that load tests write."""

from django.db import models
from django.utils import timezone

KEPT_PINGS = 1000


class Ping(models.Model):
    token = models.CharField(max_length=64)
    release = models.CharField(max_length=80)
    replica = models.CharField(max_length=80)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.token
