"""The satellite: this computer's microphone and speaker are an ear and a mouth of Home Assistant.

Home Assistant dials in. When somebody speaks, or all the time where it is to hear its wake word,
the satellite runs a pipeline there and sends what the microphone hears, until Home Assistant has
understood; what it says in answer is played, and can be cut in on.
"""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info
from wyoming.info import Satellite as SatelliteInfo
from wyoming.ping import Ping, Pong
from wyoming.pipeline import PipelineStage, RunPipeline
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.snd import Played
from wyoming.timer import TimerFinished
from wyoming.vad import VoiceStopped
from wyoming.wake import Detection

from agent.audio.earcon import earcon
from agent.audio.echo.stage import EchoStage
from agent.audio.inlet import Inlet
from agent.audio.intake import Intake
from agent.audio.speaker import Speaker
from agent.config.load import Config
from agent.events import MICROPHONE_RATE, Audio, Report
from agent.graph import Graph, Stage, each, task_group
from agent.server.wyoming.description import PROJECT, URL
from agent.server.wyoming.listening import accepting, announced
from agent.server.wyoming.mouth import Mouth
from agent.server.wyoming.sound import chunk
from agent.server.wyoming.wire import EventError, EventStream, WireError, taken_apart
from agent.turns.vad import WINDOW, Vad
from tts.extras import NAME

PRE_ROLL = 0.6
"""Seconds from before a voice was noticed that are sent too."""
LONGEST = 30.0
"""Seconds after which a command is over, whatever Home Assistant thinks."""
SILENT = 15.0
"""Seconds without an answer after which Home Assistant listens for its wake word again."""


