"""Being called: how many calls wake an agent, and what else does."""
