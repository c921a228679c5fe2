from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import llm_adapters
import stt
import tts
from agent.config.engines import (
    FAMILIES,
    LLM,
    STT,
    TTS,
    create_llm,
    create_stt,
    create_tts,
    fitting_voice,
)
from agent.config.load import Config, parse_config, public
from agent.errors import ConfigError
from llm_adapters import Message, Notice, TextDelta

SHOUTY = '''
from __future__ import annotations

from typing import Annotated

from pydantic import Field


class Shouty:
    """Speaks louder."""

    def __init__(
        self, *, volume: Annotated[int, Field(ge=1, le=11)] = 5, tags: list[str] | None = None,
        **rest: object,
    ) -> None:
        self.volume = volume
'''


@pytest.fixture
def shouty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed third-party package with three engines, one of them good."""
    (tmp_path / "shouty.py").write_text(SHOUTY)
    (tmp_path / "broken_shouty.py").write_text("import a_package_that_is_not_there\n")
    metadata = tmp_path / "parley_shouty-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parley-shouty\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[parley.tts]\nshouty = shouty:Shouty\nbroken = broken_shouty:Broken\n"
        "classless = shouty:Missing\nespeak = broken_shouty:NotThis\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
class TestBuiltIn:
    def test_every_engine_has_a_section(self, family: Any) -> None:
        assert {section.engine_name for section in family.schemas()} >= set(family.builtin)

    def test_the_default_is_one_of_them(self, family: Any) -> None:
        assert family.default in family.builtin
        assert family.validate({}).engine_name == family.default

    def test_every_argument_is_described(self, family: Any) -> None:
        for section in family.schemas():
            for key, field in section.model_fields.items():
                assert key == family.selector or field.description, f"{section.engine_name}: {key}"


class TestCreate:
    def test_each_kind(self) -> None:
        config = Config()
        speech: stt.SpeechToText = create_stt(config.stt)
        model: llm_adapters.LanguageModel = create_llm(config.llm)
        voice: tts.TextToSpeech = create_tts(config.tts)
        assert type(speech) is STT.schema("pocketsphinx").engine_class
        assert type(model) is LLM.schema("eliza").engine_class
        assert type(voice) is TTS.schema("espeak").engine_class

    @pytest.mark.usefixtures("shouty")
    def test_the_constructor_gets_what_the_file_says(self) -> None:
        engine: Any = create_tts(TTS.validate({"engine": "shouty", "volume": "11"}))
        assert engine.volume == 11


class TestNames:
    def test_an_unknown_name_tells_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match=r"^unknown engine 'wisper', did you mean 'whisper'"):
            STT.schema("wisper")

    def test_an_unknown_name_near_none_tells_all(self) -> None:
        with pytest.raises(
            ConfigError, match=r"^unknown adapter 'zzz'; there are auto, eliza, llama, openai$"
        ):
            LLM.schema("zzz")


@pytest.mark.usefixtures("shouty")
class TestThirdParty:
    def test_it_is_listed(self) -> None:
        assert {"shouty", "broken", "espeak", "command"} <= set(TTS.names())

    def test_its_constructor_is_its_schema(self) -> None:
        assert TTS.validate({"engine": "shouty"}).arguments() == {"volume": 5, "tags": None}
        with pytest.raises(ValidationError) as caught:
            TTS.validate({"engine": "shouty", "volume": 12, "rest": 1})
        assert {error["loc"] for error in caught.value.errors()} == {("volume",), ("rest",)}

    def test_it_never_replaces_a_built_in_one(self) -> None:
        assert TTS.schema("espeak").engine_class.__module__ == "tts.espeak.engine"

    def test_broken_ones_are_left_out_of_the_list(self) -> None:
        names = [section.engine_name for section in TTS.schemas()]
        assert "shouty" in names
        assert not {"broken", "classless"} & set(names)

    @pytest.mark.parametrize("name", ["broken", "classless"])
    def test_a_broken_one_names_its_package_when_selected(self, name: str) -> None:
        with pytest.raises(ConfigError) as caught:
            parse_config(f"agent: {{}}\ntts:\n  engine: {name}\n".encode(), "my.yaml")
        line = str(caught.value)
        assert line.startswith(f"my.yaml:3: tts.engine: engine '{name}' of package parley-shouty")


class TestFallback:
    def section(self, *others: object) -> dict[str, object]:
        return {"adapter": "openai", "model": "m", "fallback": list(others)}

    @pytest.mark.anyio
    async def test_the_next_one_answers(self) -> None:
        first = {**self.section({"adapter": "eliza"}), "base_url": "http://127.0.0.1:1/v1"}
        llm = create_llm(LLM.validate({**first, "api_key": "none", "retries": 0}))
        await llm.load()
        items = [item async for item in llm.reply([Message("user", "what is 7 times 6")])]
        await llm.aclose()
        assert isinstance(items[0], Notice)
        assert items[0].message.startswith("openai m fails (nothing answers at http://127.0.0.1:1")
        assert items[0].message.endswith(": eliza answers")
        assert isinstance(items[1], TextDelta)

    @pytest.mark.parametrize(
        ("other", "place"),
        [
            ({"adapter": "opnai"}, ("fallback", 1, "adapter")),
            ({"adapter": "openai"}, ("fallback", 1, "model")),
            ({"adapter": "eliza", "temperature": 1}, ("fallback", 1, "temperature")),
        ],
    )
    def test_a_mistake_in_one_is_told_where_it_is(
        self, other: object, place: tuple[object, ...]
    ) -> None:
        with pytest.raises(ValidationError) as caught:
            LLM.validate(self.section({"adapter": "eliza"}, other))
        assert caught.value.errors()[0]["loc"] == place

    @pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
    def test_every_family_has_them_and_one_needs_no_list(self, family: Any) -> None:
        other = {family.selector: family.default}
        for fallback in (other, [other]):
            section = family.validate({**other, "fallback": fallback})
            assert [each.engine_name for each in section.engines] == [family.default] * 2
            assert "fallback" not in section.arguments()
        with pytest.raises(ValidationError) as caught:
            family.validate({**other, "fallback": {**other, "sped": 1}})
        assert caught.value.errors()[0]["loc"] == ("fallback", 0, "sped")

    def test_auto_keeps_them(self) -> None:
        section = fitting_voice(TTS.validate({"engine": "auto", "fallback": {"engine": "espeak"}}))
        assert section.engine_name != "auto"
        assert [each.engine_name for each in section.fallback] == ["espeak"]

    def test_secrets_stay_secret(self) -> None:
        other = {"adapter": "openai", "model": "m", "api_key": "sk-secret"}
        config = Config.model_validate({"llm": self.section(other)})
        assert "sk-secret" not in f"{config!r} {public(config)}"
