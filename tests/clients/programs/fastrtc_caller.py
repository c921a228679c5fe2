"""Somebody who calls docs/examples/fastrtc_handler.py by WebRTC, and asks a question."""

import asyncio
import fractions
import json
import sys
from pathlib import Path

import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from fastrtc.stream import Body

sys.path.insert(0, sys.argv[1])
from fastrtc_handler import app, stream

RATE, FRAME = 24000, 480


class Microphone(MediaStreamTrack):
    """The question, and silence after it."""

    kind = "audio"

    def __init__(self, question):
        super().__init__()
        self.left = np.frombuffer(question, "<i2")
        self.sent = 0
        self.began = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.began = self.began or loop.time()
        await asyncio.sleep(max(0.0, self.began + self.sent / RATE - loop.time()))
        piece, self.left = self.left[:FRAME], self.left[FRAME:]
        frame = AudioFrame("s16", "mono", FRAME)
        frame.planes[0].update(np.pad(piece, (0, FRAME - len(piece))).tobytes())
        frame.pts, frame.sample_rate, frame.time_base = self.sent, RATE, fractions.Fraction(1, RATE)
        self.sent += FRAME
        return frame


async def call(question):
    peer = RTCPeerConnection()
    peer.createDataChannel("text")
    peer.addTrack(Microphone(question))
    answer = asyncio.get_running_loop().create_future()
    peer.on("track", answer.set_result)
    await peer.setLocalDescription(await peer.createOffer())
    offer = Body(sdp=peer.localDescription.sdp, type="offer", webrtc_id="one")
    told = await stream.offer(offer)
    await peer.setRemoteDescription(RTCSessionDescription(told["sdp"], told["type"]))
    track = await answer
    loud = 0
    while loud < RATE // 2:  # half a second of voice
        frame = await track.recv()
        pcm = frame.to_ndarray().reshape(-1)[::2] / 32768
        loud += RATE * len(pcm) / frame.sample_rate * (np.abs(pcm).max() > 0.02)
    await peer.close()
    return loud / RATE


async def main(question):
    async with app.router.lifespan_context(app):
        seconds = await asyncio.wait_for(call(question), 40)
    print(json.dumps({"seconds": seconds}))


asyncio.run(main(Path(sys.argv[2]).read_bytes()))
