"""openWakeWord's models and one's own, and files that are none."""

from pathlib import Path

import numpy as np
import onnx
import pyopen_wakeword
import pytest
from onnx import TensorProto, helper

from agent.errors import ConfigError
from agent.wake.openwakeword import FEATURES, OpenWakeWordSpotter
from tests.agent.wake.spoken import listen, spoken

MODELS = Path(pyopen_wakeword.__file__).parent / "models"
OTHERS = "what time is it. set a timer for ten minutes. hey travis, where are you."


def own_model(path: Path, size: int = FEATURES, *, scale: float = 1.0) -> Path:
    """A model that is sure of everything, or gives what is no probability."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2], keepdims=0),
            helper.make_node("Sigmoid", ["mean"], ["some"]),
            helper.make_node("Constant", [], ["k"], value_float=scale),
            helper.make_node("Add", ["some", "k"], ["y"]),
        ],
        "own",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    opset = helper.make_opsetid("", 13)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("own", [False, True])
def test_it_hears_its_word_and_no_other(own: bool, tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes((MODELS / "hey_jarvis.tflite").read_bytes())
    spotter = OpenWakeWordSpotter(["hey jarvis"], 0.5, str(path) if own else None)
    spotter.load()
    assert [word.text for word in listen(spotter, spoken("hey jarvis, what time is it"))] == [
        "hey jarvis"
    ]
    spotter.reset()
    assert listen(spotter, spoken(OTHERS)) == []


@pytest.mark.parametrize("voice", ["en-us", "en-us+m3", "en-gb", "en-us+f3"])
def test_the_model_made_here_hears_its_word_at_once_and_where_it_ends(voice: str) -> None:
    spotter = OpenWakeWordSpotter(["hey parley"], 0.5, None)
    spotter.load()
    alone = spoken("hey parley", voice)
    begin, *_, end = np.flatnonzero(np.abs(alone) > 0.02)
    # Asleep since a moment: of what was before it has heard nothing.
    question = spoken("hey parley, what time is it", voice)
    for pcm in (alone, alone[begin - 4096 :], alone[begin:], question):
        spotter.reset()
        heard, found = (
            len(alone) - len(pcm) if pcm is not alone and len(pcm) < len(alone) else 0,
            None,
        )
        for start in range(0, len(pcm), 320):
            heard += 320
            if (found := spotter.hear(pcm[start : start + 320])) is not None:
                break
        assert found is not None
        assert found.text == "hey parley"
        assert heard - found.ago == pytest.approx(int(end), abs=0.25 * 16000)


def test_the_model_made_here_hears_no_other_words() -> None:
    spotter = OpenWakeWordSpotter(["hey parley"], 0.5, None)
    spotter.load()
    for text in (OTHERS, "hey, partly cloudy. they are barely here. parley", "hey there, charlie"):
        spotter.reset()
        assert listen(spotter, spoken(text)) == []


def test_a_model_in_onnx_is_asked_with_the_last_embeddings(tmp_path: Path) -> None:
    path = own_model(tmp_path / "own.onnx", scale=0.2)
    spotter = OpenWakeWordSpotter(["my word"], 0.5, str(path))
    spotter.load()
    assert listen(spotter, np.zeros(4 * 16000, np.float32))


def test_a_word_without_a_model_names_those_that_there_are() -> None:
    spotter = OpenWakeWordSpotter(["hey barley"], 0.5, None)
    with pytest.raises(ConfigError, match=r"no model of 'hey barley', only of alexa, hey jarvis"):
        spotter.load()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.tflite", None, "cannot be read"),
        ("text.tflite", b"not a model at all", "is no TensorFlow Lite model"),
        ("cut.tflite", (MODELS / "hey_jarvis.tflite").read_bytes()[:5000], "is cut short"),
        ("text.onnx", b"not a model at all", "is no ONNX model"),
        ("model.pt", b"something", "should be a .tflite or .onnx file"),
        ("other.tflite", (MODELS / "embedding_model.tflite").read_bytes(), r"takes \[1, n, 96\]"),
    ],
)
def test_a_file_that_is_no_model_is_told_in_a_line(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        OpenWakeWordSpotter(["my word"], 0.5, str(path)).load()
    assert "\n" not in str(caught.value)


def test_an_onnx_model_of_something_else_is_refused(tmp_path: Path) -> None:
    for path, message in (
        (own_model(tmp_path / "a.onnx", size=40), r"takes \[1, n, 96\]"),
        (own_model(tmp_path / "b.onnx", scale=7.0), "which is no probability"),
    ):
        with pytest.raises(ConfigError, match=message):
            OpenWakeWordSpotter(["my word"], 0.5, str(path)).load()
