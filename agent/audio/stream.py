"""A callback stream that outlives its device: watched, and opened again when it is lost."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, product, repeat
from math import inf
from time import perf_counter
from typing import Any, Self, TypeVar

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.devices import (
    PATIENCE,
    STAGE,
    Device,
    Kind,
    abandon,
    find_device,
    load,
    portaudio,
    silent_system,
)
from agent.audio.hotplug import OPEN, refresh
from agent.audio.wakeup import Wakeup
from agent.errors import AudioError
from agent.events import ErrorEvent, Report, WarningEvent
from agent.guards.thread import run_in_thread

_PATIENCE = 1.0  # seconds without a callback: the device is lost
_START = 4.0  # the same before the first one: a Bluetooth headset takes a while to change profile
_CLOSING = 2.0  # seconds to close it; then the program ends without it
_HANGING = 1.0  # seconds until closing a lost device counts as hanging, and the loss is told
_DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0)  # seconds between attempts to open it again; the last repeats
_MAX_LATENCY = 2.0  # seconds: no device is slower, so a time stamp that says so is wrong
_MANY = 8  # channels: a device that tells of more, such as 32, takes whatever number one asks for
_INVALID_SAMPLE_RATE = -9997  # PortAudio's error code

T = TypeVar("T")


class _RefusedError(AudioError):
    """The device is there, but does not run at our sample rate."""


class DeviceStream:
    """An open device: a context manager, with `watch` to be run inside its block.

    The first of `rates` that the device takes is used; None stands for its own. `prepare(rate)` is
    called on the loop before the stream starts, and again after every loss. `callback(block, time)`
    runs in the driver's thread: `block` is float32 [frames, channels], to be read or to be filled,
    and its first sample was captured, or leaves the speaker, at `time` (`anyio.current_time()`).
    """

    def __init__(
        self,
        kind: Kind,
        device: str | int | None,
        *,
        latency: float,
        rates: Sequence[int | None],
        prepare: Callable[[int], None],
        callback: Callable[[NDArray[np.float32], float], None],
        report: Report,
    ) -> None:
        self.rates = rates
        self._kind = kind
        self._device = device
        self._latency = latency
        self._prepare = prepare
        self._callback = callback
        self._report = report
        self._stage = STAGE[kind]
        self._name = ""
        self._stream: Any = None
        self._rate = 0
        self._delay = latency  # what the device says it is
        self._clock = 0.0  # what perf_counter() lacks to anyio's clock
        self._paused = False  # closed, and not missed
        self._xruns_told = 0
        self._ended = False  # what is still being opened is to be closed
        self._stale = True  # the device may have gone or come since PortAudio listed the devices
        # Single attributes, also written in the driver's thread.
        self._called = False
        self._finished = False
        self._deadline = inf  # without a callback until then, the device is lost
        self._xruns = 0

    async def __aenter__(self) -> Self:
        """Open the device; raises AudioError when that cannot be done, or not within 10 seconds."""
        self._wakeup = Wakeup()
        try:
            with anyio.fail_after(PATIENCE):
                await self._open_at_once()
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise silent_system() from None
            raise
        return self

    async def _open_at_once(self) -> None:
        try:
            await self._open()
        except AudioError:
            # It may have been plugged in since PortAudio was initialised.
            if not await self._in_thread(self._refresh):
                raise
            await self._open()

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _end(self) -> None:
        """Close the device, or leave a thread behind that does when the sound system answers."""
        self._ended = True
        with anyio.move_on_after(_CLOSING, shield=True):
            await self._in_thread(self._close)
            return
        abandon()
        self._tell("stuck", f"did not close within {_CLOSING:.0f} s: left as it is")

    async def watch(self) -> None:
        """For ever: report what goes wrong, and open the device again when it is lost."""
        while True:
            while not self._finished and self._due > anyio.current_time():
                with anyio.CancelScope(deadline=self._due):
                    await self._wakeup.wait()
                self._tell_xruns()
            # If it was paused, or another stream's refresh has closed it, then nothing is wrong
            # with our device.
            await self._recover(await self._close_lost())

    async def pause(self) -> None:
        """Close the device, if it runs; `resume` has it opened again.

        It is closed, not stopped: PortAudio hangs when it starts a stream whose server has gone.
        """
        if self._called and not self._finished:
            self._paused = True
            await self._in_thread(self._close)

    def resume(self) -> None:
        """Have the device opened again, if it is paused; should it be lost, that is told."""
        if self._paused:
            self._paused = False
            self._finish()

    @property
    def _due(self) -> float:
        """When it is lost, without a callback until then."""
        return inf if self._paused else self._deadline

    async def _close_lost(self) -> bool:
        """Close the device; whether it is lost. That is told meanwhile, should closing hang."""
        hanging = False

        async def tell() -> None:
            nonlocal hanging
            await anyio.sleep(_HANGING)
            hanging = True
            self._tell("lost", "does not answer, nor does its server; waiting", recovered=False)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tell)
            lost = await self._in_thread(self._close)
            tasks.cancel_scope.cancel()
        if lost and not hanging:
            self._tell("lost", "has stopped or was unplugged; waiting for it", recovered=False)
        return lost or hanging

    async def _recover(self, lost: bool) -> None:
        """Open the device again, however long it takes."""
        refused = False
        self._stale = True
        for delay in chain(_DELAYS, repeat(_DELAYS[-1])):
            error = await self._reopen()
            if error is not None:
                refreshed = await self._in_thread(self._refresh)
                error = await self._reopen() if refreshed else error
            if error is None:
                break
            if not lost:
                self._tell("lost", "does not open again; waiting for it", recovered=False)
                lost = True
            if isinstance(error, _RefusedError) and not refused:
                code = f"{self._stage}.refused"
                self._report(ErrorEvent(self._stage, code, str(error), recovered=True))
                refused = True
            await anyio.sleep(delay)
        if lost:
            self._tell("back", "works again", recovered=True)

    async def _reopen(self) -> AudioError | None:
        """Open the device and wait for its first callback; why that failed, or None."""
        try:
            await self._open()
        except AudioError as error:
            return error
        with anyio.CancelScope(deadline=self._deadline):
            while not (self._called or self._finished):
                await self._wakeup.wait()
        if self._called and not self._finished:
            return None
        await self._in_thread(self._close)
        return AudioError(f"the {self._stage} '{self._name}' is open but does not run")

    async def _open(self) -> None:
        device, rate, channels = await self._in_thread(self._choose)
        self._name = device.name
        self._rate = rate
        self._prepare(rate)
        self._called = self._finished = self._paused = False
        self._deadline = inf
        self._clock = anyio.current_time() - perf_counter()
        await self._in_thread(partial(self._start, device, rate, channels))
        if self._device is not None:
            self._device = device.id  # the index is another one after the next refresh
        if not self._called:
            self._deadline = anyio.current_time() + _START

    def _choose(self) -> tuple[Device, int, int]:
        """Thread: a device, a sample rate and a number of channels that go together."""
        sd = load()
        with portaudio:
            device = find_device(self._kind, self._device)
            check = sd.check_input_settings if self._kind == "input" else sd.check_output_settings
            refusals = []
            for rate, channels in product(self.rates, _channels(device)):
                hertz = rate or device.sample_rate
                try:
                    check(device.index, channels, "float32", samplerate=hertz)
                except sd.PortAudioError as error:
                    refusals.append(error)
                else:
                    return device, hertz, channels
        kind = AudioError
        if all(error.args[1:2] == (_INVALID_SAMPLE_RATE,) for error in refusals):
            kind = _RefusedError
        rates = " or ".join(f"{rate or device.sample_rate} Hz" for rate in self.rates)
        raise kind(
            f"the {self._stage} '{device.name}' does not run at {rates} ({refusals[-1]}): choose "
            "another, or allow other sample rates in the system's sound settings"
        )

    def _start(self, device: Device, rate: int, channels: int) -> None:
        """Thread: open the device and let it run."""
        sd = load()
        recording = self._kind == "input"
        open_stream = sd.InputStream if recording else sd.OutputStream
        with portaudio:
            if find_device(self._kind, self._device) != device:
                raise AudioError(f"the {self._stage} '{device.name}' has just been replaced")
            try:
                stream = open_stream(
                    device=device.index,
                    samplerate=rate,
                    channels=channels,
                    dtype="float32",
                    latency=self._latency,
                    blocksize=0,  # whatever suits the driver: fixed blocks cost latency
                    callback=self._record if recording else self._play,
                    finished_callback=self._finish,
                )
                OPEN.add(stream)
                self._stream = stream
                self._delay = stream.latency
                stream.start()
                if self._ended:  # nobody waits for it any more
                    self._close()
            except sd.PortAudioError as error:
                self._close()
                raise AudioError(
                    f"the {self._stage} '{device.name}' cannot be opened: {error}; another program "
                    "may be using it"
                ) from error

    def _close(self) -> bool:
        """Thread: close what is open, if anything; False if that had already been done."""
        with portaudio:
            stream, self._stream = self._stream, None
            if stream not in OPEN:
                return False
            OPEN.remove(stream)
            stream.close()
            return True

    def _refresh(self) -> bool:
        """Thread: let PortAudio see the devices that there are now; whether that was done."""
        refreshed, self._stale = refresh(self._kind, self._device, stale=self._stale)
        return refreshed

    # In the driver's thread: no waiting, no logging, nothing that can take long.

    def _record(self, block: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        now = self._tick()
        self._xruns += status.input_overflow
        age = times.currentTime - times.inputBufferAdcTime
        if not 0 <= age < _MAX_LATENCY:
            age = self._delay
        length = frames / self._rate
        # ALSA tells when the last sample of a block was captured, the others when its first was.
        self._callback(block, now - (age if age >= length else age + length))

    def _play(self, block: NDArray[np.float32], _frames: int, times: Any, status: Any) -> None:
        now = self._tick()
        self._xruns += status.output_underflow
        ahead = times.outputBufferDacTime - times.currentTime
        if not 0 < ahead < _MAX_LATENCY:
            ahead = self._delay
        self._callback(block, now + ahead)

    def _tick(self) -> float:
        """Read anyio's clock, and note that the device runs."""
        now = perf_counter() + self._clock
        self._deadline = now + _PATIENCE
        if not self._called:
            self._called = True
            self._wakeup.set()
        return now

    def _finish(self) -> None:
        if not self._paused:
            self._finished = True
            self._wakeup.set()

    # On the loop again.

    def _tell_xruns(self) -> None:
        """At most once a `_PATIENCE`: that is how often the deadline passes by."""
        count = self._xruns - self._xruns_told
        self._xruns_told += count
        if count:
            self._tell("xrun", f"was not served in time, {count} times: this computer is too busy")

    def _tell(self, code: str, what: str, *, recovered: bool = True) -> None:
        message = f"the {self._stage} '{self._name}' {what}"
        self._report(WarningEvent(self._stage, f"{self._stage}.{code}", message, recovered))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await run_in_thread(call, name="portaudio")


def _channels(device: Device) -> list[int]:
    """The numbers of channels to try; a voice may be lost when the system mixes what it records."""
    if device.kind == "output":
        return [1, 2]
    return [device.channels, 1] if device.channels <= _MANY else [2, 1]
