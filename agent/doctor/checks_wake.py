"""Whether the wake word engine can listen for the configured words."""

import anyio.to_thread

from agent.config.load import Config
from agent.config.wake import WakeSettings
from agent.doctor.finding import Finding
from agent.errors import ParleyError
from agent.wake.create import create_wake_word_engine, engine_of


async def wake(config: Config) -> list[Finding]:
    """The engine and its model; an agent without a wake word needs none."""
    if not config.wake.enabled:
        return []
    return [await anyio.to_thread.run_sync(_load, config.wake)]


def _load(settings: WakeSettings) -> Finding:
    subject = f"wake {engine_of(settings)}"
    try:
        create_wake_word_engine(settings).load()
    except ParleyError as error:
        what, _, fix = str(error).removeprefix("wake.words: ").partition(": ")
        return Finding("missing", subject, what, fix)
    words = ", ".join(f"'{word}'" for word in settings.words)
    return Finding("ok", subject, f"listens for {words}")
