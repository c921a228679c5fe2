"""Golden data as it lies in a folder: recorded inputs and outputs of the published runtime.

state_machine.json, cfg_sampler.{json,safetensors}, grid.json       once for all
<set>/config.json, info.json, model.safetensors, tokenizer/, mimi/  a tiny checkpoint each
<set>/net.safetensors, net_bf16.safetensors                         the network, step by step
<set>/parser.json, stream_parse.json, prefix_plan.json              text
<set>/mimi_codec.{json,safetensors}, mimi_window.safetensors        the codec
<set>/trace_<name>.{json,safetensors}                               whole generations
"""

import json
from collections import abc
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.dia2_verify.published import PublishedSequence
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.sampling import Sampling
from tts.dia2.text.prefix import PrefixPlan
from tts.dia2.text.script import Entry

Tensors = dict[str, Tensor]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_config(path: Path) -> Dia2Config:
    return Dia2Config.from_json(read_json(path))


def read_tensors(path: Path) -> Tensors:
    from safetensors.torch import load_file

    return load_file(path)


def entries(items: abc.Sequence[dict[str, Any]]) -> list[Entry]:
    return [Entry(tuple(item["tokens"]), item["text"], item["padding"]) for item in items]


def sets(root: Path) -> list[Path]:
    """The folders of tiny checkpoints."""
    return sorted(path.parent for path in root.glob("*/info.json"))


class Trace:
    """One recorded generation."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.case = f"{folder.name}/{name}"
        self.json: dict[str, Any] = read_json(folder / f"trace_{name}.json")

    @property
    def has_tensors(self) -> bool:
        files = (f"trace_{self.name}.safetensors", "model.safetensors")
        return all((self.folder / file).is_file() for file in files)

    @cached_property
    def tensors(self) -> Tensors:
        return read_tensors(self.folder / f"trace_{self.name}.safetensors")

    @cached_property
    def config(self) -> Dia2Config:
        return read_config(self.folder / self.json["config"])

    @cached_property
    def info(self) -> dict[str, Any]:
        info: dict[str, Any] = read_json(self.folder / "info.json")
        return info

    @property
    def sampling(self) -> Sampling:
        recorded = self.json["generation"]
        return Sampling(
            text_temperature=recorded["text_temperature"],
            text_top_k=recorded["text_top_k"],
            audio_temperature=recorded["audio_temperature"],
            audio_top_k=recorded["audio_top_k"],
            scale=recorded["cfg_scale"],
            filter_k=recorded["cfg_filter_k"],
        )

    @property
    def prefix_entries(self) -> list[Entry]:
        return entries(self.json["prefix"]["entries"]) if "prefix" in self.json else []

    @property
    def script_entries(self) -> list[Entry]:
        return entries(self.json["entries"])[len(self.prefix_entries) :]

    @property
    def plan(self) -> PrefixPlan | None:
        if "prefix" not in self.json:
            return None
        prefix = self.json["prefix"]
        return PrefixPlan(
            tuple(self.prefix_entries),
            tuple(prefix["new_word_steps"]),
            prefix["aligned_frames"],
            drains=False,
        )

    def sequence(self) -> PublishedSequence:
        """A sequence that repeats this generation, without the script's text."""
        codes = self.tensors["prefix_tokens"].numpy() if "prefix" in self.json else None
        none = torch.zeros(1, 1 + self.config.codebooks, dtype=torch.float64)
        return PublishedSequence(
            self.config,
            bos=self.info["constants"]["bos"],
            uniforms=self.tensors.get("uniforms", none),
            sampling=self.sampling,
            initial_padding=self.json["generation"]["initial_padding"],
            prefix=self.plan,
            codes=codes,
            keep_prefix=self.json.get("prefix", {}).get("include_audio", False),
        )


def traces(root: Path) -> Iterator[Trace]:
    """Every generation of every set: those listed, and those only found."""
    for folder in sets(root):
        found = {path.stem.removeprefix("trace_") for path in folder.glob("trace_*.json")}
        for name in sorted(found):
            yield Trace(folder, name)
