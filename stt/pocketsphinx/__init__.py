"""CMU Pocketsphinx: small, offline, English; its model comes with the package."""

from stt.pocketsphinx.engine import Pocketsphinx

__all__ = ["Pocketsphinx"]
