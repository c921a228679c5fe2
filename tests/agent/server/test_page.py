"""The web page in a real browser, whose microphone is a WAV file."""

import re
import shutil
import wave
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anyio
import numpy as np
import pytest
from playwright.async_api import Page, async_playwright, expect

from agent.agent import Agent
from agent.audio.wav import read_audio
from agent.config.load import Config
from agent.server.running import Place, running
from agent.server.server import Server
from configs import QUESTION
from tests.agent.server.http import post
from tests.tts.dia2.serving.utterances import checkpoint

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

Open: TypeAlias = Callable[..., AsyncGenerator[Page, None]]
CHROMIUM = shutil.which("chromium") or "chromium"
WAIT = 20_000
"""Milliseconds that anything on the page may take, on a busy machine."""
UNNAMED = """[...document.querySelectorAll('button, input, select, textarea')]
    .filter(e => !e.labels?.length && !e.ariaLabel && !e.innerText.trim()).map(e => e.id)"""
COLOURS = """(style => [style.backgroundColor, style.color])(getComputedStyle(document.body))"""
LONG = " ".join(["one two three four five six seven eight nine ten"] * 4)


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """A recording that asks for the capital of France every ten seconds."""
    pcm, rate = read_audio(QUESTION)
    sound = np.zeros(10 * rate, np.float32)
    sound[rate : rate + len(pcm)] = pcm
    path = tmp_path / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


@asynccontextmanager
async def browser(
    address: str, microphone: Path | None, *, allowed: bool = True, **options: object
) -> AsyncGenerator[Page, None]:
    """A page at `address`; what goes wrong in its scripts fails the test."""
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    if microphone is not None:
        arguments += ["--use-fake-device-for-media-stream"]
        arguments += [f"--use-file-for-fake-audio-capture={microphone}"]
    problems: list[str] = []
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        permissions = ["microphone"] if allowed else []
        context = await chromium.new_context(permissions=permissions, **options)  # type: ignore[arg-type]
        page = await context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(address)
        try:
            yield page
        finally:
            await chromium.close()
    assert not problems


async def choose(page: Page, way: str) -> None:
    await page.locator("summary").click()
    await page.select_option("#way", way)


async def say(page: Page, text: str) -> None:
    await page.fill("#message", text)
    await page.press("#message", "Enter")


@pytest.mark.parametrize("way", ["websocket", "webrtc"])
async def test_a_conversation(address: str, microphone: Path, way: str) -> None:
    async with browser(address, microphone) as page:
        rows, state = page.locator("#transcript li"), page.locator("#state")
        await choose(page, way)
        await page.click("#start")
        # The small recogniser may mishear the last word: the browser works on the sound, too.
        question = re.compile("capital of f?r")
        await expect(rows.nth(0).locator(".said")).to_have_text(question, timeout=WAIT)
        await expect(rows.nth(1).locator(".said")).to_have_text(re.compile("capital"), timeout=WAIT)
        await expect(rows.nth(0).locator(".bars")).to_be_visible()
        await expect(state).to_have_text("Listening.", timeout=WAIT)
        # Typed, answered aloud, and cut off by the voice: the words that were heard stay.
        await say(page, f"repeat after me {LONG}")
        await expect(state).to_contain_text("Speaking", timeout=WAIT)
        await expect(page.locator(".note", has_text="cut off")).to_be_visible(timeout=WAIT)
        cut = page.locator("#transcript li.assistant").nth(1)
        heard, unheard = (
            await cut.locator(".said").inner_text(),
            await cut.locator("del").inner_text(),
        )
        assert heard.startswith("one two")
        assert unheard.split()
        assert " ".join((heard + " " + unheard).split()).rstrip(".") == LONG
        asked = page.locator("#transcript li.user .said", has_text=question)
        await expect(asked).to_have_count(2, timeout=WAIT)
        # And by the button.
        await page.click("#mute")
        await expect(state).to_contain_text("Muted", timeout=WAIT)
        await say(page, f"repeat after me {LONG}")
        await page.click("#stop")
        await expect(page.locator(".note", has_text="cut off")).to_have_count(2, timeout=WAIT)
        await page.click("#start")
        await expect(page.locator("#start")).to_have_text("Talk")


async def test_typing_needs_no_microphone(address: str) -> None:
    async with browser(address, None, allowed=False) as page:
        await say(page, "what is two plus two")
        await expect(page.locator("#transcript li")).to_have_text(
            ["You what is two plus two", "Parley Two plus two is four."], timeout=WAIT
        )
        async with page.expect_download() as download:
            await page.locator("summary").click()
            await page.click("#save-transcript")
        path = anyio.Path(await (await download.value).path())
        text = await path.read_text("utf-8")
        assert text == "You: what is two plus two\nParley: Two plus two is four.\n"


