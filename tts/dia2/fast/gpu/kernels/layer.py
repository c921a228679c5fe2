"""A layer of either transformer in five kernels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from tts.dia2.fast.gpu.kernels.attend import Heads, attend
from tts.dia2.fast.gpu.kernels.project import Matrix, project
from tts.transformer.fused import Block
from tts.transformer.linear import Linear, Plain
from tts.transformer.shape import Transformer


@dataclass(frozen=True)
class Seen:
    """What a layer attends to; fields as the arguments of `attend`."""

    keys: Tensor
    values: Tensor
    lengths: Tensor
    branches: int
    entries: int


@dataclass(frozen=True)
class KernelBlock:
    """The matrices of `tts.transformer.fused`: they are shared, not copied."""

    qkv: Matrix
    heads: Heads
    out: Matrix
    wi: Matrix
    wo: Matrix

    @classmethod
    def of(
        cls,
        shape: Transformer,
        block: Block,
        narrow: Callable[[Matrix], Matrix],
    ) -> "KernelBlock":
        """From a fused block; `narrow` may quantise a matrix."""
        attention, mlp = block.attention, block.mlp
        norm = attention.heads
        assert norm.weight is not None
        heads = Heads(shape.heads, shape.kv_heads, norm.dim, norm.weight, norm.scale.eps)
        wi = replace(narrow(matrix(mlp.wi)), activations=shape.activations)
        qkv, out = narrow(matrix(attention.qkv)), narrow(matrix(attention.out))
        return cls(qkv, heads, out, wi, narrow(matrix(mlp.wo)))

    @property
    def matrices(self) -> Iterator[Matrix]:
        yield from (self.qkv, self.out, self.wi, self.wo)

    def __call__(self, x: Tensor, angles: tuple[Tensor, Tensor] | None, seen: Seen) -> Tensor:
        """x [rows, width] to the same."""
        eps = self.heads.eps
        read = self.read(project(x, self.qkv, norm=eps), angles, seen)
        x = project(read, self.out, add=x)
        return project(project(x, self.wi, norm=eps), self.wo, add=x)

    def read(self, qkv: Tensor, angles: tuple[Tensor, Tensor] | None, seen: Seen) -> Tensor:
        """What the heads of a fused projection find."""
        return attend(
            qkv,
            self.heads,
            angles,
            seen.keys,
            seen.values,
            seen.lengths,
            branches=seen.branches,
            entries=seen.entries,
        )


def matrix(linear: Linear) -> Matrix:
    """Of a product whose matrix is as it was: on a GPU all are."""
    assert isinstance(linear, Plain)
    return Matrix(linear.weight)
