"""The adapter `openai` and pictures: shown to a model that sees, told of to one that does not."""

import pytest

from llm_adapters import Message, Notice
from llm_adapters.context_window import IMAGE_TOKENS, estimate_tokens
from tests.llm_adapters.chat_server import REPLY, ChatServer
from tests.llm_adapters.openai.test_replies import adapter, ask, text

pytestmark = pytest.mark.anyio

CAT = "data:image/png;base64,AAAA"
SHOWN = Message("user", "What is this?", images=(CAT, "https://example.org/dog.png"))


async def test_a_picture_is_shown(server: ChatServer) -> None:
    async with adapter(server, "good") as llm:
        await ask(llm, [SHOWN, Message("user", "", images=(CAT,))])
    urls = [{"type": "image_url", "image_url": {"url": url}} for url in SHOWN.images]
    whole, alone = [message["content"] for message in server.exchanges[0].body["messages"]]
    assert whole == [{"type": "text", "text": "What is this?"}, *urls]
    assert alone == urls[:1]
    assert estimate_tokens(SHOWN) > 2 * IMAGE_TOKENS


async def test_a_model_that_sees_none_is_told_that_there_is_one(server: ChatServer) -> None:
    async with adapter(server, "blind") as llm:
        items = await ask(llm, [SHOWN])
        assert [item.code for item in items if isinstance(item, Notice)] == ["llm.no_images"]
        assert text(items) == "".join(REPLY)
        assert len(await ask(llm, [SHOWN])) == len(REPLY)
    assert len(server.exchanges) == 3
    (message,) = server.exchanges[-1].body["messages"]
    assert message["content"].startswith("What is this? (")
    assert "cannot see" in message["content"]
