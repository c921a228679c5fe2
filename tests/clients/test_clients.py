"""Stock clients, unchanged, with the real server: what each of them got."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import STORY, Parley

QUESTION = "what is the capital of france"


def is_the_beginning_of_the_story(text: str) -> bool:
    """Whether it was heard for 1 to 5 s of its 11."""
    words = text.split()
    return STORY.split()[: len(words)] == words and 4 <= len(words) <= 20


def spoken(items: list[dict[str, Any]], role: str) -> list[str]:
    """The words of the messages of an agents SDK's history."""
    parts = (item["content"][0] for item in items if item.get("role") == role)
    return [part.get("transcript") or part.get("text") for part in parts]


def test_the_agents_sdk_for_python(parley: Parley) -> None:
    got = parley.meets("openai_agents.py", "openai-agents")
    assert got["errors"] == []
    assert got["countries"] == ["France", "France"]
    assert 0.5 < got["seconds"] < 3
    assert got["interrupted"] == [got["begun"]]
    assert spoken(got["history"], "user") == [QUESTION, "tell me a story", QUESTION]
    paris, story, again = spoken(got["history"], "assistant")
    assert paris == again == "It is Paris."
    assert is_the_beginning_of_the_story(story)
    (cut,) = (item for item in got["history"] if item["item_id"] == got["begun"])
    assert cut["status"] == "incomplete"
    assert parley.told("assistant") == [paris, f"{story} —"]


def test_the_agents_sdk_for_javascript(parley: Parley) -> None:
    got = parley.meets("agents_realtime.mjs", "node")
    assert got["errors"] == []
    assert got["countries"] == ["France", "France"]
    assert 0.5 < got["seconds"] < 3
    assert got["interrupted"] == 1
    assert spoken(got["history"], "user") == [QUESTION, "tell me a story", QUESTION]
    paris, story, again = spoken(got["history"], "assistant")
    assert paris == again == "It is Paris."
    assert is_the_beginning_of_the_story(story)
    assert parley.told("assistant") == [paris, f"{story} —"]


@pytest.mark.parametrize("turns", ["server", "local"])
def test_pipecat(parley: Parley, turns: str) -> None:
    got = parley.meets("pipecat_realtime.py", "pipecat", TURNS=turns)
    assert got["errors"] == []
    assert got["heard"] == [QUESTION]
    assert got["interrupted"] == 1
    assert "".join(got["words"]) == f"{STORY} |It is Paris."
    assert got["story"] > 8
    assert got["countries"] == ["France"]
    assert 0.5 < got["seconds"] < 3
    assert got["cut"]["status"] == "incomplete"
    story = got["cut"]["content"][0]["transcript"]
    assert is_the_beginning_of_the_story(story)
    assert parley.told("assistant") == [f"{story} —"]


def test_livekit(parley: Parley) -> None:
    got = parley.meets("livekit_agents.py", "livekit")
    assert got["errors"] == []
    assert got["heard"] == [QUESTION, QUESTION]
    assert got["countries"] == ["France", "France"]
    assert 0.5 < got["seconds"] < 3
    assert len(got["interrupted"]) == 1
    paris, story = parley.told("assistant")
    assert paris == "It is Paris."
    assert is_the_beginning_of_the_story(story.removesuffix(" —"))
    assert 0.7 < got["spoken"] < 4
    assert got["recognised"] == got["streamed"] == QUESTION


def test_openais_client_for_python(parley: Parley) -> None:
    """The newest, beside the one that Parley uses."""
    got = parley.meets("openai_python.py", "openai-agents")
    assert got["heard"] == QUESTION
    assert got["words"] == "The capital of France is Paris."
    assert got["status"] == "completed"
    assert 48000 < got["audio"] < 5 * 48000
    assert got["mp3"] > 3000
    assert 0.7 < got["spoken"] < 4
    assert got["request"].startswith("req_")
    assert got["recognised"] == QUESTION
    seconds = parley.question.stat().st_size / 48000
    assert got["seconds"] == pytest.approx(seconds, abs=0.1)
    assert got["streamed"][-1]["type"] == "transcript.text.done"
    assert got["streamed"][-1]["text"] == QUESTION
    assert got["models"]


def test_openais_client_for_javascript(parley_with_tls: Parley, certificate: Path) -> None:
    got = parley_with_tls.meets("openai_node.mjs", "node", NODE_EXTRA_CA_CERTS=str(certificate))
    assert got["errors"] == []
    assert got["words"] == "The capital of France is Paris."
    assert got["status"] == "completed"
    assert 48000 < got["audio"] < 5 * 48000
    assert got["models"] > 0


def test_livekit_on_a_new_connection(parley: Parley) -> None:
    got = parley.meets("livekit_reconnects.py", "livekit")
    assert got["errors"] == []
    assert got["answers"] == ["You said good morning", "You said good night"]
    assert parley.told("user") == ["good morning", "good night"]
    assert parley.told("assistant") == ["You said good morning"]
