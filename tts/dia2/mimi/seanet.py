"""SEANet, the convolutional halves of Mimi: waveform to features, and back."""

from typing import Protocol

from torch import Tensor

from tts.codec.layers import Conv, ConvState, Elu, conv, transposed
from tts.codec.weights import Weights
from tts.dia2.mimi.config import MimiConfig

ELU = Elu()
"""Before every convolution but the first ones."""


class StreamingLayer(Protocol):
    """A causal layer; what it remembers of a stream is kept outside it."""

    def new_state(self, slots: int) -> ConvState:
        """The state of a new stream."""

    def __call__(self, x: Tensor, state: ConvState, active: Tensor | None) -> Tensor:
        """The next outputs for the next inputs."""


class Residual:
    """x + conv(elu(conv(elu(x)))): the first convolution wide in time and narrow in channels."""

    def __init__(
        self, weights: Weights, name: str, channels: int, dilation: int, config: MimiConfig
    ) -> None:
        hidden = channels // config.compress
        kernel = config.residual_kernel_size
        first, second = f"{name}.block.1.conv", f"{name}.block.3.conv"
        self.first = conv(
            weights, first, channels, hidden, kernel, dilation=dilation, activation=ELU
        )
        self.second = conv(weights, second, hidden, channels, 1, activation=ELU)
        self.shortcut: Conv | None = None
        if config.use_conv_shortcut:
            self.shortcut = conv(weights, f"{name}.shortcut.conv", channels, channels, 1)

    def new_state(self, slots: int) -> ConvState:
        """What the first convolution remembers; the others see one sample at a time."""
        return self.first.new_state(slots)

    def __call__(self, x: Tensor, state: ConvState, active: Tensor | None = None) -> Tensor:
        """[slots, time, channels] to the same."""
        y = self.second(self.first(x, state, active))
        return y.add_(x if self.shortcut is None else self.shortcut(x))


class Sequential:
    """Layers one after the other."""

    def __init__(self, layers: list[StreamingLayer]) -> None:
        self.layers = layers

    def new_state(self, slots: int) -> list[ConvState]:
        """The state of a new stream, layer by layer."""
        return [layer.new_state(slots) for layer in self.layers]

    def __call__(self, x: Tensor, state: list[ConvState], active: Tensor | None = None) -> Tensor:
        """The next outputs for the next inputs."""
        for layer, own in zip(self.layers, state, strict=True):
            x = layer(x, own, active)
        return x


# In both halves the checkpoint counts the units (ELU) between the layers as layers too.


def encoder(weights: Weights, config: MimiConfig) -> Sequential:
    """Waveform [slots, time, 1] to features [slots, time / hop, hidden_size]."""
    channels = config.num_filters
    layers: list[StreamingLayer] = [
        conv(weights, "encoder.layers.0.conv", 1, channels, config.kernel_size)
    ]
    index = 1
    for ratio in reversed(config.upsampling_ratios):
        for each in range(config.num_residual_layers):
            dilation = config.dilation_growth_rate**each
            layers.append(Residual(weights, f"encoder.layers.{index}", channels, dilation, config))
            index += 1
        name = f"encoder.layers.{index + 1}.conv"
        layers.append(
            conv(weights, name, channels, 2 * channels, 2 * ratio, stride=ratio, activation=ELU)
        )
        index += 2
        channels *= 2
    name = f"encoder.layers.{index + 1}.conv"
    layers.append(
        conv(weights, name, channels, config.hidden_size, config.last_kernel_size, activation=ELU)
    )
    return Sequential(layers)


def decoder(weights: Weights, config: MimiConfig) -> Sequential:
    """Features [slots, time, hidden_size] to waveform [slots, hop * time, 1]."""
    channels = config.num_filters * 2 ** len(config.upsampling_ratios)
    layers: list[StreamingLayer] = [
        conv(weights, "decoder.layers.0.conv", config.hidden_size, channels, config.kernel_size)
    ]
    index = 1
    for ratio in config.upsampling_ratios:
        name = f"decoder.layers.{index + 1}.conv"
        layers.append(transposed(weights, name, channels, channels // 2, ratio, activation=ELU))
        channels //= 2
        index += 2
        for each in range(config.num_residual_layers):
            dilation = config.dilation_growth_rate**each
            layers.append(Residual(weights, f"decoder.layers.{index}", channels, dilation, config))
            index += 1
    name = f"decoder.layers.{index + 1}.conv"
    layers.append(conv(weights, name, channels, 1, config.last_kernel_size, activation=ELU))
    return Sequential(layers)
