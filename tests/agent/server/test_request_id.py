"""Every answer has a name, a refusal too."""

import pytest

from tests.agent.server.http import post

pytestmark = pytest.mark.anyio


async def test_answers_have_names(address: str) -> None:
    names = set()
    for path in ("v1/audio/speech", "v1/audio/speech", "v1/nothing"):
        _, headers, _ = await post(f"{address}{path}", {"input": "Hello.", "model": "tts-1"})
        names.add(headers["x-request-id"])
    assert len(names) == 3
    assert all(name.startswith("req_") for name in names)
