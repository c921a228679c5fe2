"""A talk that is killed (`kill -9`) in the middle of a reply: what was heard of that is kept."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import anyio
import numpy as np
import pytest
from trio.testing import MockClock

from agent.audio.wav import WavWriter, read_audio
from agent.cli.main import main
from agent.conversation.kept import read
from agent.conversation.spoken import heard_words
from agent.conversation.store import ConversationStore
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    TurnCommitted,
    UserBackchannel,
)
from llm_adapters import Message
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, Scripted
from tests.llm_adapters.chat_server import serving
from tests.paths import AUDIO
from tts import SpokenWord
from tts.espeak import Espeak

SHORT = 0.5
"""Seconds that may be missing of what was heard."""

GREETING = (
    "Welcome back. While you were away the rain has stopped, the garden has been watered by it, "
    "and the neighbours have brought a basket of apples, which stands beside the kitchen door. "
    "There were two calls, one of your sister, who wants to know when you will visit her."
)


def hear(store: ConversationStore, words: str) -> None:
    for word in words.split():
        store.hearing(word)


def test_a_reply_that_never_ended_is_one_that_was_interrupted(tmp_path: Path) -> None:
    with ConversationStore(tmp_path) as store:
        store(TurnCommitted(1, "tell me a story"))
        hear(store, "Once upon")
        store(UserBackchannel(2, "mm-hm"))
        hear(store, "a time")
    with ConversationStore(tmp_path, resume="last") as store:
        assert store.messages == (
            Message("user", "tell me a story"),
            Message("user", "(mm-hm)"),
            Message("assistant", "Once upon a time", interrupted=True),
        )
        store(TurnCommitted(1, "go on"))
    assert [m.content for m in read(tmp_path, "last").messages][-2:] == [
        *("Once upon a time", "go on")
    ]


def test_what_was_heard_of_a_reply_whose_end_is_kept_is_told_once(tmp_path: Path) -> None:
    with ConversationStore(tmp_path) as store:
        hear(store, "Hello")
        store(AssistantDone(0, "Hello there."))
        store(TurnCommitted(1, "a story"))
        hear(store, "Once")
        store(AssistantInterrupted(1, "Once upon", "a time."))
        store(TurnCommitted(2, "another"))
        hear(store, "There")
        store(AssistantInterrupted(2, "There was", "a fox."))
        store(AssistantResumed(2))
        hear(store, "was a")
    assert read(tmp_path, store.id).messages == (
        Message("assistant", "Hello there."),
        Message("user", "a story"),
        Message("assistant", "Once upon", interrupted=True),
        Message("user", "another"),
        Message("assistant", "There was a", interrupted=True),
    )


def test_a_reply_held_before_its_first_word_takes_up_no_other(tmp_path: Path) -> None:
    with ConversationStore(tmp_path) as store:
        store(TurnCommitted(1, "a story"))
        store(AssistantInterrupted(1, "Once upon", "a time."))
        store(AssistantInterrupted(1, "", "Are you still there?"))
        store(AssistantResumed(1))
        store(AssistantDone(1, "Are you still there?"))
    assert [message.content for message in read(tmp_path, store.id).messages] == [
        *("a story", "Once upon", "Are you still there?")
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["virtual"]
)
async def test_words_are_told_as_they_are_heard() -> None:
    told: list[str] = []
    words = [f"w{number} " for number in range(20)]  # 0.2 s each
    talk = await converse(
        Scripted([(1, False), (1, True), (7, False)]),
        stt=FakeStt(["hello"]),
        llm=FakeLlm([words]),
        tts=FakeTts(),
        hearing=told.append,
    )
    assert talk.history()[-1] == ("assistant", "".join(words).strip(), False)
    heard = " ".join(told).split()
    assert heard == [word.strip() for word in words][: len(heard)]
    assert len(heard) >= 17  # the last are told with the end of the reply
    assert max(len(each.split()) for each in told) <= SHORT / 0.2


async def spoken_words(text: str) -> tuple[list[SpokenWord], int, int]:
    """When the offline voice says each word: words, samples, rate."""
    voice = Espeak()
    await voice.load()
    words: list[SpokenWord] = []
    samples = 0
    async with voice.open() as utterance:
        await utterance.feed(text)
        await utterance.finish()
        async for speech in utterance:
            words += speech.words
            samples += len(speech.pcm)
    await voice.aclose()
    return words, samples, voice.sample_rate


@pytest.mark.realtime
def test_kill_9_in_the_middle_of_a_reply(tmp_path: Path) -> None:
    kept, out, events = tmp_path / "kept", tmp_path / "out.wav", tmp_path / "events"
    silence = tmp_path / "silence.wav"
    with WavWriter(silence, 16000) as file:
        file.write(np.zeros(60 * 16000, np.float32))
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"agent: {{greeting: '{GREETING}'}}\nsession: {{save: {kept}}}\nllm: {{adapter: eliza}}\n"
    )
    os.mkfifo(events)
    command = [sys.executable, "-m", "agent.cli", "talk", str(config), "--mic", str(silence)]
    command += ["--speaker", str(out), "--events", str(events)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process, events.open() as log:
        try:
            assert any(json.loads(line)["type"] == "assistant.speech_started" for line in log)
            time.sleep(4)
        finally:
            process.kill()
    pcm, rate = read_audio(out)
    heard_s = (len(pcm) - np.flatnonzero(pcm)[0]) / rate
    assert heard_s > 3
    words, samples, rate = anyio.run(spoken_words, GREETING)
    surely, at_most = (
        [word.text for word in heard_words(words, round(seconds * rate), samples, rate)]
        for seconds in (heard_s - SHORT, heard_s + 0.1)
    )
    (message,) = read(kept, "last").messages
    assert message.interrupted
    said = message.content.split()
    assert len(surely) <= len(said) <= len(at_most)
    assert said == GREETING.split()[: len(said)]

    with serving() as server:
        config.write_text(
            f"agent: {{preamble: '', instructions: Be brief.}}\nsession: {{save: {kept}}}\n"
            f"llm: {{adapter: openai, base_url: '{server.url}', model: good, api_key: none}}\n"
            f"turn: {{silence: 0.4, unfinished: 0.5}}\n"
        )
        devices = ["--mic", str(AUDIO / "question_capital.wav"), "--speaker", str(out)]
        command = [sys.executable, "-m", "agent.cli", "talk", str(config), *devices]
        assert subprocess.run([*command, "--resume", "last"], check=False).returncode == 0
        told = [m["content"] for m in server.exchanges[-1].body["messages"]]
    assert told[1] == f"{message.content} —"


def test_the_history_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ConversationStore(tmp_path) as store:
        hear(store, "Once upon a")
    assert main(["history", "last", "--dir", str(tmp_path)]) == 0
    assert "agent: Once upon a [interrupted]" in capsys.readouterr().out
