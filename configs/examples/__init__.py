"""Three agents to begin with, with their tools, and the cases that they are tested by."""
