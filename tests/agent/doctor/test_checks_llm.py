"""What the doctor says of language models and endpoints."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent.config.load import Config
from agent.doctor import checks, checks_llm
from agent.doctor.finding import Finding
from llm_adapters import discover

pytestmark = pytest.mark.anyio

Serve = Callable[[int, str, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts an HTTP server that answers every GET with a status, a content type and a body."""
    servers: list[ThreadingHTTPServer] = []

    def serve(status: int, kind: str, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == "/v1/models" and self.headers["authorization"]
                self.send_response(status if known else 500)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def models(*names: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


def config(**sections: Any) -> Config:
    return Config.model_validate(sections)


async def endpoint(base_url: str, model: str = "m") -> Finding:
    llm = {"adapter": "openai", "model": model, "base_url": base_url, "api_key": "sk-secret"}
    (finding,) = await checks.language_models(config(llm=llm))
    assert "sk-secret" not in f"{finding}"
    return finding


class TestEndpoint:
    @pytest.mark.parametrize("listed", ["m", "m:latest"])
    async def test_it_has_the_model(self, serve: Serve, listed: str) -> None:
        url = serve(200, "application/json", models("other", listed))
        assert await endpoint(url) == Finding("ok", "llm endpoint", f"{url} answers and has m")

    async def test_it_has_others(self, serve: Serve) -> None:
        finding = await endpoint(serve(200, "application/json", models("a", "b")))
        assert finding.state == "missing"
        assert finding.detail.endswith("answers, but does not list m (it has: a, b)")
        assert finding.fix == "download m, or correct llm.model"

    @pytest.mark.parametrize("body", [models(), b'{"object": "list", "data": null}'])
    async def test_it_has_none(self, serve: Serve, body: bytes) -> None:
        finding = await endpoint(serve(200, "application/json", body))
        assert finding.state == "missing"
        assert finding.detail.endswith("(it has: none)")

    async def test_a_single_model_may_take_any_name(self, serve: Serve) -> None:
        finding = await endpoint(serve(200, "application/json", models("/models/x.gguf")))
        assert finding.state == "note"

    async def test_no_list_is_no_failure(self, serve: Serve) -> None:
        finding = await endpoint(serve(404, "application/json", b"{}"))
        assert finding.state == "note"

    @pytest.mark.parametrize(
        ("status", "kind", "body", "told"),
        [
            (200, "text/html", b"<html>", "answers, but not with a list of models"),
            (200, "application/json", b"[1]", "answers, but not with a list of models"),
            (200, "application/json", b'{"data": 5}', "answers, but not with a list of models"),
            (200, "application/json", b"{", "answers, but not with a list of models"),
            (401, "application/json", b"{}", "does not accept the API key"),
            (503, "text/plain", b"starting", "failed (503)"),
        ],
    )
    async def test_a_bad_answer(
        self, serve: Serve, status: int, kind: str, body: bytes, told: str
    ) -> None:
        finding = await endpoint(serve(status, kind, body))
        assert finding.state == "missing"
        assert told in finding.detail

    async def test_nothing_is_there(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            finding = await endpoint(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        assert finding.state == "missing"
        assert "start the server or set llm.base_url" in finding.detail

    async def test_it_never_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks_llm, "PATIENCE", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as mute:
            finding = await endpoint(f"http://127.0.0.1:{mute.getsockname()[1]}/v1")
        assert finding.state == "missing"
        assert finding.detail.endswith("/v1 in 0.1 s")

    async def test_no_address(self) -> None:
        finding = await endpoint("localhost:11434")
        assert finding.subject == "llm openai"
        assert finding.detail.startswith("llm.base_url is not a URL")


class TestTranscriptionEndpoint:
    """`stt: {engine: openai}`, with the same client."""

    @staticmethod
    async def find(base_url: str) -> Finding:
        stt = {"engine": "openai", "model": "m", "base_url": base_url, "api_key": "sk-secret"}
        (finding,) = await checks.recognition(config(stt=stt))
        return finding

    async def test_it_answers(self, serve: Serve) -> None:
        url = serve(200, "application/json", models("m"))
        assert await self.find(url) == Finding("ok", "stt endpoint", f"{url} answers and has m")
        assert (await self.find(serve(200, "application/json", models()))).state == "note"

    async def test_it_does_not(self, serve: Serve) -> None:
        finding = await self.find(serve(401, "application/json", b"{}"))
        assert finding.state == "missing"
        assert finding.detail.endswith("set OPENAI_API_KEY or stt.api_key")
        finding = await self.find("http://127.0.0.1:1/v1")
        assert finding.detail.endswith("start the server or set stt.base_url")


class TestLanguageModels:
    async def test_fallbacks_are_looked_at_too(self, serve: Serve) -> None:
        url = serve(200, "application/json", models("m"))
        good = {"adapter": "openai", "model": "m", "base_url": url, "api_key": "sk-secret"}
        bad = {**good, "model": "other"}
        llm = {**good, "fallback": [bad, {"adapter": "eliza"}]}
        found = await checks.language_models(config(llm=llm))
        assert [finding.state for finding in found] == ["ok", "note", "ok"]
        assert found[2] == Finding("ok", "llm eliza", "loads")
        subjects = {finding.subject for finding in await checks.packages(config(llm=bad))}
        assert "openai" in subjects

    async def test_what_could_be_used(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        monkeypatch.setattr(discover, "SERVERS", {})
        (finding,) = await checks_llm.servers(Config())
        assert finding.state == "note"
        assert finding.detail.startswith("none found (Ollama, LM Studio")

        monkeypatch.setattr(discover, "TIMEOUT", 30)
        url = serve(200, "application/json", models("a", "b"))
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        here, openai = await checks_llm.servers(Config())
        assert here == Finding("ok", "llm servers", f"OPENAI_BASE_URL at {url}: a, b")
        assert openai.detail.startswith("OpenAI at https://api.openai.com/v1: ")

    @pytest.mark.parametrize(("name", "notes"), [("llama.cpp", 1), ("Ollama", 0)])
    async def test_llama_cpp_shares_the_cores(
        self, monkeypatch: pytest.MonkeyPatch, name: str, notes: int
    ) -> None:
        async def found() -> list[discover.Server]:
            return [discover.Server(name, "http://127.0.0.1:8080/v1", ("a",))]

        monkeypatch.setattr(checks_llm, "discover", found)
        monkeypatch.setattr("os.cpu_count", lambda: 4)
        first, *rest = await checks_llm.servers(Config())
        assert first.state == "ok"
        assert [finding.subject for finding in rest] == ["llama.cpp"] * notes
        assert all("llama-server --threads 2" in finding.fix for finding in rest)

    async def test_auto_needs_something(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        monkeypatch.setattr(discover, "SERVERS", {})
        (finding,) = await checks.language_models(config(llm={"adapter": "auto"}))
        assert finding.state == "missing"
        assert "no language model was found: start one" in finding.detail
