"""espeak-ng, as the package `espeakng-loader` brings it: small, offline, many languages."""

from tts.espeak.engine import Espeak

__all__ = ["Espeak"]
