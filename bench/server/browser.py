"""A browser on a WebRTC call: Chromium, whose microphone is a recording.

The page hears both ways in one clock: when the user's voice ends, and when the agent's begins,
behind whatever the browser keeps of it in its jitter buffer.
"""

import shutil
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.async_api import async_playwright

from bench.server.speech import stretches, voice

MICROPHONE = 48000
"""Hz."""

_CALL = """async seconds => {
  const context = new AudioContext();
  const code = `registerProcessor("ear", class extends AudioWorkletProcessor {
    process([channels]) {
      const loud = channels.some(samples => samples.some(each => Math.abs(each) > 0.05));
      if (loud) this.port.postMessage(currentTime);
      return true;
    }
  })`;
  await context.audioWorklet.addModule(URL.createObjectURL(
    new Blob([code], { type: "text/javascript" })));
  const heard = { user: [], agent: [] };
  const listen = (stream, who) => {
    const ear = new AudioWorkletNode(context, "ear");
    ear.port.onmessage = ({ data }) => heard[who].push(data);
    context.createMediaStreamSource(stream).connect(ear);
  };
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: plain });
  listen(microphone, "user");
  const peer = new RTCPeerConnection();
  peer.createDataChannel("oai-events");
  peer.addTrack(microphone.getTracks()[0], microphone);
  peer.ontrack = ({ track }) => {
    const player = new Audio();  // without one, nothing comes out of the track
    player.srcObject = new MediaStream([track]);
    player.muted = true;
    player.play();
    listen(player.srcObject, "agent");
  };
  await peer.setLocalDescription();
  const headers = { "content-type": "application/sdp" };
  const body = peer.localDescription.sdp;
  const answer = await fetch("/v1/realtime/calls", { method: "POST", headers, body });
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  await new Promise(resolve => setTimeout(resolve, seconds * 1000));
  for (const report of (await peer.getStats()).values())
    if (report.type === "inbound-rtp")
      heard.buffered = report.jitterBufferDelay / report.jitterBufferEmittedCount;
  peer.close();
  return heard;
}"""


@dataclass(frozen=True, slots=True)
class Call:
    """What the browser heard: seconds from the end of each turn, and in its jitter buffer."""

    delays: list[float]
    buffered: float


async def call(page: str, turns: int) -> Call:
    """Talk for so many turns with the server at `page`."""
    said = stretches(turns)
    seconds = sum(length for length, _ in said)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "microphone.wav"
        with wave.open(str(recording), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(MICROPHONE)
            for length, loud in said:
                pcm = voice(length, MICROPHONE) * loud
                file.writeframes((pcm * 32767).astype("<i2").tobytes())
        arguments = [
            "--no-sandbox",
            "--autoplay-policy=no-user-gesture-required",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={recording}",
        ]
        async with async_playwright() as driver:
            path = shutil.which("chromium") or "chromium"
            chromium = await driver.chromium.launch(executable_path=path, args=arguments)
            context = await chromium.new_context(permissions=["microphone"])
            tab = await context.new_page()
            await tab.goto(f"{page}healthz")
            heard = await tab.evaluate(_CALL, seconds)
            await chromium.close()
    ends = _last_of_each(heard["user"])
    begins = _first_of_each(heard["agent"])
    delays = [min(after) for end in ends if (after := [b - end for b in begins if b > end])]
    return Call([each for each in delays if each < 1.0], heard["buffered"])


def _last_of_each(times: list[float]) -> list[float]:
    """When each stretch of sound ends: before half a second without."""
    return [at for at, after in zip(times, [*times[1:], np.inf], strict=True) if after - at > 0.5]


def _first_of_each(times: list[float]) -> list[float]:
    before = [-np.inf, *times[:-1]]
    return [at for at, last in zip(times, before, strict=True) if at - last > 0.5]
