"""The one layer of Mimi's convolutional parts: a causal convolution, as a matrix product.

Signals are [slots, time, channels], so that a window of time is one contiguous row and every
convolution is one product of such rows with a matrix. A convolution with stride s and kernel a
multiple of s sees blocks of s samples as one wide sample; a transposed one writes such blocks. Both
are then plain convolutions over blocks with kernel / s taps, and the only thing to remember between
two pieces of a signal is the last inputs: there is no overlap to add, and no length to trim.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.mimi_checkpoint import Weights


class Linear:
    """y = x W' + b, for x [..., inputs] and W [outputs, inputs]."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight = weight
        self.bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class Memory:
    """The last inputs of a convolution, [slots, context, width]; silence at the start."""

    def __init__(self, slots: int, context: int, width: int, like: Tensor) -> None:
        self.tail = like.new_zeros(slots, context, width)
        self.fresh = True

    def reset(self, slot: int) -> None:
        """Forget what a slot has heard."""
        self.tail[slot].zero_()
        self.fresh = True

    def join(self, x: Tensor, active: Tensor | None) -> Tensor:
        """Put what is remembered before x [slots, time, width], and remember x's own end.

        `active` [slots] is true where a slot moves on; the others keep what they have.
        """
        joined = torch.cat((self.tail, x), dim=1)
        tail = joined[:, joined.shape[1] - self.tail.shape[1] :]
        if active is not None:
            tail = torch.where(active[:, None, None], tail, self.tail)
        self.tail.copy_(tail)
        self.fresh = False
        return joined


class Conv:
    """A causal convolution over blocks of samples.

    `matrix` [wide outputs, taps * wide inputs] holds the oldest tap first; wide means all channels
    of one block. With `elu`, the exponential linear unit comes before it, as everywhere in SEANet
    but at its inputs. `repeat` says what stood before the first sample: it, repeated, or silence.
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
        elu: bool = False,
        repeat: bool = False,
    ) -> None:
        self.linear = Linear(matrix, bias)
        self.taps = taps
        self.dilation = dilation
        self.block = block
        self.width = matrix.shape[1] // taps
        self.channels = channels
        self.elu = elu
        self.repeat = repeat

    def memory(self, slots: int) -> Memory:
        """What a new stream of `slots` signals will have to remember."""
        return Memory(slots, (self.taps - 1) * self.dilation, self.width, self.linear.weight)

    def __call__(
        self, x: Tensor, memory: Memory | None = None, active: Tensor | None = None
    ) -> Tensor:
        """The next outputs [slots, time', channels] for the next inputs [slots, time, inputs].

        A convolution of one tap has no memory. An incomplete last block is filled up, so only the
        end of a signal may have one.
        """
        if self.elu:
            x = functional.elu(x)
        x = self._blocks(x)
        if memory is not None:
            x = self._windows(x, memory, active)
        return self.linear(x).view(x.shape[0], -1, self.channels)

    def _blocks(self, x: Tensor) -> Tensor:
        """[slots, time, channels] as [slots, blocks, block * channels]."""
        missing = -x.shape[1] % self.block
        if missing:
            last = x[:, -1:] if self.repeat else torch.zeros_like(x[:, -1:])
            x = torch.cat((x, last.expand(-1, missing, -1)), dim=1)
        return x.reshape(x.shape[0], -1, self.width)

    def _windows(self, x: Tensor, memory: Memory, active: Tensor | None) -> Tensor:
        """For each block, its taps side by side: [slots, blocks, taps * width]."""
        slots, blocks, width = x.shape
        if self.repeat and memory.fresh:
            memory.tail.copy_(x[:, :1, : width // self.block].repeat(1, 1, self.block))
        joined = memory.join(x, active)
        per_slot, per_block, _ = joined.stride()
        return joined.as_strided(
            (slots, blocks, self.taps, width), (per_slot, per_block, self.dilation * per_block, 1)
        ).reshape(slots, blocks, self.taps * width)


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
    elu: bool = False,
    repeat: bool = False,
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
        elu=elu,
        repeat=repeat,
    )


def transposed(
    weights: Weights, name: str, inputs: int, outputs: int, stride: int, *, elu: bool
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
        elu=elu,
    )


class Upsample:
    """A depthwise transposed convolution of kernel 2 * stride, without bias."""

    def __init__(self, weights: Weights, name: str, channels: int, stride: int) -> None:
        kernels = weights.take(f"{name}.weight", channels, 1, 2 * stride)
        self.now, self.before = kernels[:, 0].t().contiguous().view(2, stride, channels)
        self.channels = channels

    def memory(self, slots: int) -> Memory:
        """What a new stream will have to remember: each slot's last input."""
        return Memory(slots, 1, self.channels, self.now)

    def __call__(self, x: Tensor, memory: Memory, active: Tensor | None = None) -> Tensor:
        """[slots, time, channels] to [slots, stride * time, channels]."""
        joined = memory.join(x, active)
        y = x.unsqueeze(2) * self.now + joined[:, :-1].unsqueeze(2) * self.before
        return y.view(x.shape[0], -1, self.channels)
