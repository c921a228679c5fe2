"""Mimi's upsampler, a depthwise transposed convolution."""

from torch import Tensor

from tts.codec.layers import ConvState
from tts.codec.weights import Weights


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
