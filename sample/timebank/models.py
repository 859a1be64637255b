"""Members lend each other time; a notice asks for it, a transfer pays for it."""

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

OVERDRAFT_MINUTES = 600
"""How far a member may fall behind: ten hours."""

LONGEST_MINUTES = 480
"""The longest single transfer: a working day."""


class Emblem(models.TextChoices):
    """The picture beside a member's name; each is a symbol in static/emblems.svg."""

    ACORN = "acorn"
    BEE = "bee"
    FERN = "fern"
    MUSHROOM = "mushroom"
    PEAR = "pear"
    RADISH = "radish"
    SNAIL = "snail"
    SUN = "sun"
    TULIP = "tulip"


class Member(models.Model):
    name = models.CharField(max_length=60, unique=True)
    offers = models.CharField(max_length=80, help_text="What the others may ask for.")
    emblem = models.CharField(max_length=12, choices=Emblem, default=Emblem.FERN)
    balance_minutes = models.IntegerField(default=0, editable=False)

    class Meta:
        ordering = ["name"]
        indexes = [
            # Serves name__istartswith, which Django writes as UPPER(name) LIKE 'ADA%'.
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="member_name_prefix"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(balance_minutes__gte=-OVERDRAFT_MINUTES), name="member_within_overdraft"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="notices")
    text = models.CharField(max_length=120)
    minutes = models.PositiveSmallIntegerField(help_text="What the help is worth.")
    posted = models.DateTimeField(default=timezone.now)
    settled = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-posted"]
        indexes = [
            # Settled notices pile up for ever; the board asks for the few open ones only.
            models.Index(F("posted").desc(), condition=Q(settled__isnull=True), name="notice_open_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__gt=0, minutes__lte=LONGEST_MINUTES), name="notice_minutes_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Transfer(models.Model):
    giver = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="given")
    receiver = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="received")
    minutes = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=120)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(F("at").desc(), name="transfer_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__gt=0, minutes__lte=LONGEST_MINUTES), name="transfer_minutes_in_range"
            ),
            models.CheckConstraint(
                condition=~Q(giver=F("receiver")),
                name="transfer_between_two",
                violation_error_message="Pick two different members.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.giver} → {self.receiver}: {self.minutes} min"
