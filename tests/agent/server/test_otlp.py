"""Traces as a collector gets them: a spoken turn with the real command, over OTLP on loopback."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from agent.audio.resample import resample
from agent.audio.wav import pcm16
from configs import QUESTION
from tests.agent.server.realtime.served import raw
from tests.paths import ROOT
from tests.processes import ended

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A receiver of OTLP over HTTP: its address, and what it is sent (path, kind, body)."""
    received: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Content-Type"], body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def question() -> bytes:
    """A spoken question, and the silence after it: PCM at 24 kHz."""
    with wave.open(str(QUESTION)) as file:
        pcm, rate = np.frombuffer(file.readframes(-1), "<i2") / np.float32(32768), 16000
    return pcm16(resample(pcm, rate, 24000)) + bytes(48000 * 3)


async def spoken_turn(address: str) -> str:
    """Ask it, faster than one can speak; all words of both sides."""
    said = ""
    async with raw(address) as socket:
        transcription = {"audio": {"input": {"transcription": {"model": "any"}}}}
        session = {"type": "realtime", **transcription}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        pcm = question()
        for start in range(0, len(pcm), 48000):
            audio = base64.b64encode(pcm[start : start + 48000]).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        while True:
            event = json.loads(await socket.recv())
            if event["type"].endswith(("transcription.completed", "audio_transcript.done")):
                said += f" {event['transcript']}"
            if event["type"] == "response.done":
                return said


def started(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


async def test_a_collector_gets_the_spans_of_a_spoken_turn() -> None:
    with collector() as (endpoint, received):
        command = [sys.executable, "-m", "agent.cli", "serve", "offline", "--port", "0"]
        named = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "kitchen"}
        environment = {**os.environ, **named, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        with anyio.fail_after(120), ended(started(command, environment)) as serve:
            assert serve.stdout is not None
            output = serve.stdout
            page = (await anyio.to_thread.run_sync(output.readline)).split()[1]
            while await anyio.to_thread.run_sync(output.readline) != "ready\n":
                pass
            said = await spoken_turn(page.removeprefix("http://").rstrip("/"))
            serve.terminate()
            assert await anyio.to_thread.run_sync(serve.wait, 30) == 0
    assert {(path, kind) for path, kind, _ in received} == {
        ("/v1/traces", "application/x-protobuf")
    }
    whole = b"".join(body for _, _, body in received)
    words = {word for word in re.findall(r"\w+", said.lower()) if len(word) > 3}
    assert len(words) > 3
    assert not [word for word in words if word.encode() in whole.lower()]
    check_tree([ExportTraceServiceRequest.FromString(body) for _, _, body in received])


def check_tree(requests: list[ExportTraceServiceRequest]) -> None:
    """One turn, and its stages one after the other below it."""
    resources = [each for request in requests for each in request.resource_spans]
    for resource in resources:
        assert texts(resource.resource.attributes)["service.name"] == "kitchen"
    spans = [s for r in resources for scope in r.scope_spans for s in scope.spans]
    (turn,) = [span for span in spans if span.name == "turn"]
    assert turn.parent_span_id == b""
    about = texts(turn.attributes)
    assert about["session.id"] == about["gen_ai.conversation.id"] == "realtime-1"
    assert about["parley.outcome"] == "session ended"  # who asked left before all was played
    stages = sorted((s for s in spans if s is not turn), key=lambda s: s.start_time_unix_nano)
    assert [s.name for s in stages] == ["endpoint", "stt", "chat eliza", "tts", "playback"]
    for span in stages:
        assert (span.trace_id, span.parent_span_id) == (turn.trace_id, turn.span_id)
    times = [turn.start_time_unix_nano]
    for span in stages:
        times += [span.start_time_unix_nano, span.end_time_unix_nano]
    assert [*times, turn.end_time_unix_nano] == sorted([*times, turn.end_time_unix_nano])
    assert texts(stages[2].attributes)["gen_ai.operation.name"] == "chat"


def texts(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}
