"""What can go wrong outside the engines, each with a message that says what to do."""


class ParleyError(Exception):
    """The base of every error that the agent raises on purpose."""


class ConfigError(ParleyError):
    """A configuration that cannot be used: the message names file, line and key."""


class AudioError(ParleyError):
    """A device or an audio file that cannot be used."""


class StageError(ParleyError):
    """A stage of a graph failed; `stage` names it and `__cause__` is what it raised."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"{stage}: {cause}")
        self.stage = stage