async def test_a_microphone_that_is_refused_is_explained(address: str) -> None:
    async with browser(address, None, allowed=False) as page:
        await page.click("#start")
        await expect(page.locator("#problem")).to_contain_text("type instead", timeout=WAIT)
        await expect(page.locator("#start")).to_have_text("Talk")


async def test_push_to_talk(address: str, microphone: Path) -> None:
    async with browser(address, microphone) as page:
        await choose(page, "websocket")
        await page.check("#push-to-talk")
        await page.click("#start")
        push = page.locator("#push")
        await expect(push).to_be_visible(timeout=WAIT)
        await push.focus()
        await page.keyboard.down("Space")
        await expect(page.locator("#state")).to_have_text("You speak.")
        await anyio.sleep(11)  # once round the recording
        await page.keyboard.up("Space")
        await expect(page.locator("#transcript li.assistant .said").first).to_contain_text(
            "Paris", timeout=WAIT
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_it_fits_and_can_be_read(
    address: str, scheme: str, width: int, tmp_path: Path
) -> None:
    size = {"width": width, "height": 800}
    async with browser(address, None, viewport=size, color_scheme=scheme) as page:
        await page.locator("summary").click()
        for tab in ("#tab-talk", "#tab-studio"):
            await page.click(tab)
            inside = "document.scrollingElement.scrollWidth <= window.innerWidth"
            assert await page.evaluate(inside), tab
            # Every control has a name for a screen reader.
            assert await page.evaluate(UNNAMED) == []
            await page.screenshot(path=tmp_path / f"{scheme}-{width}{tab}.png", full_page=True)
        paper, ink = await page.evaluate(COLOURS)
        light = scheme == "light"
        assert (_brightness(paper) > 200) is light
        assert abs(_brightness(paper) - _brightness(ink)) > 150


def _brightness(colour: str) -> float:
    red, green, blue = (float(part) for part in colour[4:-1].split(","))
    return 0.3 * red + 0.6 * green + 0.1 * blue


async def test_tabs_by_keyboard(address: str) -> None:
    async with browser(address, None) as page:
        await page.focus("#tab-talk")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("#studio")).to_be_visible()
        await expect(page.locator("#talk")).to_be_hidden()


async def test_the_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    model = checkpoint(tmp_path / "model")
    config = Config.model_validate({"tts": {"engine": "dia2", "model": str(model)}})
    server = Server(Agent(config))
    await server.load()
    try:
        async with running(server, Place(port=0)) as address, browser(address, None) as page:
            await page.click("#tab-studio")
            await page.get_by_role("button", name="(laughs)").click()
            await page.fill("#script", "[S1] One two three. [S2] Four.")
            await page.fill("#seed", "7")
            await page.click("#render")
            await expect(page.locator("#studio-state")).to_contain_text("seed 7", timeout=WAIT)
            async with page.expect_download() as download:
                await page.click("#wav")
            pcm, rate = read_audio(await (await download.value).path())
            assert rate == 24000
            request = {"script": "[S1] One two three. [S2] Four.", "seed": 7, "cfg": 2.0}
            _, _, body = await post(f"{address}studio/render", {**request, "temperature": 0.8})
            assert len(pcm) == len(body) // 2
            await page.fill("#script", " ")
            await page.click("#render")
            await expect(page.locator("#studio-problem")).to_be_visible(timeout=WAIT)
    finally:
        await server.aclose()


async def test_a_server_that_goes_away_is_told(microphone: Path) -> None:
    server = Server(Agent(Config()))
    await server.load()
    try:
        async with running(server, Place(port=0)) as address, browser(address, microphone) as page:
            state = page.locator("#state")
            await choose(page, "websocket")
            await page.click("#start")
            await expect(page.locator("#start")).to_have_text("End", timeout=WAIT)
            for session in server.sessions.values():
                session.ending.set()
            await expect(state).to_contain_text("Connecting again", timeout=WAIT)
            await expect(state).to_have_text("Listening.", timeout=WAIT)
    finally:
        await server.aclose()


async def test_the_button_in_a_page_of_somebody_else(microphone: Path, tmp_path: Path) -> None:
    config = Config.model_validate({"server": {"origins": ["http://127.0.0.1:1", "null"]}})
    server = Server(Agent(config), settings=config.server)
    await server.load()
    try:
        async with running(server, Place(port=0)) as address:
            page_file = tmp_path / "index.html"
            page_file.write_text(
                f'<h1>Shop</h1><script src="{address}parley.js" data-agent="Ask us" async></script>'
            )
            async with browser(page_file.as_uri(), microphone) as page:
                button = page.get_by_role("button", name="Ask us")
                await button.click()
                await expect(page.get_by_role("status")).to_contain_text("Paris", timeout=WAIT)
                await page.get_by_role("button", name="End").click()
                await expect(button).to_be_visible()
    finally:
        await server.aclose()
