"""`parley doctor`: what works, what is missing, how to fix it."""
