"""What the server costs: `python -m bench.server`."""
