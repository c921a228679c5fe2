"""The one layer of a codec's convolutional parts: a causal convolution, as a matrix product.

Signals are [slots, time, channels], so that a window of time is one contiguous row and every
convolution is one product of such rows with a matrix. A convolution with stride s and kernel a
multiple of s sees blocks of s samples as one wide sample; a transposed one writes such blocks. Both
are then plain convolutions over blocks with kernel / s taps, and the only thing to remember between
two pieces of a signal is the last inputs: there is no overlap to add, and no length to trim.

A convolution that pads on both sides is the same, begun in the middle of its first window.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from tts.codec.weights import Weights
from tts.transformer.packed import Packed, can_pack

FEW_ROWS = 4  # oneDNN multiplies fewer rows no faster than these: reading the matrix is the work
TILE = 1 << 16  # numbers in the windows that are laid out at a time: they stay in a core's cache


class Linear:
    """A linear layer y = x W' + b, for x [..., inputs] and W [outputs, inputs]; then perhaps gelu.

    A stream multiplies a few rows by large matrices, so on a CPU its speed is that of reading them.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, gelu: bool = False) -> None:
        self.bias, self.gelu, self.outputs = bias, gelu, weight.shape[0]
        self.weight = Packed(weight) if can_pack(weight) else weight

    def __call__(self, x: Tensor) -> Tensor:
        if not isinstance(self.weight, Packed):
            y = functional.linear(x, self.weight, self.bias)
            return functional.gelu(y) if self.gelu else y
        then, rows = "gelu" if self.gelu else "none", x.shape[:-1].numel()
        if rows >= FEW_ROWS:
            return self.weight(x, self.bias, then)
        if not rows:
            return x.new_empty(*x.shape[:-1], self.outputs)
        padded = functional.pad(x.flatten(0, -2), (0, 0, 0, FEW_ROWS - rows))
        return self.weight(padded, self.bias, then)[:rows].view(*x.shape[:-1], self.outputs)


class Activation(Protocol):
    """A unit between two layers, which leaves zeros as they are."""

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Give the unit of x, written into `out` if there is one."""


class Elu:
    """The exponential linear unit."""

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        return functional.elu(x) if out is None else torch.ops.aten.elu.out(x, out=out)


class ConvState:
    """The last inputs of a convolution, [slots, context, width].

    At the start they are silence, and so many steps of it that the first output comes at once;
    with a `lead` that is shorter it comes later.
    """

    def __init__(
        self, slots: int, context: int, width: int, like: Tensor, lead: int | None = None
    ) -> None:
        self.context = context
        self.tail = like.new_zeros(slots, context if lead is None else lead, width)
        self.fresh = True

    def reset(self, slot: int) -> None:
        """Forget a slot's inputs."""
        self.tail[slot].zero_()
        self.fresh = True

    def join(
        self, x: Tensor, active: Tensor | None, activation: Activation | None = None
    ) -> Tensor:
        """Put what is remembered before x [slots, time, width], and remember x's own end.

        `active` [slots] is true where a slot moves on; the others keep what they have. Through the
        `activation` x goes on the way, which saves a copy.
        """
        if activation is not None:
            known = self.tail.shape[1]
            joined = x.new_empty(x.shape[0], known + x.shape[1], x.shape[2])
            joined[:, :known] = self.tail
            activation(x, joined[:, known:])
        else:
            joined = torch.cat((self.tail, x), dim=1)
        tail = joined[:, max(0, joined.shape[1] - self.context) :]
        if active is not None:
            tail = torch.where(active[:, None, None], tail, self.tail)
        if tail.shape == self.tail.shape:
            self.tail.copy_(tail)
        else:  # not all of the context has been there yet
            self.tail = tail.clone()
        self.fresh = False
        return joined


