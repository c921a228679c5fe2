"""Several agents at a time, each with devices of its own, in one process."""

from collections.abc import Sequence

import anyio
from rich.text import Text

from agent.cli.console import SafeConsole
from agent.cli.garbage import here_to_stay
from agent.cli.live import talk
from agent.cli.native_stderr import silenced
from agent.cli.output import warn
from agent.cli.view import PlainView
from agent.config.load import Config
from agent.errors import ConfigError, leaves_of
from agent.pool import EnginePool


def residents(configs: Sequence[Config]) -> list[Config]:
    """The agents that are started: those with devices of their own, or a file's only one.

    Raises ConfigError where two have one microphone, or none of several has any.
    """
    found: list[Config] = []
    for config in configs:
        own = {
            name: {"microphone": member.microphone, "speaker": member.speaker}
            for name, member in config.agents.items()
            if member.microphone or member.speaker
        }
        if config.agents and not own:
            raise ConfigError(
                f"none of {', '.join(config.agents)} has a `microphone` or `speaker` of its own: "
                "parley talk has them take turns"
            )
        for name, devices in own.items():
            given = {key: value for key, value in devices.items() if value is not None}
            found.append(config.of(name).model_copy(update=given))
        if not own:
            found.append(config)
    heard: dict[str | int | None, str] = {}
    for config in found:
        name, device = config.agent.name, config.microphone.device
        if device in heard:
            which = "the default microphone" if device is None else f"the microphone {device!r}"
            raise ConfigError(
                f"{heard[device]} and {name} both listen to {which}: give each "
                "`microphone: {device: …}` of its own"
            )
        heard[device] = name
    return found


async def run_all(configs: Sequence[Config]) -> int:
    """Have all of them converse until each has ended; how many failed.

    One that fails is told of, and the others go on.
    """
    pool, failed = EnginePool(), 0
    console = SafeConsole()

    async def converse(config: Config) -> None:
        nonlocal failed
        name = config.agent.name
        try:
            await talk(config, view=Voice(name, console), pool=pool)
        except Exception as error:  # noqa: BLE001  (P6: it ends itself at most)
            failed += 1
            _tell(name, error)

    try:
        able: list[Config] = []
        for config in configs:
            try:
                await pool.extend(config)
                able.append(config)
            except Exception as error:  # noqa: BLE001
                failed += 1
                _tell(config.agent.name, error)
        with here_to_stay(), silenced():
            async with anyio.create_task_group() as tasks:
                for config in able:
                    tasks.start_soon(converse, config)
    finally:
        await pool.aclose()
    return failed


class Voice(PlainView):
    """What one of several says and hears, after its name."""

    def __init__(self, name: str, console: SafeConsole) -> None:
        super().__init__(name, _Marked(f"[{name}]", console))


class _Marked(SafeConsole):
    def __init__(self, mark: str, console: SafeConsole) -> None:
        super().__init__()
        self._mark = mark
        self._console = console

    def print(self, *objects: object, **options: object) -> None:
        """Print it after the mark."""
        self._console.print(Text(self._mark, style="dim"), *objects, **options)


def _tell(name: str, error: Exception) -> None:
    lines = (line for leaf in leaves_of(error) for line in str(leaf).split("\n"))
    for line in dict.fromkeys(lines):
        warn(f"{name}: {line}")
