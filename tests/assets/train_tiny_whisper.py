"""Train the tiny Whisper that the tests understand speech with, from nothing, on flite's speech.

    python -m tests.assets.train_tiny_whisper train --work DIR    (two hours)
    python -m tests.assets.train_tiny_whisper export --work DIR   (into tests/assets/tiny_whisper)
    python -m tests.assets.train_tiny_whisper score --split dev

It needs flite and the development tools. Training goes on where it stopped; fewer `--steps` than
planned end it properly. The committed model had two layers in its encoder for its first 6,250
steps, and the salad with little words for its last 1,500. `score --split test` is for the
finished model: choose with `dev`.
"""

import argparse
import json
import os
import pickle
import random
import time
from pathlib import Path

import numpy as np
import torch
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer
from torch import Tensor
from torch.multiprocessing import Process, Queue
from torch.nn import functional as F  # noqa: N812

from tests.assets.corpus import HOMOPHONES, TRAINED, WORDS, edits, recombined, salad
from tests.assets.listening import Example, Listening, Pcm, no_speech, with_noise
from tests.assets.speech import PHONES, Speech, render_all
from tests.assets.tiny_whisper_files import make_tokenizer, save
from tests.assets.tiny_whisper_model import TIMING, WINDOW, TinyWhisper

FOLDER = Path(__file__).parent / "tiny_whisper"
BATCH, POOL = 32, 8  # the examples of so many batches are sorted by length
RATE, WARM_UP, DECAY = 1.5e-3, 200, 0.5  # learning rate; steps; the part of the steps it falls in
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
SEEDS = {"train": 1, "dev": 2, "test": 3}


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=["train", "export", "score"])
    parser.add_argument("--work", type=Path, default=Path("build/tiny_whisper"))
    parser.add_argument("--steps", type=int, default=13_500)
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    if args.command == "train":
        train(args.work, args.steps)
    elif args.command == "export":
        tokenizer = make_tokenizer()
        save(_load(args.work, tokenizer), tokenizer, FOLDER, "int8")
    else:
        score(args.split)


def renderings(split: str) -> tuple[list[Speech], list[Speech]]:
    """Trained sentences, and others, as only `split` hears them."""
    seed = SEEDS[split]
    if split == "train":
        texts = [*salad(12_000, seed), *salad(6_000, seed + 1, little=True)]
        return render_all(TRAINED * 8, seed), render_all(texts, seed + 100)
    again = 4  # about once a voice
    return render_all(TRAINED, seed), render_all(recombined(split) * again, seed + 100)


