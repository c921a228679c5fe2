"""Outputs that an ONNX file does not declare: how long a voice holds each phoneme.

The duration predictor's result is rounded somewhere inside the graph, and a word's time is read
there. A message of protocol buffers is extended by appending to it (encoding guide, "last one
wins"): submessages are merged, repeated fields joined. So the declaration of one more output goes
to the end of the file's bytes, and no package that edits graphs is needed.
"""

from collections.abc import Iterator

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_OUTPUT = 7, 1, 12  # field numbers of onnx.proto
_NODE_OUTPUT, _NODE_OP, _VALUE_NAME = 2, 4, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def result_of(model: bytes, operation: str) -> str | None:
    """Return the name of the first result of the only node of that kind; None if there is none."""
    found = [
        next(bytes(value).decode() for field, value in _fields(node) if field == _NODE_OUTPUT)
        for graph in _submessages(memoryview(model), _MODEL_GRAPH)
        for node in _submessages(graph, _GRAPH_NODE)
        if any(field == _NODE_OP and value == operation.encode() for field, value in _fields(node))
    ]
    return found[0] if len(found) == 1 else None


def with_output(model: bytes, name: str) -> bytes:
    """Return the model with the tensor `name` declared as an output, if it is not yet one."""
    value = _message(_VALUE_NAME, name.encode())
    for graph in _submessages(memoryview(model), _MODEL_GRAPH):
        if any(bytes(each).startswith(value) for each in _submessages(graph, _GRAPH_OUTPUT)):
            return model
    return model + _message(_MODEL_GRAPH, _message(_GRAPH_OUTPUT, value))


def _submessages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for field, value in _fields(message) if field == wanted)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Read the numbers and contents of a message's fields. Raises ValueError if it is none."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind, start = key & 7, place
        if kind == _VARINT:
            _, end = _varint(message, place)
        elif kind == _BYTES:
            size, start = _varint(message, place)
            end = start + size
        elif kind in (_FIXED64, _FIXED32):
            end = start + (8 if kind == _FIXED64 else 4)
        else:
            raise ValueError("this is no ONNX file")
        if end > len(message):
            raise ValueError("this ONNX file is cut off")
        yield key >> 3, message[start:end]
        place = end


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError("this ONNX file is cut off")
        byte = message[place]
        number, shift, place = number | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return number, place


def _message(field: int, content: bytes) -> bytes:
    return _number(field << 3 | _BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
