"""The codec's streams, one frame of each at a time: on a GPU one graph, one copy in, one out."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from tts.dia2.mimi.codec import Mimi
from tts.transformer.capture import Capture, PinnedBuffer

_log = logging.getLogger(__name__)


class FrameDecoder:
    """Codes to waveforms for a fixed number of streams, which begin and end as they like."""

    def __init__(self, mimi: Mimi, slots: int) -> None:
        """All streams are at their start."""
        device = mimi.device
        self._stream = mimi.decoder(slots)
        self._codes = PinnedBuffer(slots, mimi.codebooks, device)
        self._active = PinnedBuffer(slots, 1, device)
        self._waves = PinnedBuffer(slots, mimi.frame_size, device, torch.float32)
        self._slots = slots
        try:
            # No stream moves by being captured: none is active.
            self._run = Capture(device)(self._advance)
        except RuntimeError as error:  # PyTorch's own: no memory, a driver that cannot
            reason = str(error).partition("\n")[0]
            _log.warning("Dia2's codec runs without a CUDA graph (%s)", reason)
            self._run = self._advance

    def step(self, codes: NDArray[np.integer], active: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The next frame [slots, codebooks] to samples [slots, frame_size], until the next call.

        Codes must be in range, also those of idle slots. A stream where `active` [slots] is false
        stays where it is, and its samples mean nothing.
        """
        self._codes.array[:] = codes
        self._active.array[:, 0] = active
        self._codes.send(self._slots)
        self._active.send(self._slots)
        self._run()
        self._waves.fetch(self._slots)
        waves: NDArray[np.float32] = self._waves.array
        return waves

    def reset(self, slot: int) -> None:
        """A stream is at its start again; the others go on undisturbed."""
        self._stream.reset(slot)

    @torch.inference_mode()
    def _advance(self) -> None:
        active = self._active.device[:, 0] > 0
        self._waves.device.copy_(self._stream.step(self._codes.device[:, :, None], active))
