"""The books in the admin: balances follow from transfers, and a transfer once written stays as it is."""

from django.contrib import admin
from django.http import HttpRequest

from timebank.models import Member, Notice, Transfer


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    list_display = ["name", "offers", "balance_minutes"]
    search_fields = ["name"]
    readonly_fields = ["balance_minutes"]


@admin.register(Notice)
class NoticeAdmin(admin.ModelAdmin):
    list_display = ["text", "member", "minutes", "posted", "settled"]
    list_filter = ["settled"]
    autocomplete_fields = ["member"]


@admin.register(Transfer)
class TransferAdmin(admin.ModelAdmin):
    list_display = ["at", "giver", "receiver", "minutes", "reason"]
    list_select_related = ["giver", "receiver"]
    date_hierarchy = "at"

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Transfer | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Transfer | None = None) -> bool:
        return False
