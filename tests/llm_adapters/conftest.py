"""One chat server for all tests of the adapters, and an environment without settings."""

from collections.abc import Iterator

import pytest

from tests.llm_adapters.chat_server import ChatServer, serving

SETTINGS = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_CUSTOM_HEADERS"]
PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]


@pytest.fixture(scope="session")
def running_server() -> Iterator[ChatServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running_server: ChatServer) -> ChatServer:
    """The server, not asked anything yet."""
    running_server.clear()
    return running_server


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set on this machine must not change what a test sees."""
    for name in [*SETTINGS, *PROXIES, *(proxy.lower() for proxy in PROXIES)]:
        monkeypatch.delenv(name, raising=False)
