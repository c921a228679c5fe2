"""Ten thousand turns with faults at random; see `bench.soak.__main__`."""
