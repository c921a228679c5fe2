"""Being called: while an agent sleeps, a wake word engine is all that listens."""
