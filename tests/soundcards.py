"""Virtual sound cards: real ones to PortAudio, heard and fed by the tests.

Each card is a PulseAudio daemon with one null sink, reached through ALSA's pulse plugin. What is
played into the sink of `virtual_mic` comes out of its monitor, which is what the microphone
records; the monitor of `virtual_speaker` hears what the speaker plays. There is a daemon for each,
since PulseAudio moves streams from a sink that is removed to any other that it has: unplugged is
only what takes its last sink with it.

Measured with PortAudio 19.6 and PulseAudio 16.1: an idle null sink renders up to two seconds at
once, and a stream opened in the meantime gets no callback, or stops after the first bufferful,
until that time has passed. With `norewinds=1` it never renders more than 50 ms, the first callback
of a recording comes within 50 ms, and 20 ms of latency runs without gaps. When a daemon dies,
`finished_callback` is called within milliseconds; when its sink is suspended, callbacks just cease;
`close` returns at once in both cases.
"""

import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread

import anyio
import numpy as np
from anyio.abc import ByteReceiveStream
from anyio.streams.buffered import BufferedByteReceiveStream
from numpy.typing import NDArray

from agent.events import Event

Float32 = NDArray[np.float32]


class Card:
    """A sound card called `name`, in a folder with a short path (it holds a socket)."""

    def __init__(self, name: str, folder: Path, channels: int) -> None:
        self.name = name
        self.server = f"unix:{folder}/{name}"
        self._folder = folder
        self.channels = channels
        self._daemon: subprocess.Popen[str] | None = None

    def plug(self) -> None:
        """Start the daemon; returns when it takes connections."""
        socket = f"module-native-protocol-unix socket={self._folder}/{self.name} auth-anonymous=1"
        sink = f"module-null-sink sink_name={self.name} channels={self.channels} rate=48000"
        options = "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes "
        options += "--realtime=no --high-priority=no --log-target=stderr --log-level=info"
        private = {name: str(self._folder) for name in ("HOME", "XDG_RUNTIME_DIR")}
        self._daemon = subprocess.Popen(
            ["pulseaudio", *options.split(), "-L", socket, "-L", f"{sink} norewinds=1"],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", **private},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._daemon.stderr is not None
        log = []
        for line in self._daemon.stderr:
            log.append(line)
            if "Daemon startup complete" in line:
                break
        else:
            raise RuntimeError("PulseAudio did not start:\n" + "".join(log))
        self._drain = Thread(target=self._daemon.stderr.read)  # or it would block on a full pipe
        self._drain.start()

    def unplug(self) -> None:
        """End the daemon, and with it every stream; nothing happens if it is unplugged."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._drain.join()
            assert self._daemon.stderr is not None
            self._daemon.stderr.close()
            self._daemon = None

    def used(self) -> bool:
        """Whether somebody plays on the card or records from it."""
        command = ["pactl", f"--server={self.server}", "list", "short"]
        streams = [
            subprocess.run([*command, kind], capture_output=True, check=True).stdout
            for kind in ("sink-inputs", "source-outputs")
        ]
        return any(streams)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """For the length of a block the daemon does nothing at all, nor does it answer."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemon.send_signal(signal.SIGCONT)

    async def stall(self, stalled: bool) -> None:
        """From now on the card neither takes nor gives sound, but is there; or, again, it does."""
        command = ["pactl", f"--server={self.server}", "suspend-sink", self.name, str(int(stalled))]
        await anyio.run_process(command)

    async def play(self, pcm: Float32, sample_rate: int) -> None:
        """Play samples [n] or [n, channels] into the card; returns when they have been heard."""
        channels = pcm.shape[1] if pcm.ndim > 1 else 1
        await anyio.run_process(
            ["pacat", "--playback", *self._format(sample_rate, channels)],
            input=pcm.astype("<f4").tobytes(),
        )

    @asynccontextmanager
    async def record(self, sample_rate: int) -> AsyncGenerator["Recording", None]:
        """Record what the card plays, from before the block begins."""
        command = ["pacat", "--record", *self._format(sample_rate), "--latency-msec=20"]
        async with await anyio.open_process(
            [*command, f"--device={self.name}.monitor"], stderr=None
        ) as process:
            assert process.stdout is not None
            recording = Recording(process.stdout, sample_rate)
            await recording.read(0.01)  # now it runs
            yield recording
            process.terminate()

    def _format(self, sample_rate: int, channels: int = 1) -> list[str]:
        options = f"--server={self.server} --raw --format=float32le --channels={channels}"
        return [*options.split(), f"--rate={sample_rate}"]


class Recording:
    """What a card plays; nothing is lost while nobody reads."""

    def __init__(self, stream: ByteReceiveStream, sample_rate: int) -> None:
        self._stream = BufferedByteReceiveStream(stream)
        self._sample_rate = sample_rate

    async def read(self, seconds: float) -> Float32:
        """The next samples [n]."""
        data = await self._stream.receive_exactly(4 * round(seconds * self._sample_rate))
        return np.frombuffer(data, "<f4").astype(np.float32)


class Tape:
    """What a card plays, block by block, and waiting until some more of it has been heard."""

    BLOCK = 0.05

    def __init__(self) -> None:
        self.parts: list[Float32] = []
        self._more = anyio.Event()

    async def record(self, recording: Recording) -> None:
        """Keep what is played, until it is cancelled."""
        while True:
            self.parts.append(await recording.read(self.BLOCK))
            self._more.set()
            self._more = anyio.Event()

    async def wait(self, seconds: float) -> None:
        """Return once the card has played for so long, by its own clock."""
        end = len(self.parts) + round(seconds / self.BLOCK)
        while len(self.parts) < end:
            await self._more.wait()


class SoundCards:
    """A computer with one microphone and one speaker, each its default device."""

    def __init__(self, folder: Path) -> None:
        self.microphone = Card("virtual_mic", folder, channels=1)
        self.speaker = Card("virtual_speaker", folder, channels=2)
        config = folder / "asound.conf"
        config.write_text(f"""
            pcm.virtual_mic {{
                type asym
                capture.pcm {{ type pulse server "{self.microphone.server}" }}
            }}
            pcm.virtual_speaker {{
                type asym
                playback.pcm {{ type pulse server "{self.speaker.server}" }}
            }}
            pcm.!default {{ type asym capture.pcm virtual_mic playback.pcm virtual_speaker }}
        """)
        self.environment = {"ALSA_CONFIG_PATH": str(config)}
        """What makes a process see these sound cards, and no others."""

    def plug(self) -> None:
        """Plug in both."""
        self.microphone.plug()
        self.speaker.plug()

    def unplug(self) -> None:
        """Unplug both."""
        self.microphone.unplug()
        self.speaker.unplug()


def tone(frequency: float, seconds: float, sample_rate: int, level: float = 0.3) -> Float32:
    """A sine that begins and ends with 5 ms slopes, so that nothing clicks."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    edge = np.clip(np.minimum(time, seconds - time) / 0.005, 0, 1)
    return (level * edge * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def sounding(pcm: Float32, threshold: float = 0.02) -> Float32:
    """From the first sample that is not silent to the last one."""
    loud = np.flatnonzero(np.abs(pcm) > threshold)
    return pcm[loud[0] : loud[-1] + 1] if len(loud) else pcm[:0]


def impurity(pcm: Float32, frequency: float, sample_rate: int) -> float:
    """How much of `pcm` is not one unbroken sine: 0 is all sine; a gap or a repeat shows."""
    time = np.arange(len(pcm)) / sample_rate
    basis = np.stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)])
    weights = np.linalg.lstsq(basis.T, pcm, rcond=None)[0]
    rest = pcm - weights @ basis
    return float(np.sqrt(np.mean(rest**2) / np.mean(pcm**2)))


class Reports:
    """Collects the events that devices report, and waits for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = anyio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()
        self._news = anyio.Event()

    @property
    def codes(self) -> list[str]:
        return [event.record()["code"] for event in self.events]

    @property
    def changes(self) -> list[str]:
        """Without the blocks that came late: on a busy machine some do."""
        return [code for code in self.codes if not code.endswith(".xrun")]

    @property
    def messages(self) -> list[str]:
        return [event.record()["message"] for event in self.events]

    async def wait_for(self, code: str, count: int = 1) -> None:
        """Return once `code` has been reported `count` times."""
        while self.codes.count(code) < count:
            await self._news.wait()
