import anyio
import pytest

from agent.conversation.latency import Stopwatch

pytestmark = pytest.mark.anyio


def test_a_missing_moment_leaves_its_parts_out() -> None:
    watch = Stopwatch()
    watch.mark("transcript", 2.0)
    watch.mark("first_token", 2.25)
    watch.mark("first_sample", 3.0)
    assert watch.latency(1).record() == {"type": "turn.latency", "turn": 1, "llm_ttft_ms": 250.0}


def test_the_first_mark_stands() -> None:
    watch = Stopwatch()
    watch.mark("transcript", 2.0)
    watch.mark("first_token", 2.1)
    watch.mark("first_token", 9.0)
    assert watch.latency(1).llm_ttft_ms == 100.0


async def test_a_mark_without_a_time_is_now() -> None:
    watch = Stopwatch()
    watch.mark("speech_stopped", anyio.current_time() - 1)
    watch.mark("first_sample")
    total = watch.latency(1).total_ms
    assert total is not None
    assert total >= 1000
