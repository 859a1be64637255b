"""Pictures in the admin: titles can be mended, uploads go through the site's own form."""

from django.contrib import admin
from django.http import HttpRequest

from gallery.models import Picture


@admin.register(Picture)
class PictureAdmin(admin.ModelAdmin):
    list_display = ["title", "width", "height", "uploaded"]
    fields = ["title"]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False
