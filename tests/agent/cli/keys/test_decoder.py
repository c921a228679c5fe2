"""What terminals send, and which keys that is."""

import pytest

from agent.cli.keys.decoder import PASTED, Key, KeyDecoder


def keys(data: bytes) -> list[Key]:
    decoder = KeyDecoder()
    return [*decoder.feed(data), *decoder.flush()]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"m", Key("m", "m")),
        (b" ", Key("space", " ")),
        (b"\r", Key("enter")),
        (b"\n", Key("enter")),
        (b"\x7f", Key("backspace")),
        (b"\x08", Key("backspace")),
        (b"\x01", Key("a", ctrl=True)),
        (b"\x1b", Key("escape")),
        (b"\x1b[D", Key("left")),
        (b"\x1bOC", Key("right")),
        (b"\x1b[3~", Key("delete")),
        (b"\x1b[1;5D", Key("left", ctrl=True)),
        ("ü".encode(), Key("ü", "ü")),
        (b"\x1b[?31u", Key("kitty")),
        (b"\x1b[32u", Key("space", " ")),
        (b"\x1b[32;1:1;32u", Key("space", " ")),
        (b"\x1b[32;1:2u", Key("space", " ", "repeat")),
        (b"\x1b[32;1:3u", Key("space", " ", "release")),
        (b"\x1b[118:86;2;86u", Key("V", "V")),
        (b"\x1b[118:86;2u", Key("V", "V")),
        (b"\x1b[47:63;2;63u", Key("?", "?")),
        (b"\x1b[99;5u", Key("c", ctrl=True)),
        (b"\x1b[1100::109;1;1100u", Key("m", "ь")),  # where m is on a Russian keyboard
        (b"\x1b[13;1:3u", Key("enter", "", "release")),
        (b"\x1b[1;1:3A", Key("up", "", "release")),
    ],
)
def test_keys(data: bytes, key: Key) -> None:
    assert keys(data) == [key]


@pytest.mark.parametrize(
    "data", [b"\x1b[?62;4c", b"\x1b[57441;2u", b"\x1b[I", b"\x1b[15~", b"\x1bOP", b"\x1b[99999999u"]
)
def test_what_is_no_key_of_ours_is_none(data: bytes) -> None:
    assert keys(data) == []


def test_bytes_may_be_cut_anywhere() -> None:
    data = "ü\x1b[32;1:3u\x1b[200~ab\nü\x1b[201~\x1b[Dq".encode()
    whole = keys(data)
    assert [key.name for key in whole] == ["ü", "space", "paste", "left", "q"]
    for cut in range(len(data)):
        decoder = KeyDecoder()
        assert [*decoder.feed(data[:cut]), *decoder.feed(data[cut:])] == whole
    assert whole[2].text == "ab\nü"


def test_escape_waits_for_what_may_follow() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.waits
    assert decoder.feed(b"[D") == [Key("left")]
    assert not decoder.waits


def test_what_never_ends_is_not_kept() -> None:
    decoder = KeyDecoder()
    decoder.feed(b"\x1b[" + b"1" * 10_000)
    assert not decoder.feed(b"")
    assert len(decoder._data) <= 64
    decoder.feed(b"\x1b[200~" + b"a" * 1_000_000)
    (pasted,) = decoder.feed(b"\x1b[201~")
    assert len(pasted.text) <= PASTED
