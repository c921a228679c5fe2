"""Binding of espeak-ng by ctypes: one library per process, one synthesis at a time.

The functions, constants and structures are those of espeak-ng's `speak_lib.h`. The library keeps
its voice and its state in globals, so every use of it is under one lock; it is held for one clause
at a time, which takes milliseconds. Everything here blocks: call it in a worker thread.
"""

import ctypes
import difflib
import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts.protocol import TextToSpeechError

OUTPUT_SYNCHRONOUS = 2  # audio goes to the callback, in the thread that asked for it
INITIALIZE_DONT_EXIT = 0x8000  # without it, missing data ends the whole process
BLOCK_MS = 60  # audio per callback; a block takes about 0.1 ms to make
POSITION_CHARACTER = 1
CHARS_UTF8 = 1
PHONEMES_IPA = 2
END_PAUSE = 0x1000
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
EVENT_LIST_END, EVENT_WORD = 0, 1
CONTINUE, STOP = 0, 1
_REGION = re.compile(r"[a-z]{2}|\d{3}|[a-z]{4}")  # or a script
_WITHOUT_CONTROLS = dict.fromkeys(range(32), " ")


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_void_p * (8 // ctypes.sizeof(ctypes.c_void_p))),  # a union of 8 bytes
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),  # see `_languages`
        ("identifier", ctypes.c_char_p),  # its file
        # More follows, which nobody needs: a voice is only ever read through a pointer.
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Voice of the library's list: its name, its file, its languages with their priorities."""

    name: bytes
    identifier: bytes
    languages: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class WordEvent:
    """Beginning of a word: its first character's index in the text, its first sample."""

    index: int
    sample: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a voice: its name, words per minute (80 to 450), pitch (0 to 100)."""

    voice: str
    speed: int
    pitch: int


Deliver = Callable[[NDArray[np.float32], list[WordEvent]], None]


class EspeakLibrary:
    """The loaded library. Use `load_library`: there is one per process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._data = Path(espeakng_loader.get_data_path())
        self._path = espeakng_loader.get_library_path()
        # ctypes keeps no reference to a callback: it must live as long as the library.
        self._callback = _CALLBACK(self._on_block)
        self._library, self.sample_rate = self._open()
        self._lock = threading.Lock()
        # Listed once: the library makes its list anew each time, under whoever reads it.
        self._voices = self._list_voices()
        self._settings: Settings | None = None
        self._deliver: Deliver | None = None
        self._failure: BaseException | None = None

    def _open(self) -> tuple[Any, int]:
        """The library as it is when it has just been loaded, and its sample rate."""
        try:
            library = ctypes.CDLL(self._path)
        except OSError as error:
            raise TextToSpeechError(f"espeak's library cannot be loaded: {error}") from error
        rate: int = library.espeak_Initialize(
            OUTPUT_SYNCHRONOUS, BLOCK_MS, os.fsencode(self._data), INITIALIZE_DONT_EXIT
        )
        if rate <= 0:
            raise TextToSpeechError(
                f"espeak cannot read its data in {self._data}: reinstall espeakng-loader or, as "
                "espeak takes no path longer than 160 characters, install into a shorter one"
            )
        library.espeak_SetSynthCallback(self._callback)
        return library, rate

    def renew(self) -> None:
        """Have the library be as when it was loaded: some milliseconds.

        The phase of its waves goes on from one text to the next, in variables that neither setting
        a voice nor `espeak_Terminate` sets back; unloading it does. Raises TextToSpeechError.
        """
        with self._lock:
            self._library.espeak_Terminate()
            _unload(self._library._handle)
            self._settings = None
            self._library, _ = self._open()

    def check(self, settings: Settings) -> None:
        """Raise TextToSpeechError when there is no such voice."""
        with self._lock:
            self._apply(settings)

    def has(self, voice: str) -> bool:
        """Whether there is such a voice; other than `check` it never waits for one that speaks."""
        name, plus, variant = voice.partition("+")
        known = self._named(name) or self._of_language(name)
        return known is not None and (not plus or variant in self._variants())

    @property
    def languages(self) -> list[str]:
        """The languages that it speaks, one for each voice: codes such as en-us."""
        return sorted({voice.languages[0][1] for voice in self._voices if voice.languages})

    def synthesise(self, text: str, settings: Settings, deliver: Deliver) -> None:
        """Synthesise `text`; `deliver` gets each block of audio and the words it starts.

        What `deliver` raises stops the synthesis and is raised here.
        """
        # A NUL or a ^Z would end the text; the length stays, and with it every position.
        encoded = text.translate(_WITHOUT_CONTROLS).encode(errors="replace")
        with self._lock:
            self._apply(settings)
            self._deliver, self._failure = deliver, None
            try:
                status = self._library.espeak_Synth(
                    encoded,
                    ctypes.c_size_t(len(encoded) + 1),
                    0,
                    POSITION_CHARACTER,
                    0,
                    CHARS_UTF8 | END_PAUSE,
                    None,
                    None,
                )
                failure = self._failure
            finally:
                self._deliver, self._failure = None, None
        if failure is not None:
            raise failure
        if status != 0:
            raise TextToSpeechError(f"espeak could not speak {text!r} (error {status})")

    def phonemes(self, text: str, voice: str) -> str:
        """Transcribe `text`, without punctuation, in IPA: stress marks, spaces between words."""
        encoded = ctypes.create_string_buffer(
            text.translate(_WITHOUT_CONTROLS).encode(errors="replace")
        )
        rest = ctypes.c_void_p(ctypes.addressof(encoded))
        clauses = []
        with self._lock:
            self._apply(Settings(voice, 175, 50))
            self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
            while rest.value:  # the library takes a clause at a time and moves the pointer on
                clause = self._library.espeak_TextToPhonemes(
                    ctypes.byref(rest), CHARS_UTF8, PHONEMES_IPA
                )
                clauses.append(clause.decode(errors="replace"))
        return " ".join(" ".join(clauses).split())

    def _apply(self, settings: Settings) -> None:
        if settings == self._settings:
            return
        self._settings = None
        voice, plus, variant = settings.voice.partition("+")
        if plus and variant not in self._variants():  # espeak would not mind
            raise TextToSpeechError(self._unknown_variant(variant))
        name = self._named(voice) or self._of_language(voice)
        if name is None or self._library.espeak_SetVoiceByName(name + (plus + variant).encode()):
            raise TextToSpeechError(self._unknown(voice))
        self._library.espeak_SetParameter(PARAMETER_RATE, settings.speed, 0)
        self._library.espeak_SetParameter(PARAMETER_PITCH, settings.pitch, 0)
        self._settings = settings

    def _named(self, name: str) -> bytes | None:
        """The file of the voice with this name or in this file, with or without its folder.

        espeak would also take a folder, and any file for one of a voice.
        """
        wanted = name.lower().encode()
        for voice in self._voices:
            file = voice.identifier.lower()
            if wanted in (voice.name.lower(), file, file.rpartition(b"/")[2]):
                return voice.identifier
        return None

    def _of_language(self, language: str) -> bytes | None:
        """The file of the voice for a language, without its region if need be (RFC 4647, 3.4).

        espeak lists `en-gb` and `fr-fr`, and does not find them.
        """
        code = language.lower().replace("_", "-")
        while code:
            found = [
                (priority, index, voice.identifier)
                for index, voice in enumerate(self._voices)
                for priority, spoken in voice.languages
                if spoken.lower() == code
            ]
            if found:
                return min(found)[2]
            code, _, region = code.rpartition("-")
            if not _REGION.fullmatch(region):
                return None
        return None

    def _unknown(self, voice: str) -> str:
        names = self.languages
        nearest = difflib.get_close_matches(voice, names, n=3, cutoff=0.4)
        known = ", ".join(nearest) or "such as en-us, en-gb, de, fr, es"
        return f"espeak has no voice {voice!r}; nearest of its {len(names)}: {known}"

    def _unknown_variant(self, variant: str) -> str:
        known = ", ".join(
            difflib.get_close_matches(variant, self._variants()) or ("f1", "f2", "m1", "m2")
        )
        return f"espeak has no variant {variant!r} of a voice; there are {known}"

    def _variants(self) -> list[str]:
        return [path.name for path in (self._data / "voices" / "!v").iterdir()]

    def _list_voices(self) -> list[_Listed]:
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        listed = []
        for each in takewhile(bool, self._library.espeak_ListVoices(None)):  # it ends with a null
            voice = each.contents
            languages = _languages(voice.languages)
            listed.append(_Listed(bytes(voice.name), bytes(voice.identifier), languages))
        return listed

    def _on_block(self, pcm: Any, count: int, events: Any) -> int:
        if not pcm or count == 0 or self._deliver is None:  # the last call carries no audio
            return CONTINUE
        try:
            block = np.ctypeslib.as_array(pcm, (count,)).astype(np.float32) / np.float32(32768)
            self._deliver(block, _word_events(events))
        except BaseException as error:  # noqa: BLE001 — it cannot pass through C: `speak` raises it
            self._failure = error
            return STOP
        return CONTINUE


def _languages(address: int) -> list[tuple[int, str]]:
    """A voice's languages: a byte of priority (low is better) and the code of each, then a zero."""
    languages = []
    while priority := ctypes.string_at(address, 1)[0]:
        code = ctypes.string_at(address + 1)
        languages.append((priority, code.decode(errors="replace")))
        address += 2 + len(code)
    return languages


def _word_events(events: Any) -> list[WordEvent]:
    words = []
    for event in events:
        if event.type == EVENT_LIST_END:
            break
        if event.type == EVENT_WORD:
            words.append(WordEvent(event.text_position - 1, event.sample))
    return words


def _unload(handle: int) -> None:
    import _ctypes

    if sys.platform == "win32":
        _ctypes.FreeLibrary(handle)
    else:
        _ctypes.dlclose(handle)


_loading = threading.Lock()
_loaded: list[EspeakLibrary] = []


def load_library() -> EspeakLibrary:
    """Load the process's library, at the first call. Raises TextToSpeechError."""
    with _loading:
        if not _loaded:
            _loaded.append(EspeakLibrary())
        return _loaded[0]
