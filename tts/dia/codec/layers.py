"""The codec's layers. None is causal: each convolution pads on both sides of a signal.

So every layer keeps what its next outputs depend on, gives those that nothing can change any more,
and gives the rest at the end. Where a signal begins and ends zeros enter at each layer's own input:
never a neighbour's answer to zeros, which is not zero.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from tts.codec.layers import Conv, ConvState, conv, transposed
from tts.dia.codec.config import DILATIONS, KERNEL
from tts.dia.codec.weights import DacWeights

TILE = 1 << 21  # numbers in the windows of a convolution: a push of four frames in one product


class Layer(Protocol):
    """A layer; what it remembers of a stream is kept outside it."""

    def new_state(self) -> Any:
        """The state of a new stream."""

    def __call__(self, x: Tensor, state: Any, last: bool) -> Tensor:
        """Give the outputs [1, time', outputs] that x [1, time, inputs] completes.

        `last` says that x is the end of the signal, and all that is left comes out.
        """


class Snake:
    """x + sin(alpha x)^2 / alpha, an alpha for each channel."""

    def __init__(self, alpha: Tensor) -> None:
        self.alpha = alpha
        self.inverse = 1 / (alpha + 1e-9)

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        y = torch.mul(x, self.alpha, out=out).sin_().square_()
        return torch.addcmul(x, y, self.inverse, out=y)


class Centred:
    """A convolution of an odd kernel, padded by half of it on both sides."""

    def __init__(self, conv: Conv) -> None:
        self.conv = conv
        self.half = conv.context // 2

    def new_state(self) -> ConvState:
        return self.conv.new_state(1, self.half)

    def __call__(self, x: Tensor, state: ConvState, last: bool) -> Tensor:
        if last:
            x = functional.pad(x, (0, 0, 0, self.half))
        return self.conv(x, state)


@dataclass
class Held:
    """A convolution's state, and samples [1, time, channels] that wait beside it."""

    conv: ConvState
    waiting: Tensor


class Residual:
    """x + conv(snake(conv(snake(x)))): the second convolution sees one sample at a time."""

    def __init__(self, weights: DacWeights, name: str, channels: int, dilation: int) -> None:
        first, second = (
            conv(
                weights,
                f"{name}.conv{each}",
                channels,
                channels,
                kernel,
                dilation=dilation,
                activation=snake(weights, f"{name}.snake{each}", channels),
                tile=TILE,
            )
            for each, kernel in ((1, KERNEL), (2, 1))
        )
        self.first, self.second = Centred(first), second
        self.like = first.like.new_empty(1, 0, channels)

    def new_state(self) -> Held:
        return Held(self.first.new_state(), self.like)

    def __call__(self, x: Tensor, state: Held, last: bool) -> Tensor:
        y = self.second(self.first(x, state.conv, last))
        x = torch.cat((state.waiting, x), 1)  # the convolution's outputs are behind
        state.waiting = x[:, y.shape[1] :].clone()
        return y.add_(x[:, : y.shape[1]])


class Upsample:
    """A transposed convolution of kernel 2 * stride, half a stride cut off at both ends."""

    def __init__(
        self, weights: DacWeights, name: str, inputs: int, outputs: int, stride: int
    ) -> None:
        unit = snake(weights, f"{name}.snake1", inputs)
        self.conv = transposed(
            weights, f"{name}.conv_t1", inputs, outputs, stride, activation=unit, tile=TILE
        )
        self.half = stride // 2

    def new_state(self) -> ConvState:
        return self.conv.new_state(1)

    def __call__(self, x: Tensor, state: ConvState, last: bool) -> Tensor:
        begin = self.half if state.fresh else 0
        if last:
            x = functional.pad(x, (0, 0, 0, 1))
        y = self.conv(x, state)
        return y[:, begin : y.shape[1] - (self.half if last else 0)]


class Downsample:
    """A convolution of kernel 2 * stride, padded by half a stride on both sides."""

    def __init__(
        self, weights: DacWeights, name: str, inputs: int, outputs: int, stride: int
    ) -> None:
        self.conv = conv(
            weights,
            f"{name}.conv1",
            inputs,
            outputs,
            2 * stride,
            stride=stride,
            activation=snake_of_blocks(weights, f"{name}.snake1", inputs, stride),
            tile=TILE,
        )
        self.stride = stride
        self.silence = self.conv.like.new_zeros(1, stride // 2, inputs)

    def new_state(self) -> Held:
        return Held(self.conv.new_state(1, 0), self.silence)

    def __call__(self, x: Tensor, state: Held, last: bool) -> Tensor:
        x = torch.cat((state.waiting, x, self.silence) if last else (state.waiting, x), 1)
        whole = x.shape[1] - x.shape[1] % self.stride
        state.waiting = x[:, whole:].clone()
        return self.conv(x[:, :whole], state.conv)


class Sequential:
    """Layers one after the other."""

    def __init__(self, layers: list[Layer]) -> None:
        self.layers = layers

    def new_state(self) -> list[Any]:
        return [layer.new_state() for layer in self.layers]

    def __call__(self, x: Tensor, state: list[Any], last: bool) -> Tensor:
        for layer, own in zip(self.layers, state, strict=True):
            if not x.shape[1] and not last:
                break  # nothing is known for the layers behind
            x = layer(x, own, last)
        return x


def snake(weights: DacWeights, name: str, channels: int) -> Snake:
    """Take a unit: `name`.alpha [1, channels, 1]."""
    return Snake(weights.vector(f"{name}.alpha", channels))


def snake_of_blocks(weights: DacWeights, name: str, channels: int, block: int) -> Snake:
    """Take a unit for blocks of so many samples."""
    return Snake(weights.vector(f"{name}.alpha", channels).repeat(block))


def centred(
    weights: DacWeights,
    name: str,
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    unit: str | None = None,
) -> Centred:
    """Take a convolution that keeps the rate, behind the `unit` of that name."""
    activation = None if unit is None else snake(weights, unit, inputs)
    return Centred(conv(weights, name, inputs, outputs, kernel, activation=activation, tile=TILE))


def residuals(weights: DacWeights, name: str, channels: int) -> list[Layer]:
    """Take the three residuals of a block."""
    return [
        Residual(weights, f"{name}.res_unit{number}", channels, dilation)
        for number, dilation in enumerate(DILATIONS, 1)
    ]
