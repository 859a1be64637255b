"""The form that moves time."""

from django import forms

from timebank.models import Transfer
from timebank.templatetags.durations import duration

CHOICES_MINUTES = (15, 30, 45, 60, 90, 120, 180, 240)


class GiveForm(forms.ModelForm):
    minutes = forms.TypedChoiceField(
        label="How long",
        choices=[(minutes, duration(minutes)) for minutes in CHOICES_MINUTES],
        coerce=int,
        initial=60,
        widget=forms.RadioSelect,
    )
    notice = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Transfer
        fields = ["giver", "receiver", "minutes", "reason"]
        labels = {"giver": "Who had help", "receiver": "Who helped", "reason": "What for"}
        widgets = {"reason": forms.TextInput(attrs={"placeholder": "Two jars of plum jam"})}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for name in ("giver", "receiver"):
            self.fields[name].empty_label = "Choose …"
