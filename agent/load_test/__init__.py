"""A load test: many spoken conversations with a server at once, and how it is for their users."""
