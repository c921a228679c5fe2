"""The web page as a stranger uses it: without its key, with settings not applied, out of luck."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.async_api import Page, expect

from agent import voice_making
from agent.agent import Agent
from agent.audio.wav import read_audio
from agent.config.load import Config
from agent.config.sections import ServerSettings
from agent.server.running import Place, running
from agent.server.security import Keys
from agent.server.server import Server
from configs import QUESTION
from tests.agent.server.test_page import WAIT, browser, choose, microphone, say
from tests.tts.dia2.serving.utterances import checkpoint
from tts.voices.word import Word

__all__ = ["microphone"]  # a fixture
pytestmark = [pytest.mark.anyio, pytest.mark.realtime]
KEY = "a-key-that-is-long-enough"


async def loaded(*keys: str, **settings: Any) -> Server:
    server = Server(Agent(Config()), Keys(keys), ServerSettings(**settings))
    await server.load()
    return server


@pytest.mark.parametrize("typed", [False, True])
async def test_a_server_that_wants_its_key(microphone: Path, *, typed: bool) -> None:
    server = await loaded(KEY)
    async with running(server, Place(port=0)) as address, browser(address, microphone) as page:
        await choose(page, "websocket")
        await (say(page, "hello") if typed else page.click("#start"))
        await expect(page.locator("#problem")).to_contain_text("wants its key", timeout=WAIT)
        await expect(page.locator("#key")).to_be_focused()
        await page.keyboard.type(KEY)
        await (page.press("#message", "Enter") if typed else page.click("#start"))
        await expect(page.locator("#start")).to_have_text("End", timeout=WAIT)
        await expect(page.locator("#problem")).to_be_hidden()
    await server.aclose()


async def test_a_server_that_is_busy_or_gone_and_the_typed_words_stay() -> None:
    server = await loaded(sessions=1)
    async with running(server, Place(port=0)) as address, browser(address, None) as page:
        with server.session("realtime"):
            await say(page, "hello")
            await expect(page.locator("#problem")).to_contain_text("is busy", timeout=WAIT)
        assert await page.input_value("#message") == "hello"
        server.loaded = anyio.Event()
        await page.press("#message", "Enter")
        await expect(page.locator("#problem")).to_contain_text("still loads", timeout=WAIT)
        await page.context.set_offline(True)
        await page.press("#message", "Enter")
        await expect(page.locator("#problem")).to_contain_text("cannot be reached", timeout=WAIT)
        await page.click("#tab-studio")
        await expect(page.locator("#studio-problem")).to_contain_text("cannot be reached")
    await server.aclose()


async def test_settings_hold_without_being_applied() -> None:
    server = await loaded()
    async with running(server, Place(port=0)) as address, browser(address, None) as page:
        sent: list[dict[str, Any]] = []
        page.on(
            "websocket",
            lambda socket: socket.on("framesent", lambda frame: sent.append(json.loads(frame))),
        )
        await page.locator("summary").click()
        await page.fill("#instructions", "Be brief.")
        await say(page, "hello")
        await expect(page.locator("#transcript li.assistant")).to_have_count(1, timeout=WAIT)
        await page.fill("#instructions", "Be long.")
        await page.click("#apply")
        await expect(page.locator("#applied")).to_have_text("From the next answer on.")
        await page.fill("#instructions", "Be")
        await expect(page.locator("#applied")).to_have_text("")
    updates = [event["session"] for event in sent if event["type"] == "session.update"]
    assert [update["instructions"] for update in updates] == ["Be brief.", "Be long."]
    await server.aclose()


async def seconds_recorded(page: Page) -> float:
    async with page.expect_download() as download:
        await page.click("#save-recording")
    pcm, rate = read_audio(await (await download.value).path())
    return len(pcm) / rate


async def recorded_more(page: Page, before: float) -> float:
    """The recording's length, once it is more than `before`."""
    with anyio.fail_after(WAIT / 1000):
        while (length := await seconds_recorded(page)) < before + 0.2:
            await page.wait_for_timeout(300)
    return length


async def test_a_recording_goes_on_in_the_next_conversation_and_ends_when_wanted(
    microphone: Path,
) -> None:
    server = await loaded()
    async with running(server, Place(port=0)) as address, browser(address, microphone) as page:
        await choose(page, "websocket")
        await page.check("#record")
        length = 0.0
        for _ in range(2):
            await page.click("#start")
            await expect(page.locator("#start")).to_have_text("End", timeout=WAIT)
            length = await recorded_more(page, length)
            await page.click("#start")
            await expect(page.locator("#start")).to_have_text("Talk", timeout=WAIT)
        await page.click("#start")
        await expect(page.locator("#start")).to_have_text("End", timeout=WAIT)
        await page.uncheck("#record")
        before = await seconds_recorded(page)
        await page.wait_for_timeout(1000)
        assert await seconds_recorded(page) == before
    await server.aclose()


async def test_the_button_in_the_head_of_a_page_whose_key_has_expired(
    microphone: Path, tmp_path: Path
) -> None:
    server = await loaded(KEY, origins=["null"])
    async with running(server, Place(port=0)) as address:
        file = tmp_path / "index.html"
        script = f'<script src="{address}parley.js" data-agent="Ask" data-key="ek_old"></script>'
        file.write_text(f"<head>{script}</head><h1>Shop</h1>")
        async with browser(file.as_uri(), microphone) as page:
            await page.get_by_role("button", name="Ask").click()
            status = page.get_by_role("status")
            await expect(status).to_contain_text("missing or has expired", timeout=WAIT)
    await server.aclose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


