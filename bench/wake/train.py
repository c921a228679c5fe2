"""Train a wake word's model: `python -m bench.wake.train PHRASE FILE.onnx [--hours 2.3]`.

The model is of openWakeWord's kind, from its embeddings float32 [1, 16, 96] to a probability: two
small networks, whose logits are averaged. The one in `agent/wake/models` was made by this recipe,
with more voices of espeak; it takes half an hour of a core, most of it openWakeWord's features.
Needs PyTorch and onnx; and the more voices, the better: fetch the kit of `tests.real` first.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from bench.wake.examples import FEATURES, SIZE, Windows, examples

WIDTHS = (48, 32)
STEPS = 700
CALLS, OTHERS = 128, 512
"""Windows in a step."""
NETWORKS = 2

Array = NDArray[Any]


def network() -> nn.Sequential:
    """Standardised windows to logits."""
    first, second = WIDTHS
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(SIZE * FEATURES, first), nn.LayerNorm(first), nn.ReLU()),
        *(nn.Dropout(0.3), nn.Linear(first, second), nn.LayerNorm(second), nn.ReLU()),
        nn.Linear(second, 1),
    )


def train(called: Windows, others: Windows, seed: int) -> nn.Sequential:
    """A network; of the others it is shown those most that it takes for calls."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = network()
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, STEPS)
    positive, negative = torch.from_numpy(called), torch.from_numpy(others)
    wanted = torch.cat((torch.full((CALLS,), 0.99), torch.full((OTHERS,), 0.01)))
    shares = np.arange(1.0, len(others) + 1)
    for step in range(STEPS):
        if step in (STEPS // 4, STEPS // 2, 3 * STEPS // 4):
            net.eval()
            with torch.no_grad():
                taken = torch.cat(
                    [
                        net(part).sigmoid()
                        for part in torch.tensor_split(negative, 1 + len(negative) // 8192)
                    ]
                )
            shares = np.cumsum(0.05 + np.minimum(taken.numpy()[:, 0] * 20, 3))
            net.train()
        some = rng.integers(len(called), size=CALLS)
        hard = np.searchsorted(shares, rng.random(OTHERS) * shares[-1])
        logits = net(torch.cat((positive[some], negative[hard])))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return net.eval()


def save(networks: list[nn.Sequential], mean: Array, deviation: Array, path: Path) -> None:
    """Write them as one ONNX model, the first layers' weights in 16 bits."""
    nodes = [helper.make_node("Flatten", ["embeddings"], ["flat"], axis=1)]
    weights = []

    def weight(name: str, values: Array, dtype: type = np.float32) -> str:
        weights.append(numpy_helper.from_array(values.astype(dtype), name))
        return name

    for n, net in enumerate(networks):
        state = {key: value.numpy() for key, value in net.state_dict().items()}
        first = state["1.weight"].reshape(-1, SIZE, FEATURES)
        bias = state["1.bias"] - (first * (mean / deviation)).sum((1, 2))
        folded = (first / deviation).reshape(len(first), -1).T
        name = weight(f"{n}.half", folded, np.float16)
        nodes.append(helper.make_node("Cast", [name], [f"{n}.w1"], to=TensorProto.FLOAT))
        entry = "flat"
        for layer, norm in ((1, 2), (5, 6), (8, None)):
            if layer > 1:
                weight(f"{n}.w{layer}", state[f"{layer}.weight"].T)
            offset = weight(f"{n}.b{layer}", bias if layer == 1 else state[f"{layer}.bias"])
            out = f"{n}.{layer}"
            nodes.append(helper.make_node("Gemm", [entry, f"{n}.w{layer}", offset], [out]))
            if norm is not None:
                scale = weight(f"{n}.s{norm}", state[f"{norm}.weight"])
                shift = weight(f"{n}.o{norm}", state[f"{norm}.bias"])
                normal, entry = f"{n}.{norm}", f"{n}.{norm}.relu"
                inputs = [out, scale, shift]
                nodes.append(helper.make_node("LayerNormalization", inputs, [normal], axis=-1))
                nodes.append(helper.make_node("Relu", [normal], [entry]))
    logits = [f"{n}.8" for n in range(len(networks))]
    nodes.append(helper.make_node("Mean", logits, ["logit"]))
    nodes.append(helper.make_node("Sigmoid", ["logit"], ["probability"]))
    entry_value, exit_value = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("embeddings", [1, SIZE, FEATURES]), ("probability", [1, 1]))
    )
    graph = helper.make_graph(nodes, path.stem, [entry_value], [exit_value], weights)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def main() -> None:
    """Make the examples, train, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("phrase")
    parser.add_argument("file", type=Path)
    parser.add_argument("--hours", type=float, default=2.3, help="of speech without the phrase")
    options = parser.parse_args()
    called, others = examples(options.phrase, options.hours)
    print(f"{len(called)} windows with '{options.phrase}', {len(others)} without")
    mean, deviation = others.mean((0, 1)), others.std((0, 1))
    called, others = ((windows - mean) / deviation for windows in (called, others))
    networks = [train(called, others, seed) for seed in range(NETWORKS)]
    save(networks, mean, deviation, options.file)
    print(f"{options.file}: {options.file.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
