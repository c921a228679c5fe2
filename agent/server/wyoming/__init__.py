"""Home Assistant's protocol, Wyoming: ears, voice and agent for it, or a satellite of it.

Events are the `wyoming` package's; they are read here, where everything has a limit.
"""
