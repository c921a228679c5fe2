"""Parley's turn detector for Pipecat's turns, where another recogniser hears the words."""

from typing import Any

from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer, BaseTurnParams, EndOfTurnState
from pipecat.audio.vad.vad_analyzer import VAD_STOP_SECS
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.metrics.metrics import MetricsData
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy

from agent.config.sections import TurnSettings, VadSettings
from agent.turns.completeness import judge
from agent.turns.detector import TurnDetector
from agent.turns.events import SpeechEnded


class ParleyTurnAnalyzer(BaseTurnAnalyzer):  # type: ignore[misc]
    """Analyzer of a turn's end: the more finished its words read, the less silence it takes."""

    _detector: TurnDetector
    _voiced: bool
    _time: float  # seconds of sound
    _text: str

    def __init__(
        self, *, turn: TurnSettings | None = None, language: str | None = None, **options: Any
    ) -> None:
        """`turn`: how much silence that is. `language`: a code; else the words tell English."""
        super().__init__(**options)
        self._settings = turn or TurnSettings()
        self._language = language
        self._begin()

    @property
    def speech_triggered(self) -> bool:
        """Whether a turn has begun."""
        return self._detector.speaking

    @property
    def params(self) -> BaseTurnParams:
        """Pipecat's, of which there are none."""
        return BaseTurnParams()

    def append_audio(self, buffer: bytes, is_speech: bool) -> EndOfTurnState:
        """Take 16 bit samples, by whose length time is counted; COMPLETE when the turn is over."""
        start = self._time
        if self._voiced and not is_speech:
            start += VAD_STOP_SECS  # Pipecat's detector has waited so long before it said so
        self._voiced = is_speech
        self._time = start + len(buffer) / 2 / self.sample_rate
        self._judge()
        signals = self._detector.update(float(is_speech), start, self._time)
        if any(isinstance(signal, SpeechEnded) for signal in signals):
            self.clear()
            return EndOfTurnState.COMPLETE
        return EndOfTurnState.INCOMPLETE

    async def analyze_end_of_turn(self) -> tuple[EndOfTurnState, MetricsData | None]:
        """Say that it goes on: the silence that ends it is waited for in `append_audio`."""
        return EndOfTurnState.INCOMPLETE, None

    def read(self, text: str) -> None:
        """Be told the latest words of the turn."""
        self._text = text
        self._judge()

    def clear(self) -> None:
        """Begin anew."""
        self._begin()

    def _begin(self) -> None:
        self._detector = TurnDetector(VadSettings(), self._settings)
        self._voiced, self._time, self._text = False, 0.0, ""

    def _judge(self) -> None:
        pause = self._detector.pause
        if pause is not None and self._text:
            read = judge(self._text, language=self._language)
            words, why, alone = read.certainty, read.why, read.alone
            self._detector.judge(pause, words=words, why=why, alone=alone)


class ParleyTurnStopStrategy(TurnAnalyzerUserTurnStopStrategy):  # type: ignore[misc]
    """Strategy that has the analyzer read whatever is transcribed."""

    def __init__(self, analyzer: ParleyTurnAnalyzer | None = None, **options: Any) -> None:
        """`options`: Pipecat's."""
        self._analyzer = analyzer or ParleyTurnAnalyzer()
        super().__init__(turn_analyzer=self._analyzer, **options)

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Read transcriptions, and do what Pipecat does."""
        if isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame):
            self._analyzer.read(frame.text)
        return await super().process_frame(frame)
