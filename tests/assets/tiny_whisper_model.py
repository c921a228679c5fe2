"""Whisper's network in a size that two processor cores can train: 4 + 2 layers, 128 wide.

It hears at most `HEARD` seconds: the encoder's position rows behind that are zero, so that all
padding there is one and the same key, which is computed once and weighed by how often it stands
there. That is what makes training on Whisper's 30-second windows cheap.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

WIDTH, HEADS, MELS = 128, 4, 80
ENCODER, DECODER = 4, 2
"""Layers."""

WINDOW, PROMPT = 1500, 448
"""Positions of the encoder (20 ms each) and of the decoder."""

HEARD = 500
"""The encoder's positions that differ: 10 seconds."""

STRIDE = 16
"""Of the padding in front of `HEARD`, one position in so many is computed."""

TIMING = 2
"""Heads of the last layer that are taught where each word is."""


@dataclass(frozen=True, slots=True)
class Output:
    """Logits of the next token and of each position's phone; where `TIMING` heads looked."""

    tokens: Tensor
    phones: Tensor
    looked: Tensor


class Attention(nn.Module):
    """Multi-head attention; keys have no bias, as in Whisper."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(
        self, x: Tensor, memory: Tensor, bias: Tensor, looking: int = 0
    ) -> tuple[Tensor, Tensor]:
        """The attended memory, and the weights with which the first `looking` heads looked."""
        query, key, value = (
            layer(source).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer, source in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        attended = F.scaled_dot_product_attention(query, key, value, bias)
        scores = query[:, :looking] @ key[:, :looking].transpose(-1, -2)
        weights = (scores / math.sqrt(WIDTH // HEADS) + bias).softmax(-1)
        return self.out(attended.transpose(1, 2).flatten(-2)), weights


class Block(nn.Module):
    """Self-attention, cross-attention in the decoder, and a feed-forward network."""

    def __init__(self, *, cross: bool) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(WIDTH), Attention()
        if cross:
            self.cross_norm, self.cross_attention = nn.LayerNorm(WIDTH), Attention()
        self.norm = nn.LayerNorm(WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def mute(self) -> None:
        """Change nothing at first."""
        for layer in (self.self_attention.out, self.narrow):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Tensor, bias: Tensor, memory: Tensor | None = None, seen: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The block's output, and where its timing heads looked in `memory`."""
        normed = self.self_norm(x)
        attended, looked = self.self_attention(normed, normed, bias)
        x = x + attended
        if memory is not None and seen is not None:
            attended, looked = self.cross_attention(self.cross_norm(x), memory, seen, TIMING)
            x = x + attended
        return x + self.narrow(F.gelu(self.wide(self.norm(x)))), looked


class TinyWhisper(nn.Module):
    """Log-mel spectrogram and tokens so far to the next token."""

    def __init__(self, vocabulary: int, phones: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.encoder = nn.ModuleList(Block(cross=False) for _ in range(ENCODER))
        self.encoder_norm = nn.LayerNorm(WIDTH)
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.positions = nn.Parameter(torch.randn(PROMPT, WIDTH) * 0.02)
        self.decoder = nn.ModuleList(Block(cross=True) for _ in range(DECODER))
        self.decoder_norm = nn.LayerNorm(WIDTH)
        self.phones = nn.Linear(WIDTH, phones)  # only to learn from
        self.register_buffer("places", _sinusoids(), persistent=False)
        nn.init.normal_(self.embedding.weight, std=0.05)
        for block in self.encoder[2:]:
            assert isinstance(block, Block)
            block.mute()  # two layers learn sooner; these join in when they have learnt

    def encode(self, mel: Tensor, window: int = WINDOW) -> tuple[Tensor, Tensor]:
        """Mel [B, 80, 2T], padded with zeros, as part of a padded window of `window` positions.

        Returns [B, S, WIDTH] and each key's bias [1, S]; the first T positions are those of `mel`.
        """
        places: Tensor = self.get_buffer("places")
        x = F.gelu(self.conv2(F.gelu(self.conv1(F.pad(mel, (0, 8))))))[..., :-1].transpose(1, 2)
        length, padding = x.shape[1], x[:, -1:]
        parts, biases = [x + places[:length]], [torch.zeros(length)]
        end = min(window, HEARD)
        if length + STRIDE <= end:
            rows = places[length + STRIDE // 2 : end : STRIDE]
            parts.append(padding + rows)
            biases.append(torch.full((len(rows),), math.log((end - length) / len(rows))))
        if window > max(length, HEARD):
            parts.append(padding)
            biases.append(torch.tensor([math.log(window - max(length, HEARD))]))
        x, bias = torch.cat(parts, 1), torch.cat(biases)[None]
        for block in self.encoder:
            x, _ = block(x, bias)
        return self.encoder_norm(x), bias

    def decode(self, tokens: Tensor, memory: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens [B, N] so far to logits [B, N, V], and where the timing heads looked."""
        count = tokens.shape[1]
        x = self.embedding(tokens) + self.positions[:count]
        causal = torch.full((count, count), -math.inf).triu(1)
        looked = memory
        for block in self.decoder:
            x, looked = block(x, causal, memory, seen)
        return self.decoder_norm(x) @ self.embedding.weight.T, looked

    def forward(self, mel: Tensor, tokens: Tensor, window: int) -> Output:
        """All that training looks at."""
        memory, seen = self.encode(mel, window)
        logits, looked = self.decode(tokens, memory, seen)
        return Output(logits, self.phones(memory[:, : mel.shape[2] // 2]), looked)


def _sinusoids() -> Tensor:
    scales = torch.exp(-math.log(10000) / (WIDTH // 2 - 1) * torch.arange(WIDTH // 2))
    angles = torch.arange(HEARD)[:, None] * scales
    places = torch.zeros(WINDOW, WIDTH)
    places[:HEARD] = torch.cat((angles.sin(), angles.cos()), 1)
    return places
