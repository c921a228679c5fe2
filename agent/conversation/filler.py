"""A sign of life while the user waits: a soft tone, or a few words."""

from collections.abc import Callable

import numpy as np
from anyio.abc import TaskGroup
from numpy.typing import NDArray

from agent.audio.earcon import earcon
from agent.audio.playback import Playback
from agent.audio.resample import Resampler
from agent.config.sections import ThinkingSettings
from agent.conversation.reply import Reply
from agent.conversation.timer import Timer
from agent.events import Event, WarningEvent, What
from agent.graph import only
from tts import TextToSpeech

LOOK = 0.5
"""Seconds until it is seen whether the words before a tool have been spoken."""


class Filler:
    """Given when a reply is late, and at once when a tool says that it will be."""

    def __init__(
        self,
        settings: ThinkingSettings,
        playback: Playback,
        decide: Callable[[int, What, str], None],
        report: Callable[[Event], None],
    ) -> None:
        """`decide` is told when a sign is given, `report` when there cannot be one."""
        self._report = report
        self._settings = settings
        self._playback = playback
        self._decide = decide
        self._alarm = Timer()
        self._sound: NDArray[np.float32] = earcon(playback.sample_rate)
        self._reply: Reply | None = None
        self._tasks: TaskGroup | None = None

    async def prepare(self, tts: TextToSpeech) -> None:
        """Have the words spoken in advance: the voice is busy when they are wanted.

        Where the voice fails at it there is the tone, and a warning.
        """
        if self._settings.after is None or not self._settings.say:
            return
        try:
            async with tts.open() as utterance:
                await utterance.feed(self._settings.say)
                await utterance.finish()
                blocks = [speech.pcm async for speech in utterance]
        except Exception as error:  # noqa: BLE001  (P6: what is not said is not missed)
            message = f"thinking.say cannot be spoken: {only(error)}"
            self._report(WarningEvent("tts", "tts.filler", message))
            return
        resampler = Resampler(tts.sample_rate, self._playback.sample_rate, "high")
        whole = resampler.process(np.concatenate(blocks)) if blocks else self._sound
        self._sound = np.concatenate((whole, resampler.flush()))

    def expect(self, tasks: TaskGroup, reply: Reply) -> None:
        """The user waits for `reply` from now on."""
        self._reply = reply
        self._tasks = tasks
        self._alarm.set(tasks, self._settings.after, self._give)

    def tool_takes_long(self) -> None:
        """Let the user hear that something goes on: at once, or when the words before it end."""
        if self._settings.after is None or self._reply is None or self._tasks is None:
            return
        if self._reply.sounding and not self._reply.starved:
            self._alarm.set(self._tasks, LOOK, self.tool_takes_long)
        else:
            self._give()

    def _give(self) -> None:
        reply = self._reply
        if reply is None or (reply.sounding and not reply.starved) or reply.held:
            return
        if reply.outcome is None:
            self._decide(reply.turn, "filler", "the user has heard nothing for a while")
            self._playback.chime(self._sound)

    def stop(self, reply: Reply) -> None:
        """`reply` is over."""
        if reply is self._reply:
            self._alarm.stop()
