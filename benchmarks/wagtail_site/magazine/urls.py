"""Addresses: health, Wagtail's administration, its documents and pages."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from wagtail import urls as pages
from wagtail.admin import urls as administration
from wagtail.documents import urls as documents


def health(_request: HttpRequest) -> HttpResponse:
    """200 when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok")


urlpatterns = [
    path("health/", health),
    path("admin/", include(administration)),
    path("documents/", include(documents)),
    path("", include(pages)),
]
