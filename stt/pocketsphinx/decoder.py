"""The program of a decoder process: commands on stdin, answers as JSON lines on stdout.

pocketsphinx keeps Python's interpreter lock while it decodes (a third of a second at the end of
a long utterance), so that a thread would stop the event loop with it: only a process does not.
`stt.pocketsphinx.process` starts it by its path; it imports nothing else of Parley.

A command is one letter, the length of its payload (`HEADER`) and the payload. Each is answered by
one line, or by `{"error": …}`; the first line comes when the model has been read.

    S   start an utterance; payload: the cepstral mean to begin with, as text
    A   audio, int16 at `SAMPLE_RATE`   -> {"text"}: the words so far
    E   end of the utterance            -> {"words": [[text, start, end]], "mean"}
"""

import json
import re
import signal
import struct
import sys
from typing import Any

HEADER = struct.Struct("<cI")
SAMPLE_RATE = 16000
FRAMES_PER_SECOND = 100
_ALTERNATE = re.compile(r"\(\d+\)$")  # a second pronunciation is written the(2)


def main() -> None:
    """Execute commands until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    try:
        from pocketsphinx import Decoder

        decoder = Decoder(samprate=SAMPLE_RATE, frate=FRAMES_PER_SECOND, loglevel="FATAL")
    except (ImportError, RuntimeError) as error:
        _answer({"error": f"pocketsphinx cannot be loaded ({error}): pip install pocketsphinx"})
        return
    _answer({})
    while header := sys.stdin.buffer.read(HEADER.size):
        command, length = HEADER.unpack(header)
        payload = sys.stdin.buffer.read(length)
        try:
            _answer(_execute(decoder, command, payload))
        except RuntimeError as error:
            _answer({"error": f"pocketsphinx failed: {error}"})


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _execute(decoder: Any, command: bytes, payload: bytes) -> dict[str, Any]:
    match command:
        case b"S":
            decoder.set_cmn(payload.decode())
            decoder.start_utt()
            return {}
        case b"A":
            decoder.process_raw(payload)
            hypothesis = decoder.hyp()
            return {"text": hypothesis.hypstr if hypothesis else ""}
        case _:
            decoder.end_utt()
            return {"words": list(_words(decoder)), "mean": decoder.get_cmn(False)}


def _words(decoder: Any) -> Any:
    """Text, start and end (seconds) of each word; silence and noises are none."""
    for segment in decoder.seg() or ():
        if not segment.word.startswith(("<", "[", "+")):
            start = segment.start_frame / FRAMES_PER_SECOND
            end = (segment.end_frame + 1) / FRAMES_PER_SECOND
            yield _ALTERNATE.sub("", segment.word), start, end


if __name__ == "__main__":
    main()
