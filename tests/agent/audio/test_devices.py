"""Finding sound cards, and what is said when they are not there."""

import argparse
import sys
from pathlib import Path

import pytest
import sounddevice as sd

from agent.audio import hotplug
from agent.audio.devices import Device, find_device, list_devices
from agent.cli.commands import devices as command
from agent.errors import AudioError
from tests.soundcards import SoundCards


def test_lists_what_records_and_what_plays(soundcards: SoundCards) -> None:
    microphones, speakers = list_devices("input"), list_devices("output")
    assert [device.name for device in microphones] == ["virtual_mic", "default"]
    assert [device.name for device in speakers] == ["virtual_speaker", "default"]
    assert [device.default for device in speakers] == [False, True]
    index = speakers[0].index
    assert speakers[0] == Device("output", index, "virtual_speaker", "ALSA", 32, 44100, False)
    assert soundcards.speaker.name == speakers[0].name


@pytest.mark.usefixtures("soundcards")
def test_finds_a_device_by_name_part_or_index() -> None:
    for wanted in ("virtual_speaker", "SPEAK", "virtual_speaker, alsa", " 1 ", 1):
        assert find_device("output", wanted).name == "virtual_speaker"


@pytest.mark.usefixtures("soundcards")
def test_the_default_device_needs_no_name() -> None:
    for nothing in (None, "", " "):
        assert find_device("input", nothing).default


@pytest.mark.usefixtures("soundcards")
def test_a_new_process_finds_it_although_another_package_is_called_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert hotplug._probe("output", "speaker") == ascii(find_device("output", "speaker").id)


@pytest.mark.usefixtures("soundcards")
def test_a_whole_name_goes_before_a_part() -> None:
    # "a" is in both names, and in ALSA, but "default" is one of them.
    assert find_device("input", "a").name == "virtual_mic"
    assert find_device("input", "Default").name == "default"


@pytest.mark.usefixtures("soundcards")
def test_an_unknown_device_names_the_nearest_and_all() -> None:
    with pytest.raises(AudioError) as caught:
        find_device("input", "Virtul Mic")
    assert str(caught.value) == (
        "no microphone is called 'Virtul Mic': did you mean 'virtual_mic'? "
        "There are 0 'virtual_mic', 2 'default'"
    )


@pytest.mark.usefixtures("soundcards")
def test_a_speaker_is_no_microphone() -> None:
    for wanted in ("virtual_speaker", 1, "77", "-1"):
        with pytest.raises(AudioError, match="no microphone is called"):
            find_device("input", wanted)


def test_a_computer_without_devices(soundcards: SoundCards) -> None:
    soundcards.unplug()
    look_again()
    with pytest.raises(AudioError) as caught:
        find_device("input", "virtual_mic")
    assert str(caught.value) == (
        "this computer has no microphone: plug one in, or use a file: --mic FILE.wav"
    )


def test_without_the_portaudio_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    with pytest.raises(AudioError, match="apt install libportaudio2") as caught:
        find_device("output", None)
    assert "\n" not in str(caught.value)


def test_without_the_sounddevice_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(AudioError, match="pip install sounddevice"):
        list_devices("input")


@pytest.mark.usefixtures("soundcards")
def test_the_command_prints_both_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command() == 0
    assert capsys.readouterr().out.splitlines() == [
        "Microphones (* is the default)",
        "   index  name         host API  channels  rate",
        "   0      virtual_mic  ALSA      32        44100 Hz",
        "*  2      default      ALSA      32        44100 Hz",
        "",
        "Speakers (* is the default)",
        "   index  name             host API  channels  rate",
        "   1      virtual_speaker  ALSA      32        44100 Hz",
        "*  2      default          ALSA      32        44100 Hz",
    ]


def test_the_command_without_devices(
    soundcards: SoundCards, capsys: pytest.CaptureFixture[str]
) -> None:
    soundcards.unplug()
    look_again()
    assert run_command() == 1
    assert capsys.readouterr().out.count("none: plug one in, or use a file") == 2


def run_command() -> int:
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    args = parser.parse_args(["devices"])
    status: int = args.run(args)
    return status


def look_again() -> None:
    sd._terminate()
    sd._initialize()
