"""CUDA graphs: what a function does to tensors that stay where they are, to be launched as one."""

import logging
import sys
import time
from collections.abc import Callable, Sized
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

Graph = Callable[[], object]
Progress = Callable[[int, int], None]
"""Is told how many graphs are captured, and how many there are."""
Captured = TypeVar("Captured", bound=Sized)

WARM_UPS = 2  # PyTorch chooses its kernels, and takes their working memory, in the first calls


_log = logging.getLogger(__name__)


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

    def __call__(self, run: Graph) -> Graph:
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
        replay: Graph = graph.replay
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


def capture_all(
    name: str, device: torch.device, make: Callable[[Progress], Captured]
) -> Captured | None:
    """Capture a model's graphs, if it is on a GPU; if that fails, warn, and give None.

    `name` is the model's, for messages.
    """
    if device.type != "cuda":
        return None

    def show(done: int, count: int) -> None:
        """A line on the terminal, as downloads have it: with many slots it takes a while."""
        if sys.stderr.isatty():
            end = "\n" if done == count else ""
            print(f"\r{name}: {done} of {count} CUDA graphs captured", end=end, file=sys.stderr)

    begun = time.monotonic()
    try:
        graphs = make(show)
    except RuntimeError as error:  # PyTorch's own: no memory, a driver that cannot
        reason = str(error).partition("\n")[0]
        _log.warning(
            "%s runs without CUDA graphs, several times slower: they cannot be captured (%s); "
            "if memory is short, use fewer slots",
            name,
            reason,
        )
        return None
    else:
        _log.info("%s: captured %d graphs in %.1f s", name, len(graphs), time.monotonic() - begun)
        return graphs
    finally:
        torch.cuda.empty_cache()  # what only the first calls took
