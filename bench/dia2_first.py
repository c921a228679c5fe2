"""From the third word to the first sound, with a voice; and how long hearing that voice takes.

    python -m bench.dia2_first [--model 1b|2b|mid|tiny] [--device cpu|cuda] [--voice 10]
                               [--dtype float32|bfloat16] [--times 20] [--json FILE]

An utterance is fed word by word through the scheduler, as the engine's thread does it; the voice
has been heard before. The clock runs from the third word to the first piece of sound; the words
after it come at once, so that none of it is waiting for text. Then a voice is heard in blocks, as
the engine does it; step by step, by the same network; and step by step as the published runtime
does it (`bench.dia2_published`). Random weights; needs torch, numpy and safetensors alone.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from bench import dia2_sizes as sizes
from bench.dia2_bundle import make_bundle, voice
from bench.dia2_published import Published
from tts.dia2.bundle import Bundle
from tts.dia2.network.sampling import Sampling
from tts.dia2.serving.prefix_cache import block_size
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.utterance import PrefilledPrefix, UtteranceState, VoiceSettings
from tts.transformer.capture import synchronize
from tts.transformer.item import Item

REST = "and then some more of them follow "


def first_audio(
    bundle: Bundle, scheduler: Scheduler, voice_settings: VoiceSettings, prefilled: PrefilledPrefix
) -> float:
    """Milliseconds from the third word to the first piece of sound."""
    items: list[Item] = []
    utterance = UtteranceState(bundle, voice_settings, prefilled, items.append)
    scheduler.open(utterance)
    for word in ("Well, ", "this "):
        utterance.feed(word)
        while scheduler.step():
            pass
    begun = time.perf_counter()
    for word in ("begins ", *REST.split(" ")):
        utterance.feed(word + " ")
    while not items:
        scheduler.step()
    took = time.perf_counter() - begun
    scheduler.close(utterance)
    return 1000 * took


@torch.inference_mode()
def hearing(bundle: Bundle, frames: int, times: int) -> dict[str, float]:
    """Seconds, and the processor's, for so many frames: in blocks, and step by step both ways."""
    model, size = bundle.model, block_size(bundle.model.device)
    channels = 2 + bundle.config.codebooks
    columns = torch.full((frames, model.branches, channels), 9, device=model.device)
    places = torch.arange(frames, device=model.device)

    def in_blocks() -> None:
        for first in range(0, frames, size):
            model.prefill(0, columns[first : first + size], places[first : first + size])

    def step_by_step() -> None:
        active = [True] + [False] * (model.slots - 1)
        for n in range(frames):
            every = columns[n].expand(model.slots, -1, -1)
            model.step(every, places[n].expand(model.slots), active)

    device = model.device
    weights = sizes.RandomWeights(bundle.config, device, torch.float32)
    compute = torch.bfloat16 if device.type == "cuda" else torch.float32
    published = Published(bundle.config, weights, compute)

    def as_published() -> None:
        for published.step in range(frames):
            published.backbone()

    found = {}
    tasks = (("blocks", in_blocks), ("steps", step_by_step), ("published", as_published))
    for name, task in tasks:
        seconds, processor = _timed(task, bundle, times if name == "blocks" else 1)
        found[name], found[f"{name} cpu"] = seconds, processor
    return found


def _timed(task: Callable[[], None], bundle: Bundle, times: int) -> tuple[float, float]:
    """Medians of seconds, and of the processor's, after a first call."""
    wall, processor = [], []
    for _ in range(times + 1):
        bundle.model.cache.truncate(0)
        begun, used = time.perf_counter(), time.process_time()
        task()
        synchronize(bundle.model.cache.keys)
        wall.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    bundle.model.cache.truncate(0)
    return statistics.median(wall[1:]), statistics.median(processor[1:])


def main() -> None:
    """Measure, print two lines, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sizes.SIZES, default="mid")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"))
    parser.add_argument("--voice", type=float, default=10, help="seconds (%(default)s)")
    parser.add_argument("--times", type=int, default=20, help="(%(default)s)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = torch.device(options.device)
    dtype = options.dtype or ("float32" if device.type == "cpu" else "bfloat16")
    bundle = make_bundle(options.model, device, getattr(torch, dtype))
    scheduler, voice_settings = Scheduler(bundle), VoiceSettings(Sampling(), seed=1)
    prefilled = scheduler.prefill(voice(bundle, options.voice), voice_settings)
    took = [
        first_audio(bundle, scheduler, voice_settings, prefilled) for _ in range(options.times + 2)
    ][2:]
    median, worst = statistics.median(took), max(took)
    print(f"third word to first sound: {median:.1f} ms (at most {worst:.1f}, {len(took)} times)")
    heard = hearing(bundle, round(options.voice * bundle.frame_rate), max(2, options.times // 4))
    print(f"{options.voice:g} s of voice: in blocks {1000 * heard['blocks']:.1f} ms")
    for name, what in (("steps", "step by step"), ("published", "the published way")):
        ratio, processor = (heard[f"{name}{of}"] / heard[f"blocks{of}"] for of in ("", " cpu"))
        print(
            f"    {what} {1000 * heard[name]:.0f} ms: {ratio:.1f} times as long "
            f"({processor:.1f} in processor time)"
        )
    if options.json:
        found = {"first": median, "worst": worst, **heard}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
