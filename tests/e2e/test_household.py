"""Two agents hand over with two voices, and their file changes in mid-conversation: by the command.

The voices are told apart in the recording by their pitch.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.audio.wav import WavWriter, read_audio
from tests.paths import AUDIO
from tests.processes import ended

HOUSE = """
tts: {{pitch: 5}}
agents:
  front: {{greeting: Good morning to you. This is the front desk.}}
  expert:
    description: knows it all
    greeting: Hello there. I am the one who knows it all.
    voice: en-us+f2
    tts: {{pitch: {pitch}}}
"""


def passages(pcm: NDArray[np.float32], rate: int, gap: float = 0.8) -> list[NDArray[np.float32]]:
    """Stretches of sound between silences of `gap` seconds."""
    loud = np.flatnonzero(np.abs(pcm) > 0.01)
    ends = np.flatnonzero(np.diff(loud) > gap * rate)
    starts = [loud[0], *loud[ends + 1]]
    return [pcm[a:b] for a, b in zip(starts, [*loud[ends], loud[-1]], strict=True)]


def pitch(pcm: NDArray[np.float32], rate: int) -> float:
    """The median pitch in Hz, by autocorrelation."""
    found = []
    size, low, high = round(0.04 * rate), round(rate / 400), round(rate / 60)
    for start in range(0, len(pcm) - 2 * size, size):
        part = pcm[start : start + 2 * size]
        likeness = np.correlate(part, part, "full")[len(part) - 1 :]
        best = low + int(np.argmax(likeness[low:high]))
        if likeness[0] > 0 and likeness[best] > 0.6 * likeness[0]:
            found.append(rate / best)
    return float(np.median(found))


def test_a_handoff_and_a_reload_are_heard(tmp_path: Path) -> None:
    asked = tmp_path / "asked.wav"
    words = "let me speak to the expert"
    subprocess.run(
        ["flite", "-voice", "slt", "-t", words, "-o", str(asked)], check=True, timeout=30
    )
    with WavWriter(tmp_path / "mic.wav", 16000) as mic:
        for part in (3.5, asked, 5.5, AUDIO / "interruption_question.wav", 0.5):
            quiet = isinstance(part, float)
            mic.write(np.zeros(round(part * 16000), np.float32) if quiet else read_audio(part)[0])  # type: ignore[arg-type, operator]
    house = tmp_path / "house.yaml"
    house.write_text(HOUSE.format(pitch=40))
    command = [sys.executable, "-m", "agent.cli", "talk", str(house), "--watch"]
    for option in ("mic", "speaker"):
        command += [f"--{option}", str(tmp_path / f"{option}.wav")]
    command += ["--events", str(tmp_path / "events.jsonl")]
    printed: list[str] = []
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line.strip())
            if line.startswith("expert: Hello"):
                house.write_text(HOUSE.format(pitch=99))
        assert process.wait(60) == 0
    assert "changed from the next turn on: agents.expert.tts.pitch" in printed
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [e["to_agent"] for e in events if e["type"] == "agent.handoff"] == ["expert"]
    front, hello, answer = passages(*read_audio(tmp_path / "speaker.wav"))
    rate = read_audio(tmp_path / "speaker.wav")[1]
    low, middle, high = (pitch(each, rate) for each in (front, hello, answer))
    assert low * 1.2 < middle
    assert middle * 1.1 < high
