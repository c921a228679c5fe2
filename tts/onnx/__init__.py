"""Neural voices that ONNX Runtime computes: Piper's (VITS) and Kokoro."""
