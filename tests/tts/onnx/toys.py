"""Voices that the tests make: graphs of Piper's and Kokoro's shape, whose sound shows the token.

A token lasts two frames at speed 1, and every sample of it is the token's number over 200, with
alternating sign. So a recording tells which phoneme is said where.
"""

import json
from pathlib import Path

import numpy as np
import onnx.parser

HOP = 64
LEVEL = 200

_FRAMES = """
  ends = CumSum(held, zero)
  all_frames = ReduceSum<keepdims = 0>(held)
  samples = Mul(all_frames, hop)
  from = Constant<value_float = 0.0>()
  step = Constant<value_float = 1.0>()
  sample = Range(from, samples, step)
  frame = Div(sample, hop)
  place = Floor(frame)
  column = Unsqueeze(place, last)
  passed = GreaterOrEqual(column, ends)
  passed_count = Cast<to = 7>(passed)
  token = ReduceSum<keepdims = 0>(passed_count, last)
  loudness = Gather(numbers, token)
  two = Constant<value_float = 2.0>()
  parity = Mod<fmod = 1>(sample, two)
  twice = Mul(parity, two)
  sign = Sub(step, twice)
  level = Constant<value_float = 200.0>()
  scaled = Div(loudness, level)
  wave = Mul(scaled, sign)
"""
_CONSTANTS = """
  zero = Constant<value_ints = [0]>()
  last = Constant<value_ints = [1]>()
  flat = Constant<value_ints = [-1]>()
  hop = Constant<value_float = 64.0>()
"""

_PIPER = """
<ir_version: 8, opset_import: ["": 17]>
voice (int64[1, tokens] input, int64[1] input_lengths, float[3] scales SID)
  => (float[1, 1, 1, samples] output)
{{
  {constants}
  ids = Reshape(input, flat)
  id_numbers = Cast<to = 1>(ids)
  edge = Constant<value_float = 2.0>()
  above = Sub(id_numbers, edge)
  numbers = Relu(above)
  speed = Constant<value_ints = [1]>()
  length = Gather(scales, speed)
  ones = Sub(id_numbers, id_numbers)
  twos = Add(ones, edge)
  lengths = Mul(twos, length)
  held = Ceil(lengths)
  {frames}
  shape = Constant<value_ints = [1, 1, 1, -1]>()
  output = Reshape(wave, shape)
}}
"""

_KOKORO = """
<ir_version: 8, opset_import: ["": 17]>
voice (int64[1, tokens] input_ids, float[1, 256] style, float[1] speed) => (float[samples] audio)
{{
  {constants}
  ids = Reshape(input_ids, flat)
  plain = Cast<to = 1>(ids)
  first = Constant<value_ints = [0]>()
  row = Reshape(style, flat)
  gain = Gather(row, first)
  numbers = Mul(plain, gain)
  two_frames = Constant<value_float = 2.0>()
  none = Sub(plain, plain)
  frames_each = Add(none, two_frames)
  lengths = Div(frames_each, speed)
  held = Round(lengths)
  {frames}
  audio = Identity(wave)
}}
"""

ALPHABET = "_^$ ˈˌ,.!?;:—…abcdefhijklmnopstuvwzæðŋɐɑɔəɚɛɜɡɪɹʃʊʌʒʤʧθɾᵻːAIOWYQ"
"""A phoneme's number is its index."""


def _save(text: str, path: Path, operation: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = text.format(constants=_CONSTANTS, frames=_FRAMES).replace("Ceil", operation)
    onnx.save(onnx.parser.parse_model(text), path)


def make_piper(
    folder: Path, *, operation: str = "Ceil", speakers: tuple[str, ...] = (), **changes: object
) -> Path:
    """Write a voice `toy.onnx` and its `.json`, with `changes` to the latter."""
    network = folder / "toy.onnx"
    _save(_PIPER.replace("SID", ", int64[1] sid" if speakers else ""), network, operation)
    config = {
        "audio": {"sample_rate": 22050, "quality": "toy"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(ALPHABET)},
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {name: number for number, name in enumerate(speakers)},
    }
    (folder / "toy.onnx.json").write_text(json.dumps(config | changes), "utf-8")
    return network


def make_kokoro(folder: Path, voices: dict[str, float]) -> Path:
    """Write a folder as the repository's; each voice is its gain in all of its vectors."""
    _save(_KOKORO, folder / "onnx/model_quantized.onnx", "Ceil")
    vocabulary = {symbol: number for number, symbol in enumerate(ALPHABET) if number}
    tokenizer = {"version": "1.0", "model": {"type": "WordLevel", "vocab": vocabulary}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    (folder / "voices").mkdir(exist_ok=True)
    for name, gain in voices.items():
        np.full((510, 256), gain, "<f4").tofile(folder / f"voices/{name}.bin")
    return folder
