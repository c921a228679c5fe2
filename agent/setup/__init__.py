"""`parley setup`: what this machine can do, what fits it, and a configuration that was tried."""
