"""Filter for control tokens that a server leaves in a reply: `<|im_end|>`, harmony's channels.

They belong to the prompt's template, and what follows an end is a turn that the model invents.
Thoughts that tokens mark come out between `<think>` and `</think>`, for `ReasoningFilter`.
"""

import re

_BAR = "[|｜]"
CONTROL = re.compile(
    rf"<{_BAR}(?P<name>[^<>|｜\s]{{1,40}}){_BAR}?>|<(?P<closed>\w{{1,40}}){_BAR}>"
    r"|<(?P<word>/?s|eos|bos|pad|(?:start|begin|end)_of_\w{1,20}|unused\d{1,4})>"
    r"|\[(?P<instruction>/?INST)\]"
)
_BEGINNING = re.compile(rf"<{_BAR}?[^<>|｜\s\[]{{0,40}}{_BAR}?|\[(?:/?I?|/?IN|/?INS|/?INST)")
_LONGEST = 44
_LONGEST_HEADER = 200

_THOUGHT = re.compile(r"think|thought|reason|^unused9[45]$")
_CLOSES = re.compile(r"^/|^end|end$|^unused95$")
_ENDS = re.compile(r"^end.?of|^e[ou][stmd]|^im.?end$|^return$|^/s$|^eos$|^endoftext$|python_tag")
_HEADERS = ("im_start", "start", "start_header_id", "start_of_turn", "turn", "header_start")
_TURNS = ("user", "human", "system", "tool", "observation", "inst", "/inst", "ipython", "developer")
_AGENTS = ("assistant", "model", "ai", "bot")


class ControlTokens:
    """Streaming filter of one reply: no control token comes out, nor what follows its end."""

    def __init__(self) -> None:
        self.over = False
        """Whether the model has ended its reply: whatever follows is not its own."""
        self._held = ""
        self._header: str | None = None  # what has come of a message's header
        self._said = False
        self._thinks = False
        self._silent = False  # between messages, and where a tool is called
        self._strikes = False  # <s> is HTML here

    def feed(self, text: str) -> str:
        """Take more of the reply; what there is to hear or to think."""
        if self.over:
            return ""
        text = self._held + text
        self._held = ""
        given = []
        while not self.over and (token := CONTROL.search(text)) is not None:
            given += [self._text(text[: token.start()]), self._token(token)]
            text = text[token.end() :]
        if self.over:
            return "".join(given)
        kept = len(text) - _beginning(text)
        self._held = text[kept:]
        return "".join([*given, self._text(text[:kept])])

    def finish(self) -> str:
        """End the reply: what was held back."""
        rest, self._held = self._held, ""
        return "" if self.over else self._text(rest)

    def _text(self, text: str) -> str:
        if self._header is not None:
            header, newline, rest = (self._header + text).partition("\n")
            self._header = header
            if not newline and len(header) <= _LONGEST_HEADER:
                return ""
            return self._end_header() + self._text(rest)
        if self._silent or self.over:
            return ""
        self._said = self._said or (bool(text.strip()) and not self._thinks)
        return text

    def _token(self, token: re.Match[str]) -> str:
        name = str(token["name"] or token["word"] or token["instruction"] or "").lower()
        name = name.replace("▁", "_").strip("_")
        if token["closed"]:  # <channel|> closes <|channel>
            return self._think(on=False)
        if name == "s" and self._said:
            self._strikes = True
        if name in ("s", "/s") and self._strikes:
            return token[0]
        if name == "channel":
            self._header, self._silent = "", False
        elif name in _HEADERS:
            self._header = ""
        elif name in ("message", "end_header_id", "header_end"):
            return self._end_header()
        elif _THOUGHT.search(name):
            return self._think(on=not _CLOSES.search(name))
        elif name in ("end", "call"):
            self._silent = True
            return self._think(on=False)
        elif "tool" in name:
            self._silent = not _CLOSES.search(name)
        elif _ENDS.search(name) or name in _TURNS or (name in _AGENTS and self._said):
            self.over = True
        return ""

    def _end_header(self) -> str:
        """Take what a header says: who speaks, or on which channel."""
        header, self._header = self._header or "", None
        words = header.lower().split()
        role = words[0] if words else ""
        if role in _TURNS or (role in _AGENTS and self._said and not self._silent):
            self.over = True
            return ""
        self._silent = False
        if role in _AGENTS or not role:
            return ""
        private = role != "final" and (role != "commentary" or "to=" in header)
        return self._think(on=private)

    def _think(self, *, on: bool) -> str:
        if on == self._thinks:
            return ""
        self._thinks = on
        return "<think>" if on else "</think>"


def _beginning(text: str) -> int:
    """How many of the last characters may be the beginning of a token."""
    start = max(text.rfind("<", -_LONGEST), text.rfind("[", -_LONGEST))
    return len(text) - start if start >= 0 and _BEGINNING.fullmatch(text, start) else 0