class Satellite:
    """A satellite of one Home Assistant at a time: the one that dialled in last."""

    def __init__(
        self,
        config: Config,
        microphone: Stage[Any, Audio],
        speaker: Speaker,
        vad: Vad,
        report: Report,
        *,
        wake: bool = False,
    ) -> None:
        """`wake`: Home Assistant listens for a wake word; otherwise every voice is meant for it."""
        self._config = config
        self._microphone = microphone
        self._speaker = speaker
        self._vad = vad
        self._report = report
        self._wake = wake
        self._mouth = Mouth(lambda: speaker.playback)
        self._home: EventStream | None = None
        self._streaming = False
        self._sent = 0.0  # seconds of the command
        self._waits = 0.0  # seconds since Home Assistant has understood, and says nothing
        self._kept: deque[Audio] = deque()
        self._voice = 0.0  # seconds of voice without a break

    @asynccontextmanager
    async def running(self, host: str, port: int) -> AsyncGenerator[int]:
        """Wait for Home Assistant, listen and speak, for the block; gives the port.

        Raises ServeError, AudioError, and StageError when the microphone ends or fails.
        """
        with closing(self._mouth):
            async with task_group() as tasks:
                await tasks.start(self._speaker.run)
                tasks.start_soon(self._mouth.run)
                echo = EchoStage(self._config.echo, self._speaker.playback, self._report)
                await tasks.start(echo.follow)
                intake = Intake(Inlet(self._report), echo)
                heard = Graph(self._microphone, name="microphone").then(each(intake), name="audio")
                async with (
                    accepting(self._serve, host, port) as taken,
                    announced(f"{self._config.agent.name} satellite", host, taken),
                ):
                    tasks.start_soon(heard.then(partial(self._listen, echo)).run)
                    yield taken
                tasks.cancel_scope.cancel()

    async def _serve(self, home: EventStream) -> None:
        """Answer one connection."""
        try:
            while (event := await self._read(home)) is not None:
                try:
                    with taken_apart(event):
                        await self._on(event, home)
                except EventError as error:
                    await home.send(Error(str(error), "bad_event"))
        finally:
            self._leave(home)

    async def _read(self, home: EventStream) -> Event | None:
        while True:
            try:
                return await home.read()
            except EventError as error:
                await home.send(Error(str(error), "bad_event"))
            except WireError as error:
                await home.send(Error(str(error), "bad_protocol"))
                return None

    async def _on(self, event: Event, home: EventStream) -> None:
        kind = event.type
        if Describe.is_type(kind):
            await home.send(self._description())
        elif Ping.is_type(kind):
            await home.send(Pong(Ping.from_event(event).text))
        elif RunSatellite.is_type(kind):
            self._leave(self._home)
            self._home = home
            await self._listen_for_wake_word()
        elif home is not self._home:
            return  # another Home Assistant has taken its place
        elif PauseSatellite.is_type(kind):
            self._leave(home)
        elif AudioStart.is_type(kind):
            self._mouth.begin(partial(self._played, home))
        elif AudioChunk.is_type(kind):
            self._mouth.add(AudioChunk.from_event(event))
        elif AudioStop.is_type(kind):
            self._mouth.end()
        elif Detection.is_type(kind) or TimerFinished.is_type(kind):
            playback = self._speaker.playback
            playback.chime(earcon(playback.sample_rate))
        elif VoiceStopped.is_type(kind) or Transcript.is_type(kind):
            self._streaming = False
        elif Error.is_type(kind):
            self._streaming = False
            await self._listen_for_wake_word()
        # All others are ignored: they concern lights, screens, and what nobody knows yet.

    def _leave(self, home: EventStream | None) -> None:
        if home is not None and home is self._home:
            self._home = None
            self._streaming = False
            self._mouth.stop()

    async def _played(self, home: EventStream) -> None:
        await home.send(Played())
        if home is self._home and not self._mouth.speaks and not self._streaming:
            await self._listen_for_wake_word()

    async def _listen_for_wake_word(self) -> None:
        if self._wake and self._home is not None:
            await self._run_pipeline(PipelineStage.WAKE)

    async def _run_pipeline(self, start: PipelineStage) -> None:
        assert self._home is not None
        self._streaming, self._sent, self._waits = True, 0.0, 0.0
        await self._home.send(RunPipeline(start, PipelineStage.TTS))

    async def _listen(
        self,
        echo: EchoStage,
        receive: MemoryObjectReceiveStream[Audio],
        _send: MemoryObjectSendStream[Any],
    ) -> None:
        """Hear the microphone, and send what is meant for Home Assistant."""
        async for block in receive:
            begins = await self._begins(block, echo)
            if self._home is None:
                continue
            if not self._streaming and not self._wake and begins:
                self._mouth.stop()  # whoever speaks is listened to
                await self._run_pipeline(PipelineStage.ASR)
                for earlier in self._kept:
                    await self._send_sound(earlier)
            elif self._streaming:
                await self._send_sound(block)
            elif self._wake and not self._mouth.speaks:
                self._waits += block.duration
                if self._waits > SILENT:
                    await self._listen_for_wake_word()

    async def _begins(self, block: Audio, echo: EchoStage) -> bool:
        """Whether a voice has been heard for long enough; the sound is kept for a while."""
        self._kept.append(block)
        while sum(each.duration for each in self._kept) > PRE_ROLL:
            self._kept.popleft()
        start = echo.threshold(block.time or anyio.current_time(), self._config.vad.start)
        for probability in await self._vad.feed(block.pcm):
            self._voice = self._voice + WINDOW / MICROPHONE_RATE if probability >= start else 0.0
        enough = self._config.interruption.min_speech if self._mouth.speaks else 0.0
        return self._voice >= max(enough, self._config.turn.min_speech)

    async def _send_sound(self, block: Audio) -> None:
        if self._home is None or not self._streaming:
            return
        self._sent += block.duration
        await self._home.send(chunk(block.pcm, MICROPHONE_RATE))
        if self._sent > LONGEST and not self._wake:
            self._streaming = False
            await self._home.send(AudioStop())

    def _description(self) -> Info:
        return Info(
            satellite=SatelliteInfo(
                name=f"{self._config.agent.name} satellite",
                attribution=Attribution(PROJECT, URL),
                installed=True,
                description="microphone and speaker of this computer",
                version=version(NAME),
                has_vad=False,
                active_wake_words=[],
                max_active_wake_words=0,
                supports_trigger=False,
            )
        )
