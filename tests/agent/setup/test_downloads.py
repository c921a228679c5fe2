"""A mirror that is filled and used, a damaged file that is found; the hub is one on loopback."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

from agent.errors import ParleyError
from agent.setup.downloads import SUMS, check_cached, check_mirror, fill_mirror
from agent.setup.plan import Choice, Download
from tests.hub_server import Hub, hub_server, use_hub

NETWORK = os.urandom(3 << 20)
WHOLE = Download("owner/whole", ("config.json", "*.bin"), 3)
VOICE = Download("owner/voices", ("en/voice.onnx", "en/voice.onnx.json"), 1, "voice", whole=False)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {
        "owner/whole/config.json": b"{}",
        "owner/whole/model.bin": NETWORK,
        "owner/whole/README.md": b"not needed",
        "owner/voices/en/voice.onnx": b"a network",
        "owner/voices/en/voice.onnx.json": b"{}",
        "owner/voices/de/voice.onnx": b"not needed",
    }
    with hub_server(files) as hub:
        use_hub(monkeypatch, hub, tmp_path / "cache")
        yield hub


def test_a_mirror_is_filled_with_what_is_needed_and_used(hub: Hub, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    assert fill_mirror(mirror, [WHOLE, VOICE]) == 4
    assert check_mirror(mirror, [WHOLE]) == 2
    assert check_mirror(mirror, [WHOLE, VOICE]) == 4
    assert not (mirror / "owner/whole/README.md").exists()
    assert not (mirror / "owner/voices/de").exists()
    assert (mirror / "owner/whole/model.bin").read_bytes() == NETWORK
    choice = Choice({"engine": "x", "voice": "en"}, "X", "", (VOICE,)).of_mirror(mirror)
    assert choice.section == {"engine": "x", "voice": str(mirror / "owner/voices/en/voice.onnx")}
    choice = Choice({"engine": "x", "model": "base"}, "X", "", (WHOLE,)).of_mirror(mirror)
    assert choice.section["model"] == str(mirror / "owner/whole")
    hub.asked.clear()
    assert fill_mirror(mirror, [WHOLE]) == 2
    assert hub.asked == []
    assert check_mirror(mirror, [VOICE]) == 2  # the list keeps what was there


def test_a_download_that_broke_off_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    hub.break_off = 2 << 20
    fill_mirror(tmp_path, [WHOLE])
    ranges = [wanted for name, wanted in hub.asked if name.endswith("model.bin")]
    assert ranges == [None, f"bytes={2 << 20}-"]
    assert check_mirror(tmp_path, [WHOLE]) == 2


@pytest.mark.usefixtures("hub")
def test_a_damaged_mirror_is_not_used(tmp_path: Path) -> None:
    fill_mirror(tmp_path, [WHOLE])
    network = tmp_path / "owner/whole/model.bin"
    network.write_bytes(NETWORK[:-1] + bytes([NETWORK[-1] ^ 1]))
    with pytest.raises(ParleyError, match=r"model\.bin is damaged or missing: copy the mirror"):
        check_mirror(tmp_path, [WHOLE])
    network.unlink()
    with pytest.raises(ParleyError, match=r"model\.bin is damaged or missing"):
        check_mirror(tmp_path, [WHOLE])
    with pytest.raises(ParleyError, match="nothing of owner/voices: fill it where there is a net"):
        check_mirror(tmp_path, [VOICE])
    (tmp_path / SUMS).unlink()
    with pytest.raises(ParleyError, match="is no mirror, it has no SHA256SUMS"):
        check_mirror(tmp_path, [WHOLE])


@pytest.mark.usefixtures("hub")
def test_a_damaged_file_of_the_cache_is_named() -> None:
    folder = Path(snapshot_download(WHOLE.repository, allow_patterns=[*WHOLE.files]))
    assert check_cached([WHOLE]) == 2
    blob = (folder / "model.bin").resolve()
    blob.write_bytes(NETWORK[:100])
    with pytest.raises(ParleyError, match=rf"model\.bin is damaged: delete {blob}"):
        check_cached([WHOLE])


def test_a_hub_that_cannot_be_reached(hub: Hub, tmp_path: Path) -> None:
    hub.files.clear()
    with pytest.raises(ParleyError, match="owner/whole cannot be downloaded"):
        fill_mirror(tmp_path, [WHOLE])
