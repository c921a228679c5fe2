"""Where the tests' files are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
AUDIO = ROOT / "tests" / "audio"
ASSETS = ROOT / "tests" / "assets"
GOLDENS = ROOT / "tests" / "tts" / "dia2" / "goldens"
DIA_GOLDENS = ROOT / "tests" / "tts" / "dia" / "goldens"
