"""Text as Dia reads it: bytes, of which two are the speakers."""

TAGS = {"[S1]": b"\x01", "[S2]": b"\x02"}


def to_bytes(text: str) -> bytes:
    """Encode a text as it stands: UTF-8, but each speaker's tag a byte of its own."""
    encoded = text.encode("utf-8", "replace")
    for tag, byte in TAGS.items():
        encoded = encoded.replace(tag.encode(), byte)
    return encoded
