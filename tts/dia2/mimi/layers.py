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

from tts.dia2.mimi.weights import Weights
from tts.dia2.packed import Packed, can_pack

FEW_ROWS = 4  # oneDNN multiplies fewer rows no faster than these: reading the matrix is the work
TILE = 1 << 16  # numbers in the windows that are laid out at a time: they stay in a core's cache


class Linear:
    """A linear layer y = x W' + b, for x [..., inputs] and W [outputs, inputs]; then perhaps gelu.

    A stream multiplies a few rows by large matrices, so on a CPU its speed is that of reading them.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, gelu: bool = False) -> None:
        self.bias, self.gelu = bias, gelu
        self.weight = Packed(weight) if can_pack(weight) else weight

    def __call__(self, x: Tensor) -> Tensor:
        if not isinstance(self.weight, Packed):
            y = functional.linear(x, self.weight, self.bias)
            return functional.gelu(y) if self.gelu else y
        then, rows = "gelu" if self.gelu else "none", x.shape[:-1].numel()
        if rows >= FEW_ROWS:
            return self.weight(x, self.bias, then)
        padded = functional.pad(x.flatten(0, -2), (0, 0, 0, FEW_ROWS - rows))
        return self.weight(padded, self.bias, then)[:rows].view(*x.shape[:-1], -1)


class ConvState:
    """The last inputs of a convolution, [slots, context, width]; silence at the start."""

    def __init__(self, slots: int, context: int, width: int, like: Tensor) -> None:
        self.tail = like.new_zeros(slots, context, width)
        self.fresh = True

    def reset(self, slot: int) -> None:
        """Forget a slot's inputs."""
        self.tail[slot].zero_()
        self.fresh = True

    def join(self, x: Tensor, active: Tensor | None, *, elu: bool = False) -> Tensor:
        """Put what is remembered before x [slots, time, width], and remember x's own end.

        `active` [slots] is true where a slot moves on; the others keep what they have. With `elu`
        x goes through that unit on the way, which saves a copy.
        """
        if elu:
            context = self.tail.shape[1]
            joined = x.new_empty(x.shape[0], context + x.shape[1], x.shape[2])
            joined[:, :context] = self.tail
            torch.ops.aten.elu.out(x, out=joined[:, context:])
        else:
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
        self.like = torch.empty_like(matrix[:0])

    def new_state(self, slots: int) -> ConvState:
        """The state of a new stream of `slots` signals."""
        return ConvState(slots, (self.taps - 1) * self.dilation, self.width, self.like)

    def __call__(
        self, x: Tensor, state: ConvState | None = None, active: Tensor | None = None
    ) -> Tensor:
        """The next outputs [slots, time', channels] for the next inputs [slots, time, inputs].

        A convolution of one tap has no memory. An incomplete last block is filled up, so only the
        end of a signal may have one.
        """
        x = self._blocks(x)
        if state is None:
            y = self.linear(functional.elu(x) if self.elu else x)
        else:
            windows = self._windows(x, state, active)
            tiles = torch.split(windows, max(1, TILE // (self.taps * self.width)), 1)
            parts = [self.linear(tile.flatten(2)) for tile in tiles]
            y = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        return y.view(x.shape[0], -1, self.channels)

    def _blocks(self, x: Tensor) -> Tensor:
        """[slots, time, channels] as [slots, blocks, block * channels]."""
        missing = -x.shape[1] % self.block
        if missing:
            last = x[:, -1:] if self.repeat else torch.zeros_like(x[:, -1:])
            x = torch.cat((x, last.expand(-1, missing, -1)), dim=1)
        return x.reshape(x.shape[0], -1, self.width)

    def _windows(self, x: Tensor, state: ConvState, active: Tensor | None) -> Tensor:
        """For each block, a view of its taps: [slots, blocks, taps, width]."""
        slots, blocks, width = x.shape
        if self.repeat and state.fresh:
            state.tail.copy_(x[:, :1, : width // self.block].repeat(1, 1, self.block))
        joined = state.join(x, active, elu=self.elu)
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
        halves = kernels[:, 0].t().contiguous().view(2, stride, channels)
        self.now: Tensor = halves[0]
        self.before: Tensor = halves[1]
        self.channels = channels

    def new_state(self, slots: int) -> ConvState:
        """The state of a new stream: each slot's last input."""
        return ConvState(slots, 1, self.channels, self.now)

    def __call__(self, x: Tensor, state: ConvState, active: Tensor | None = None) -> Tensor:
        """[slots, time, channels] to [slots, stride * time, channels]."""
        joined = state.join(x, active)
        y = x.unsqueeze(2) * self.now + joined[:, :-1].unsqueeze(2) * self.before
        return y.view(x.shape[0], -1, self.channels)
