"""Dia2 on a GPU: captured graphs, kernels."""
