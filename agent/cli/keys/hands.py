"""What each key does, and what is shown of it below the picture of the conversation."""

from collections.abc import Callable

from anyio.abc import TaskGroup
from rich.cells import cell_len
from rich.text import Text

from agent.cli.keys.decoder import Key
from agent.cli.keys.line_editor import LineEditor
from agent.cli.keys.talk_key import TalkKey
from agent.steering.steering import STEP, Steering

HINTS = (
    ("space", "talk"),
    ("m", "mute"),
    (".", "stop"),
    ("t", "type"),
    ("r", "again"),
    ("v/V", "volume"),
    ("?", "help"),
    ("q", "quit"),
)
HELP = (
    ("space", "talk: hold it, or tap it to begin and to end; the agent is silent"),
    ("m", "mute: nothing of you is heard or kept; again to be heard"),
    (".", "stop the agent: no more of what it says"),
    ("t", "type a message; Enter sends it, Esc leaves it for later"),
    ("r", "say the last answer again"),
    ("v V", "softer, louder"),
    ("?", "show this, or no longer"),
    ("q", "quit; so does Ctrl-C"),
)


class Hands:
    """Hands on a conversation: keys in, deeds of its steering out."""

    def __init__(
        self,
        steering: Steering,
        tasks: TaskGroup,
        *,
        clock: Callable[[], float],
        leave: Callable[[], None],
    ) -> None:
        """`tasks` lasts as long as the conversation, which `leave` ends; `clock` gives seconds."""
        self._steering = steering
        self._leave = leave
        self._talk = TalkKey(steering, tasks, clock)
        self._editor = LineEditor()
        self._typing = False
        self._helping = False
        self._notice = ""

    def __call__(self, key: Key, *, tells_release: bool) -> None:
        """Do what a key says. `tells_release`: the terminal tells when one is let go."""
        if key.event == "press":
            self._notice = ""
        if self._typing:
            if key.event != "release":
                self._type(key)
        elif key.name == "space":
            self._talk(key, tells_release=tells_release)
        elif not key.ctrl and (key.event == "press" or self._repeats(key)):
            self._act(key)

    def rows(self, width: int) -> list[Text]:
        """What is shown of it, lines of at most `width` cells."""
        rows = [Text(self._notice, style="yellow")] if self._notice else []
        if self._typing:
            return [*rows, self._line(width), Text("Enter sends, Esc leaves it", style="dim")]
        if self._helping:
            return [*rows, *(Text.assemble((f"{k:7}", "bold"), about) for k, about in HELP)]
        hints = Text(no_wrap=True, overflow="ellipsis")
        for key, about in HINTS:
            hints.append(f"{' · ' if hints else ''}", style="dim")
            hints.append(key, style="bold").append(f" {about}", style="dim")
        return [*rows, hints]

    @staticmethod
    def _repeats(key: Key) -> bool:
        """Whether a key that is held goes on doing what it does."""
        return key.event == "repeat" and key.name in ("v", "V")

    def _act(self, key: Key) -> None:
        match key.name:
            case "m":
                self._steering.toggle()
            case ".":
                self._steering.stop()
            case "t":
                self._typing = True
            case "paste":  # it is never a command, whatever is in it
                self._typing = True
                self._editor(key)
            case "r":
                self._steering.begin(self._steering.say_again, self._tell)
            case "v" | "V":
                self._steering.volume += STEP if key.name == "V" else -STEP
            case "?":
                self._helping = not self._helping
            case "escape":
                self._helping = False
            case "q":
                self._leave()

    def _type(self, key: Key) -> None:
        match key.name:
            case "escape":
                self._typing = False
            case "enter":
                self._typing = False
                if text := self._editor.text.strip():
                    self._steering.begin(lambda: self._steering.ask(text), self._tell)
                self._editor = LineEditor()
            case _:
                self._editor(key)

    def _tell(self, why: str) -> None:
        self._notice = why

    def _line(self, width: int) -> Text:
        """The message, as much of it as fits, and the cursor in it."""
        text, cursor = f"{self._editor.text} ", self._editor.cursor
        start, room = 0, max(8, width - 3)
        while cell_len(text[start : cursor + 1]) > room:
            start += 1
        end = cursor + 1
        while end < len(text) and cell_len(text[start : end + 1]) <= room:
            end += 1
        return Text.assemble(
            ("› ", "bold green"),
            text[start:cursor],
            (text[cursor], "reverse"),
            text[cursor + 1 : end],
            no_wrap=True,
        )
