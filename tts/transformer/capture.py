"""CUDA graphs: what a function does to tensors that stay where they are, to be launched as one."""

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

WARM_UPS = 2  # PyTorch chooses its kernels, and takes their working memory, in the first calls


class Capture:
    """Makes graphs that share their working memory, for none of them keeps anything in it.

    Elsewhere than on a GPU a graph is the function itself.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            self._cuda: Any = torch.cuda  # parts of it have no types
            self._pool = self._cuda.graph_pool_handle()
            # Working memory is shared, and found again, by stream.
            self._stream = self._cuda.Stream(device)

    def __call__(self, run: Callable[[], object]) -> Callable[[], object]:
        """Call a function a few times, and capture it: what replays it.

        Nobody else may be using the tensors. Raises RuntimeError.
        """
        if self.device.type != "cuda":
            return run
        cuda, stream = self._cuda, self._stream
        with cuda.device(self.device):
            stream.wait_stream(cuda.current_stream())
            with cuda.stream(stream):
                for _ in range(WARM_UPS):
                    run()
                stream.synchronize()
                # Not `torch.cuda.graph`, which empties PyTorch's cache every time.
                graph = cuda.CUDAGraph()
                # Other threads go on: a recogniser may be at work on the same GPU.
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    run()
                finally:
                    graph.capture_end()
            cuda.current_stream().wait_stream(stream)
        replay: Callable[[], object] = graph.replay
        return replay


class PinnedBuffer:
    """Numbers [slots, size] that are on the host and on the device, and cross when they are told.

    The host's are in pinned memory, and are not to be written to while they cross.
    """

    def __init__(
        self, slots: int, size: int, device: torch.device, dtype: torch.dtype = torch.int64
    ) -> None:
        on_gpu = device.type == "cuda"
        self.device = torch.zeros((slots, size), dtype=dtype, device=device)
        self.host = torch.zeros((slots, size), dtype=dtype, pin_memory=on_gpu)
        self.array: NDArray[Any] = self.host.numpy()

    def send(self, slots: int) -> None:
        """The first slots' numbers to the device, before whatever is launched next."""
        self.device[:slots].copy_(self.host[:slots], non_blocking=True)

    def fetch(self, slots: int) -> None:
        """The first slots' numbers to the host, after all that was launched: waits for that."""
        self.host[:slots].copy_(self.device[:slots], non_blocking=True)
        synchronize(self.device)


def synchronize(tensor: Tensor) -> None:
    """Wait until all that was launched on a tensor's device has been done."""
    if tensor.is_cuda:
        torch.cuda.current_stream(tensor.device).synchronize()