class Conv:
    """A causal convolution over blocks of samples.

    `matrix` [wide outputs, taps * wide inputs] holds the oldest tap first; wide means all channels
    of one block. An `activation` comes before it. `repeat` says what stood before the first sample:
    it, repeated, or silence. `tile` is how many numbers of windows are laid out at a time.
    """

    def __init__(
        self,
        matrix: Tensor,
        bias: Tensor | None,
        *,
        taps: int,
        dilation: int = 1,
        block: int = 1,
        channels: int,
        activation: Activation | None = None,
        repeat: bool = False,
        tile: int = TILE,
    ) -> None:
        self.linear = Linear(matrix, bias)
        self.taps = taps
        self.dilation = dilation
        self.block = block
        self.width = matrix.shape[1] // taps
        self.channels = channels
        self.activation = activation
        self.repeat = repeat
        self.tile = tile
        self.like = torch.empty_like(matrix[:0])

    @property
    def context(self) -> int:
        """Blocks before an output's own that it depends on."""
        return (self.taps - 1) * self.dilation

    def new_state(self, slots: int, lead: int | None = None) -> ConvState:
        """The state of a new stream of `slots` signals; of the context, `lead` is there."""
        return ConvState(slots, self.context, self.width, self.like, lead)

    def __call__(
        self, x: Tensor, state: ConvState | None = None, active: Tensor | None = None
    ) -> Tensor:
        """The next outputs [slots, time', channels] for the next inputs [slots, time, inputs].

        A convolution of one tap has no memory. An incomplete last block is filled up, so only the
        end of a signal may have one.
        """
        x = self._blocks(x)
        if state is None:
            y = self.linear(x if self.activation is None else self.activation(x))
        else:
            windows = self._windows(x, state, active)
            tiles = torch.split(windows, max(1, self.tile // (self.taps * self.width)), 1)
            parts = [self.linear(tile.flatten(2)) for tile in tiles]
            y = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        time = y.shape[1] * y.shape[2] // self.channels
        return y.view(x.shape[0], time, self.channels)

    def _blocks(self, x: Tensor) -> Tensor:
        """[slots, time, channels] as [slots, blocks, block * channels]."""
        missing = -x.shape[1] % self.block
        if missing:
            last = x[:, -1:] if self.repeat else torch.zeros_like(x[:, -1:])
            x = torch.cat((x, last.expand(-1, missing, -1)), dim=1)
        return x.reshape(x.shape[0], -1, self.width)

    def _windows(self, x: Tensor, state: ConvState, active: Tensor | None) -> Tensor:
        """For each block whose taps are all there, a view of them: [slots, blocks, taps, width]."""
        slots, _, width = x.shape
        if self.repeat and state.fresh:
            state.tail.copy_(x[:, :1, : width // self.block].repeat(1, 1, self.block))
        joined = state.join(x, active, self.activation)
        blocks = max(0, joined.shape[1] - state.context)
        per_slot, per_block, _ = joined.stride()
        return joined.as_strided(
            (slots, blocks, self.taps, width), (per_slot, per_block, self.dilation * per_block, 1)
        )


def conv(
    weights: Weights,
    name: str,
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = True,
    activation: Activation | None = None,
    repeat: bool = False,
    tile: int = TILE,
) -> Conv:
    """Take an ordinary convolution: `name`.weight [outputs, inputs, kernel] and `name`.bias."""
    kernels = weights.take(f"{name}.weight", outputs, inputs, kernel)
    matrix = kernels.permute(0, 2, 1).reshape(outputs, kernel * inputs)
    return Conv(
        matrix.contiguous(),
        weights.take(f"{name}.bias", outputs) if bias else None,
        taps=kernel // stride,
        dilation=dilation,
        block=stride,
        channels=outputs,
        activation=activation,
        repeat=repeat,
        tile=tile,
    )


def transposed(
    weights: Weights,
    name: str,
    inputs: int,
    outputs: int,
    stride: int,
    *,
    activation: Activation | None = None,
    tile: int = TILE,
) -> Conv:
    """Take a transposed convolution of kernel 2 * stride: `name`.weight [inputs, outputs, kernel].

    Sample r of output block t is x[t] w[r] + x[t - 1] w[stride + r]: two taps, stride * outputs
    wide.
    """
    kernels = weights.take(f"{name}.weight", inputs, outputs, 2 * stride)
    older_first = kernels.view(inputs, outputs, 2, stride).flip(2).permute(3, 1, 2, 0)
    return Conv(
        older_first.reshape(stride * outputs, 2 * inputs).contiguous(),
        weights.take(f"{name}.bias", outputs).repeat(stride),
        taps=2,
        channels=outputs,
        activation=activation,
        tile=tile,
    )