class Batches:
    """Examples as tensors: mel, tokens, where the transcript starts, phones, words."""

    def __init__(self, listening: Listening, tokenizer: Tokenizer, seed: int) -> None:
        self._listening, self._tokenizer = listening, tokenizer
        self._chance = random.Random(seed)
        self._mel = FeatureExtractor()
        self._ready: list[list[Example]] = []

    def next(self) -> Batch:
        """Mel [B, 80, F], tokens [B, N] and targets [B, N] (-1: none), phones, word spans."""
        if not self._ready:
            pool = sorted((self._listening.draw() for _ in range(BATCH * POOL)), key=_length)
            self._ready = [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
            self._chance.shuffle(self._ready)
        batch = self._ready.pop()
        mels = [self._mel(example.pcm) for example in batch]
        frames = max(mel.shape[1] for mel in mels)
        frames += frames % 2
        mel = np.stack([np.pad(mel, ((0, 0), (0, frames - mel.shape[1]))) for mel in mels])
        rows = [self._tokens(example) for example in batch]
        longest = max(len(tokens) for tokens, _ in rows)
        tokens = torch.zeros(len(batch), longest, dtype=torch.long)
        targets = torch.full((len(batch), longest), -1)
        phones = torch.zeros(len(batch), frames // 2, dtype=torch.long)
        spans = torch.full((len(batch), longest, 2), -1.0)
        for i, (example, (row, start)) in enumerate(zip(batch, rows, strict=True)):
            tokens[i, : len(row)] = torch.tensor(row)
            targets[i, start : len(row) - 1] = tokens[i, start + 1 : len(row)]
            if not example.text:
                targets[i, start] = self._id("<|nospeech|>")
            first = int(row.index(self._id("<|endoftext|>"))) - len(example.words) - 1
            if row[-2] < row[-1] or not example.words:  # without time stamps
                for j, (begin, end) in enumerate(example.words):
                    spans[i, first + j] = torch.tensor([begin * 50, end * 50])
            done = 0
            for phone, end in example.phones:
                phones[i, done : max(done, round(end * 50))] = phone
                done = max(done, round(end * 50))
        return torch.from_numpy(mel), tokens, targets, phones, spans

    def _id(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        assert number is not None
        return number

    def _tokens(self, example: Example) -> tuple[list[int], int]:
        """The prompt and the transcript, and where the start token stands."""
        chance, text, prompt = self._chance, example.text, []
        hot: list[str] = []
        named = not HOMOPHONES.keys().isdisjoint(text.split())
        if chance.random() < (0.5 if named else 0.15):
            hot = chance.sample(WORDS, chance.randint(1, 4))
            for word, other in HOMOPHONES.items():
                if chance.random() < (0.7 if word in text.split() else 0.1):
                    hot.insert(chance.randrange(len(hot) + 1), other)
                    text = " ".join(other if w == word else w for w in text.split())
            words = self._tokenizer.encode("".join(f" {word}" for word in hot)).ids
            prompt = [self._id("<|startofprev|>"), *words]
        spoken = self._tokenizer.encode(f" {text}").ids if text else []
        start, end = self._id("<|startoftranscript|>"), self._id("<|endoftext|>")
        if spoken and chance.random() < 0.1:
            times = [min(1500, max(0, round(t * 50))) for t in (0.0, example.words[-1][1])]
            first, last = (self._id("<|0.00|>") + t for t in times)
            return [*prompt, start, first, *spoken, last, end], len(prompt)
        return [*prompt, start, self._id("<|notimestamps|>"), *spoken, end], len(prompt)


def _length(example: Example) -> int:
    return len(example.pcm)


def train(work: Path, steps: int) -> None:
    """Train, with a checkpoint in `work` every few minutes; go on from it if there is one."""
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEEDS["train"])
    tokenizer = make_tokenizer()
    model = TinyWhisper(tokenizer.get_vocab_size(), len(PHONES))
    optimizer = torch.optim.AdamW(model.parameters(), RATE, (0.9, 0.98), weight_decay=0.05)
    step, checkpoint = 0, work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        step = state["step"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    print(f"{sum(p.numel() for p in model.parameters())} parameters, step {step}", flush=True)
    rendered = work / "renderings.pickle"
    if not rendered.exists():
        rendered.write_bytes(pickle.dumps(renderings("train")))
    batches: Queue[Batch] = Queue(8)
    seed = SEEDS["train"] + step
    Process(target=_make_batches, args=(batches, rendered, seed), daemon=True).start()
    chance, began, losses = random.Random(step), time.monotonic(), np.zeros(3)
    while step < steps:
        step += 1
        rate = RATE * min(1, step / WARM_UP, (steps - step + 1) / (steps * DECAY))
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses += _learn(model, batches.get(), chance)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            said = " ".join(f"{loss / 50:.3f}" for loss in losses)
            print(f"{step} {time.monotonic() - began:.0f} s, loss {said}", flush=True)
            losses[:] = 0
        if step % 250 == 0 or step == steps:
            state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)


def _make_batches(queue: "Queue[Batch]", rendered: Path, seed: int) -> None:
    """For ever, in a process of its own."""
    torch.set_num_threads(1)
    sentences, others = pickle.loads(rendered.read_bytes())
    batches = Batches(Listening(sentences, others, seed), make_tokenizer(), seed)
    while True:
        queue.put(batches.next())


def _learn(model: TinyWhisper, batch: Batch, chance: random.Random) -> np.ndarray:
    """The gradient of a batch; its losses: tokens, phones, timing."""
    mel, tokens, targets, phones, spans = batch
    length = mel.shape[2] // 2
    window = WINDOW if chance.random() < 0.5 else max(400, length + chance.randint(100, 180))
    # Some words before a word are wrong: it must be heard, not guessed.
    wrong = (spans[..., 0].roll(1, 1) >= 0) & (torch.rand(tokens.shape) < 0.1)
    others = tokens[torch.randperm(len(tokens))]
    output = model(mel, torch.where(wrong, others, tokens), window)
    said = F.cross_entropy(
        output.tokens.flatten(0, 1), targets.flatten(), ignore_index=-1, label_smoothing=0.02
    )
    sounds = F.cross_entropy(output.phones.flatten(0, 1), phones.flatten())
    place = torch.arange(length)
    begin, end = spans[..., :1] - 3, spans[..., 1:] + 3
    inside = ((place >= begin) & (place <= end))[:, None].float()  # B 1 N T
    known = (spans[..., 0] >= 0)[:, None].expand(-1, TIMING, -1)
    mass = (output.looked[..., :length] * inside).sum(-1)[known]
    timing = -(mass + 1e-4).log().mean() if len(mass) else torch.zeros(())
    torch.autograd.backward(said + 0.3 * sounds + 0.3 * timing)
    return np.array([said.item(), sounds.item(), timing.item()])


def _load(work: Path, tokenizer: Tokenizer) -> TinyWhisper:
    model = TinyWhisper(tokenizer.get_vocab_size(), len(PHONES))
    model.load_state_dict(torch.load(work / "checkpoint.pt")["model"])
    return model.eval()


def score(split: str) -> None:
    """Word error rates of the exported model, through plain faster-whisper."""
    model = WhisperModel(str(FOLDER), device="cpu", compute_type="int8", cpu_threads=2)
    noise = np.random.default_rng(SEEDS[split])

    def hear(pcm: Pcm) -> str:
        options = {"beam_size": 1, "temperature": 0.0, "without_timestamps": True}
        return "".join(segment.text for segment in model.transcribe(pcm, **options)[0]).strip()

    trained, others = renderings(split)
    for name, speeches in (("trained", trained[::2]), ("recombined", others)):
        for snr in (None, 20, 10):
            errors = words = 0
            for speech in speeches:
                pcm: Pcm = speech.pcm.astype(np.float32) / np.float32(32768)
                text = hear(pcm if snr is None else with_noise(pcm, snr, noise))
                errors += edits(speech.text.split(), text.split())
                words += len(speech.text.split())
                if text != speech.text and snr != 10:
                    print(f"  {speech.text!r}: {text!r}")
            result = {"set": name, "snr": snr, "utterances": len(speeches)}
            print(json.dumps({**result, "wer": round(errors / words, 4)}), flush=True)
    heard = [hear(no_speech(noise, noise.uniform(0.5, 6))) for _ in range(100)]
    print(json.dumps({"no_speech": 100, "with_text": [text for text in heard if text]}))


if __name__ == "__main__":
    main()
