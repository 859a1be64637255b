"""Pictures that members have put on the wall."""

from django.db import models
from django.utils import timezone


class Picture(models.Model):
    title = models.CharField(max_length=80)
    image = models.ImageField(upload_to="gallery/", width_field="width", height_field="height")
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    uploaded = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-uploaded"]
        indexes = [models.Index(models.F("uploaded").desc(), name="picture_newest")]

    def __str__(self) -> str:
        return self.title
