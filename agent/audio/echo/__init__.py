"""Echo: the agent does not hear itself."""
