"""Steering a live conversation: by keys, and from other processes (`parley ctl`)."""