INSECURE = """
    Object.defineProperty(BaseAudioContext.prototype, "audioWorklet", { get: () => undefined });
    Object.defineProperty(navigator, "mediaDevices", { get: () => undefined });
    delete window.AudioWorkletNode;
"""
"""What a browser takes away from a page of another computer that came without https."""


async def test_a_page_that_is_not_secure_types_and_is_answered_aloud() -> None:
    long = " ".join(["one two three four five six seven eight nine ten"] * 4)
    server = await loaded()
    async with running(server, Place(port=0)) as address, browser(address, None) as page:
        await page.add_init_script(INSECURE)
        await page.goto(address)
        await page.click("#start")
        await expect(page.locator("#problem")).to_contain_text("or type instead", timeout=WAIT)
        await say(page, "what is two plus two")
        answer = page.locator("#transcript li.assistant .said").first
        await expect(answer).to_have_text("Two plus two is four.", timeout=WAIT)
        await expect(page.locator("#problem")).to_be_hidden()
        await expect(page.locator("#state")).to_have_text("Listening.", timeout=WAIT)
        await say(page, f"repeat after me {long}")  # as long as it is heard, it can be stopped
        await expect(page.locator("#state")).to_contain_text("Speaking", timeout=WAIT)
        await page.wait_for_timeout(2000)
        await page.click("#stop")
        cut = page.locator("#transcript li.assistant").nth(1)
        await expect(cut.locator(".note")).to_contain_text("cut off", timeout=WAIT)
        heard = await cut.locator(".said").inner_text()
        assert heard.startswith("one two three")
        assert len(heard) < len(long)
        await page.locator("summary").click()
        await page.check("#record")
        await expect(page.locator("#problem")).to_contain_text("records only")
    await server.aclose()


UNPLUGGABLE = """(() => {
    const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);
    media.getUserMedia = async wishes => (window.microphone = await ask(wishes));
})()"""
UNPLUG = """() => {
    const [track] = window.microphone.getTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
}"""


async def test_a_microphone_that_is_unplugged_and_another_conversation_with_it(
    microphone: Path,
) -> None:
    server = await loaded()
    async with running(server, Place(port=0)) as address, browser(address, microphone) as page:
        await page.add_init_script(UNPLUGGABLE)
        await page.reload()
        await choose(page, "websocket")
        await page.click("#start")
        await expect(page.locator("#state")).to_have_text("Listening.", timeout=WAIT)
        await page.evaluate(UNPLUG)
        await expect(page.locator("#problem")).to_contain_text("microphone is gone", timeout=WAIT)
        await say(page, "what is the capital of france")
        said = page.locator("#transcript li.assistant .said", has_text="capital")
        await expect(said).to_have_count(1, timeout=WAIT)
        await page.click("#start")
        await expect(page.locator("#start")).to_have_text("Talk", timeout=WAIT)
        await page.click("#start")
        await expect(page.locator("#problem")).to_be_hidden()
        await expect(said).to_have_count(2, timeout=WAIT)  # asked by the microphone
    await server.aclose()


async def test_the_studio_of_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def words(*_: object) -> tuple[Word, ...]:
        return (Word("What", 0.3, 0.5), Word("is", 0.5, 0.7), Word("it", 0.8, 1.0))

    monkeypatch.setattr(voice_making, "heard_words", words)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    model = checkpoint(tmp_path / "model")
    server = Server(Agent(Config.model_validate({"tts": {"engine": "dia2", "model": str(model)}})))
    await server.load()
    problem, state = "#studio-problem", "#studio-state"
    async with running(server, Place(port=0)) as address, browser(address, None) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        await page.click("#tab-studio")
        await page.fill("#voice-name", "anna")
        await page.set_input_files("#voice-form input[type=file]", QUESTION)
        await page.check("#consent")
        await page.get_by_role("button", name="Make the voice").click()
        await expect(page.locator("#voices li")).to_contain_text("anna", timeout=WAIT)
        await page.select_option("#voice-2", "anna")
        await page.fill("#script", "[S1] One. [S2] Two.")
        await page.click("#render")
        await expect(page.locator(problem)).to_contain_text("wants one of [S1]", timeout=WAIT)
        await expect(page.locator("#voice-1")).to_be_focused()
        await page.select_option("#voice-1", "anna")
        await page.click("#render")
        await expect(page.locator(state)).to_contain_text("of speech, seed", timeout=WAIT)
        await page.context.set_offline(True)
        for button in ("Play anna", "Delete anna"):
            await page.get_by_role("button", name=button).click()
            told = page.locator(problem)
            await expect(told).to_contain_text("cannot be reached", timeout=WAIT)
        await page.click("#render")
        await expect(page.locator(problem)).to_contain_text("cannot be reached", timeout=WAIT)
        await page.context.set_offline(False)
        await page.get_by_role("button", name="Delete anna").click()
        await expect(page.locator("#voices li")).to_have_count(0, timeout=WAIT)
    await server.aclose()
