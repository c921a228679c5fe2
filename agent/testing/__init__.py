"""Agents under test: scripted users, what is expected of the agent, and what came of it."""
