"""Checks of what needs no weights: files, text, delays, the places of control ids."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.dia2_verify.table import Row, exact, same
from bench.dia_verify.goldens import Golden
from tts.dia.network.delays import FREE, delay, undelay
from tts.dia.tokenizer import to_bytes


def check_files(root: Path) -> Iterator[Row]:
    """Every file is as it was written."""
    manifest = root / "MANIFEST.json"
    if not manifest.is_file():
        return
    files = json.loads(manifest.read_text("utf-8"))["files"]
    wrong = sum(not _intact(root / each["path"], each) for each in files)
    yield exact("manifest", "sums of files", wrong, len(files))
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    odd = (there - {"MANIFEST.json"}) ^ {each["path"] for each in files}
    yield exact("manifest", "files that are in one place only", len(odd), len(files))


def _intact(path: Path, said: dict[str, str]) -> bool:
    if not path.is_file():
        return False
    data = path.read_bytes()
    return len(data) == int(said["bytes"]) and hashlib.sha256(data).hexdigest() == said["sha256"]


def check_text(golden: Golden) -> Iterator[Row]:
    """Texts to bytes, delays there and back."""
    config, said, case = golden.config, golden.json, golden.name
    delays = np.asarray(config.delays)
    yield same(case, "delays", delays, said["delay"])
    ids = [config.eos, config.pad, config.bos]
    yield same(case, "control ids", ids, [said[each] for each in ("eos", "pad", "bos")])
    texts = [*said["texts"], {"text": said["text"], "ids": said["ids"]}]
    texts.append({"text": said["prompt_text"] + said["text"], "ids": said["prompt_ids"]})
    wrong = sum(to_bytes(each["text"]) != bytes(each["ids"]) for each in texts)
    yield exact(case, "texts to bytes", wrong, len(texts))
    cases = said["delay_cases"]
    wrong = 0
    for each in cases:
        codes = np.asarray(each["codes"], np.int32).reshape(-1, config.codebooks)
        grid = delay(codes, config.delays, config.bos)
        wrong += np.where(grid == FREE, config.pad, grid).tolist() != each["delayed"]
        # Recorded from the first row on, and to the last: -1 where the grid has ended.
        beyond = np.full((config.max_delay, config.codebooks), -1, np.int32)
        longer = np.vstack((np.asarray(each["delayed"], np.int32), beyond))
        back = undelay(longer, config.delays, -1, len(grid) - 1)
        wrong += back.tolist() != each["back"]
    yield exact(case, "delays there and back", wrong, 2 * len(cases))
