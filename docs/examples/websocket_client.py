"""Say a recording to `parley serve`, and keep its answer: websocket_client.py ASK.wav ANSWER.wav

Both are 16 bit, mono, 24 kHz. It needs `pip install websockets`, and nothing of Parley's.
"""

import asyncio
import base64
import json
import os
import sys
import wave

from websockets.asyncio.client import connect

URL = os.environ.get("PARLEY_URL", "ws://127.0.0.1:8765/v1/realtime")
HEADERS = {"Authorization": f"Bearer {os.environ.get('PARLEY_API_KEY', 'any')}"}


async def ask(question: bytes) -> tuple[str, bytes]:
    words, sound = "", b""
    async with connect(URL, additional_headers=HEADERS) as socket:
        said = question + bytes(48000)  # a second of silence ends the turn
        for start in range(0, len(said), 4800):  # 100 ms each, as fast as it goes
            audio = base64.b64encode(said[start : start + 4800]).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        async for frame in socket:
            match json.loads(frame):
                case {"type": "response.output_audio.delta", "delta": delta}:
                    sound += base64.b64decode(delta)
                case {"type": "response.output_audio_transcript.delta", "delta": delta}:
                    words += delta
                case {"type": "response.done"}:
                    break
    return words, sound


with wave.open(sys.argv[1]) as asked, wave.open(sys.argv[2], "wb") as answer:
    words, sound = asyncio.run(ask(asked.readframes(asked.getnframes())))
    answer.setparams((1, 2, 24000, 0, "NONE", ""))
    answer.writeframes(sound)
    print(words)
