"""Checks of the codec: recorded codes to waveforms and back, whole and frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.dia2_verify.goldens import Tensors, read_tensors, sets, traces
from bench.dia2_verify.table import Row, at_least, difference, exact, within
from tts.dia2.fast.select import load_codec
from tts.dia2.mimi.codec import Mimi

SIGNAL_TO_NOISE = 100.0  # dB
SAMPLES = 1e-4  # of the peak, or of 1
NEAR = 1e-4  # between the distances to the nearest codebook entries

Wave = NDArray[np.float32]


def check_mimi(root: Path, device: torch.device) -> Iterator[Row]:
    for folder in sets(root):
        if (folder / "mimi").is_dir():
            mimi = load_codec(folder / "mimi", device=device)
            if (folder / "mimi_codec.safetensors").is_file():
                recorded = read_tensors(folder / "mimi_codec.safetensors")
                yield from _codec(f"{folder.name}/mimi", mimi, recorded)
            if (folder / "mimi_window.safetensors").is_file():
                recorded = read_tensors(folder / "mimi_window.safetensors")
                yield from _window(f"{folder.name}/mimi_window", mimi, recorded)
    for trace in traces(root):
        if not (trace.has_tensors and (trace.folder / "mimi").is_dir()):
            continue
        mimi = load_codec(trace.folder / "mimi", trace.config.codebooks, device=device)
        if "waveform" in trace.tensors:
            codes = trace.tensors["audio_tokens"].numpy()
            yield from _waves(trace.case, mimi, codes, trace.tensors["waveform"].numpy())
        waves = [trace.tensors[n] for n in ("prefix_wave_1", "prefix_wave_2") if n in trace.tensors]
        if waves:
            got = [mimi.encode(wave, window=None).cpu().numpy() for wave in waves]
            wanted = trace.tensors["prefix_tokens"].numpy()
            wrong = int((np.concatenate(got, 1) != wanted).sum())
            yield exact(trace.case, "codes of the prefix", wrong, wanted.size)


def _codec(case: str, mimi: Mimi, recorded: Tensors) -> Iterator[Row]:
    for name in sorted(key.removesuffix("_raw") for key in recorded if key.endswith("_raw")):
        raw = recorded[f"{name}_raw"].numpy().clip(-1, 1)
        yield from _waves(f"{case} {name}", mimi, recorded[f"{name}_codes"][0].numpy(), raw)
    for name in sorted(key.removesuffix("_wave") for key in recorded if key.endswith("_wave")):
        got = mimi.encode(recorded[f"{name}_wave"].flatten(), window=None).cpu()
        wanted, gaps = recorded[f"{name}_codes"], recorded[f"{name}_gap"]
        other = got != wanted
        # Each codebook encodes what the ones before it left: after a near tie nothing is certain.
        near = (gaps < NEAR).int().cumsum(0) > 0
        excused = int((other & near).sum())
        note = f" ({excused} after near ties)" if excused else ""
        yield exact(f"{case} {name}", "codes", int((other & ~near).sum()), wanted.numel(), note)


def _waves(case: str, mimi: Mimi, codes: NDArray[np.int32], wanted: Wave) -> Iterator[Row]:
    whole = mimi.decode(codes, window=None).cpu().numpy()
    yield at_least(
        case, "waveform: signal to noise", signal_to_noise(whole, wanted), SIGNAL_TO_NOISE
    )
    yield within(case, "waveform: samples", difference(whole, wanted), SAMPLES)
    streamed = stream(mimi, codes)
    yield within(case, "waveform frame by frame", difference(streamed, whole), SAMPLES)


def _window(case: str, mimi: Mimi, recorded: Tensors) -> Iterator[Row]:
    codes = recorded["codes"].numpy()
    for name, window in (("tail_full_causal", None), ("tail_window250", 250)):
        wanted = recorded[name].numpy()
        whole = mimi.decode(codes, window=window).cpu().numpy()[-len(wanted) :]
        wanted = wanted.clip(-1, 1)
        yield at_least(
            case, f"{name}: signal to noise", signal_to_noise(whole, wanted), SIGNAL_TO_NOISE
        )
        yield within(case, f"{name}: samples", difference(whole, wanted), SAMPLES)


def stream(mimi: Mimi, codes: NDArray[np.int32]) -> Wave:
    """Codes [codebooks, frames] decoded one frame at a time."""
    decoder = mimi.decoder(window=None)
    frames = torch.from_numpy(codes).long().to(mimi.device)[None]
    pieces = [decoder.step(frames[:, :, n : n + 1]) for n in range(frames.shape[2])]
    wave: Wave = torch.cat(pieces, 1)[0].cpu().numpy() if pieces else np.empty(0, np.float32)
    return wave


def signal_to_noise(got: Wave, wanted: Wave) -> float:
    """In dB; infinite for equal waves, minus infinity for waves of different lengths."""
    if got.shape != wanted.shape:
        return -np.inf
    noise = np.square(got.astype(np.float64) - wanted).sum()
    signal = np.square(wanted.astype(np.float64)).sum()
    return float(10 * np.log10(signal / noise)) if noise else np.inf
