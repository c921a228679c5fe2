"""An output is declared by appending to the file: ONNX Runtime gives it."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tts.onnx.toys import make_piper
from tts.onnx.graph import result_of, with_output


@pytest.fixture
def model(tmp_path: Path) -> bytes:
    return make_piper(tmp_path).read_bytes()


def test_the_only_node_of_a_kind_is_found(model: bytes) -> None:
    assert result_of(model, "Ceil") == "held"
    assert result_of(model, "Round") is None
    assert result_of(model, "Constant") is None, "there are several"


def test_the_output_is_given(model: bytes) -> None:
    extended = with_output(model, "held")
    assert [output.name for output in onnx.load_from_string(extended).graph.output] == [
        "output",
        "held",
    ]
    session = onnxruntime.InferenceSession(extended, providers=["CPUExecutionProvider"])
    inputs = {
        "input": np.array([[1, 0, 20, 0, 2]]),
        "input_lengths": np.array([5]),
        "scales": np.array([0, 1.3, 0], np.float32),
    }
    (held,) = session.run(["held"], inputs)
    assert held.tolist() == [3, 3, 3, 3, 3]  # 2 frames × 1.3, rounded up


def test_a_declared_output_is_not_declared_again(model: bytes) -> None:
    extended = with_output(model, "held")
    assert with_output(extended, "held") == extended


@given(st.binary(max_size=64))
def test_what_is_no_model_is_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        assert result_of(content, "Ceil") is None


def test_a_model_that_is_cut_off_is_a_value_error(model: bytes) -> None:
    for size in range(60, len(model), 97):
        with pytest.raises(ValueError, match="cut off"):
            result_of(model[:size], "Ceil")
