"""Plain lines, as the CLI prints them where there is no terminal."""

from engine.display.base import TextDisplay
from engine.display.words import OPS, diff_summary, label, planned, seconds
from engine.events import Message, StepBegan, StepEvent, StepFailed
from engine.model import Op


class LineDisplay(TextDisplay):
    """Writes each event as it comes."""

    _last: Message | None = None

    def show_step(self, event: StepEvent) -> None:
        step, words = event.step, OPS[event.step.op]
        if isinstance(event, StepFailed):
            verb = f"**{words.begun} failed**"
        elif isinstance(event, StepBegan):
            verb = "" if self._preview or not words.begun else f"{words.begun} (0s)"
        else:
            ended = f"{words.ended} ({seconds(event.seconds)})" if words.ended else ""
            verb = planned(step) if self._preview else ended
        if verb:
            explained = self._preview or isinstance(event, StepBegan)
            cause = f"because {self._blind(step.cause)}" if explained and step.op is not Op.REFRESH else ""
            parts = (label(step.urn), self._palette(verb, words.color), diff_summary(step.diff), cause)
            self.print([f" {self._palette(words.symbol, words.color)} " + " ".join(filter(None, parts))])

    def show_message(self, message: Message) -> None:
        if message.passing and message == self._last:
            return
        self._last = message
        where = label(message.urn) if message.urn else "pulumi:pulumi:Stack"
        self.print([f"    {where} {self.prefix(message)}{line}" for line in self._blind(message.text).splitlines()])
