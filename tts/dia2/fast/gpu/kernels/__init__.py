"""The network for a GPU, in a few large kernels per layer (Triton).

One idea per file: `project` (norm, product, activation, residual), `attend` (head norms, rotary,
cache, attention), `draw` (guidance, top-k, sample, next embedding), `embed` (a column's embeddings)
and `model`, which puts them together. Without a GPU the same kernels run in Triton's interpreter,
which is how they are tested. Importing these modules needs Triton.
"""
