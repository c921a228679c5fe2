"""What the server costs: `python -m bench.server [--conversations N] [--turns N] [--cycles N]`.

Every engine is instant, so whatever time passes is the server's; its clients run in a process of
their own, and talk with it over a WebSocket on 127.0.0.1, or from Chromium by WebRTC.

- added: from the end of the user's speech to the first sound of the answer, at a client against an
  agent in the same process, as on a desktop; the endpoint's own wait is in both, and the browser's
  jitter buffer is in what it hears;
- held: how long single callbacks hold the server's event loop while all conversations talk at once;
- gaps: sounds of a reply that came later than what was sent of it before lasted;
- memory: what one more session that says nothing takes;
- cycles: what connecting and disconnecting leaves behind in memory, threads and descriptors.
"""

import argparse
import json
import statistics
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
from rich.console import Console
from rich.table import Table

from agent.audio.remote import RemoteSpeaker
from agent.cli.garbage import here_to_stay
from agent.config.sections import ServerSettings
from agent.conversation.activity import ReplyAudio
from agent.events import MICROPHONE_RATE, Audio
from agent.load_test.speech import BLOCK, RATE
from agent.server.running import Place, running
from agent.server.server import Server
from bench.server.browser import call
from bench.server.clients import Clients
from bench.server.engines import instant_agent
from bench.server.held import Footprint, Held, footprint
from bench.server.speech import PHASES, between, block, note, talking


async def desktop(turns: int, rate: int) -> list[float]:
    """Seconds from the last loud block to the first sound, turn by turn; `rate` in Hz."""
    agent = instant_agent()
    await agent.load()
    spoken: list[float] = []
    answered: dict[int, float] = {}

    async def microphone(_: Any, send: Any) -> None:
        async for number, loud, due in talking(turns):
            await send.send(Audio(block(number, rate, loud=loud), rate, due - BLOCK))
            note(spoken, loud=loud)

    def watch(activity: Any) -> None:
        if isinstance(activity, ReplyAudio):
            answered.setdefault(activity.reply, anyio.current_time())

    async with agent.start(microphone, RemoteSpeaker(RATE), watch=watch) as conversation:
        await conversation.wait()
    return between(spoken, sorted(answered.values()))


@dataclass(slots=True)
class Result:
    """All that was measured; times in milliseconds, memory in MB."""

    desktop: float
    resampled: float
    """The same with a microphone at the protocol's rate."""
    websocket: float
    webrtc: float
    buffered: float
    """Of it in the browser's jitter buffer."""
    crowd: float
    held: list[float]
    late: int
    replies: int
    expected: int
    idle: float
    before: Footprint
    after: Footprint


async def measure(conversations: int, turns: int, idle: int, cycles: int) -> Result:
    """Measure everything, against one server."""
    alone = await desktop(turns, MICROPHONE_RATE)
    resampled = await desktop(turns, RATE)
    server = Server(instant_agent(), settings=ServerSettings(sessions=1000))
    await server.load()
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(running(server, Place(port=0)))
        stack.enter_context(here_to_stay())
        other = Clients(page)
        try:
            (one,) = await other.do("converse", 1, turns)
            browser = await call(page, turns)
            before = await footprint()
            await other.do("open", idle)
            full = await footprint()
            await other.do("close")
            with Held() as held:
                crowd = await other.do("converse", conversations, turns)
            await other.do("cycle", min(100, cycles))  # what the first ones leave is kept for all
            began = await footprint()
            await other.do("cycle", cycles)
            ended = await footprint()
        finally:
            await anyio.to_thread.run_sync(other.end)
    return Result(
        desktop=statistics.fmean(alone) * 1000,
        resampled=statistics.fmean(resampled) * 1000,
        websocket=statistics.fmean(one.delays) * 1000,
        webrtc=statistics.fmean(browser.delays) * 1000,
        buffered=browser.buffered * 1000,
        crowd=statistics.fmean([each for heard in crowd for each in heard.delays]) * 1000,
        held=sorted(held.times),
        late=sum(heard.late for heard in crowd),
        replies=sum(heard.replies for heard in crowd),
        expected=conversations * turns,
        idle=(full.mb - before.mb) / idle,
        before=began,
        after=ended,
    )


def table(result: Result) -> Table:
    """The rows, each with its bar."""
    rows = Table("what", "bar", "measured")
    added, same = result.websocket - result.desktop, result.websocket - result.resampled
    rows.add_row("speech end → first audio, desktop", "", f"{result.desktop:.1f} ms")
    rows.add_row("speech end → first audio, WebSocket", "", f"{result.websocket:.1f} ms")
    rows.add_row("added by the server", "10 ms", f"{added:.1f} ms")
    rows.add_row("  of it by resampling from 24 kHz", "", f"{added - same:.1f} ms")
    rows.add_row("  of it by all else", "", f"{same:.1f} ms")
    called = f"{result.webrtc:.1f} ms"
    rows.add_row("speech end → first audio, WebRTC, in Chromium", "", called)
    rows.add_row("added by the call", "60 ms", f"{result.webrtc - result.desktop:.1f} ms")
    rows.add_row("  of it in Chromium's jitter buffer", "", f"{result.buffered:.1f} ms")
    rows.add_row("speech end → first audio, all at once", "", f"{result.crowd:.1f} ms")
    p50, p99 = np.percentile(result.held, (50, 99))
    rows.add_row("loop held, p50", "", f"{p50:.3f} ms")
    rows.add_row("loop held, p99", "20 ms", f"{p99:.3f} ms")
    rows.add_row("loop held, max", "", f"{result.held[-1]:.1f} ms")
    rows.add_row("replies heard", f"{result.expected}", f"{result.replies}")
    rows.add_row("audio gaps", "0", f"{result.late}")
    rows.add_row("memory of an idle session", "2 MB", f"{result.idle:.2f} MB")
    for name in ("mb", "threads", "descriptors"):
        first, last = getattr(result.before, name), getattr(result.after, name)
        rows.add_row(f"{name}, before and after the cycles", "", f"{first:.4g} → {last:.4g}")
    return rows


def main() -> None:
    """Measure, print, and write the figures to a file if one is named."""
    parser = argparse.ArgumentParser(description="what the server costs")
    parser.add_argument("--conversations", type=int, default=50)
    parser.add_argument("--turns", type=int, default=2 * PHASES)
    parser.add_argument("--idle", type=int, default=50, help="sessions that say nothing")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = anyio.run(measure, args.conversations, args.turns, args.idle, args.cycles)
    Console().print(table(result))
    if args.json is not None:
        figures = {
            name: getattr(result, name) for name in ("desktop", "websocket", "crowd", "late")
        }
        args.json.write_text(json.dumps({**figures, "idle_mb": result.idle}))


if __name__ == "__main__":
    main()
