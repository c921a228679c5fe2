"""`parley satellite`: this computer's microphone and speaker, for Home Assistant."""

import argparse
from functools import partial
from typing import TYPE_CHECKING

from agent.cli import ending
from agent.cli.commands.serve import check_installed
from agent.cli.options import add_microphone, add_set, add_speaker, whole, with_devices
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.config.load import Config

PORT = 10700
"""The one that satellites of Home Assistant usually have."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("satellite", help="be an ear and a mouth of Home Assistant")
    parser.add_argument(
        "config", nargs="?", help="a YAML file or a preset's name, for its devices and its echo"
    )
    add_set(parser)
    add_microphone(parser)
    add_speaker(parser)
    parser.add_argument("--host", default="127.0.0.1", help="the address (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=whole(0, 65535),
        default=PORT,
        metavar="N",
        help="0 for any (default: %(default)s)",
    )
    parser.add_argument(
        "--wake", action="store_true", help="Home Assistant listens for its wake word"
    )
    parser.add_argument(
        "--insecure", action="store_true", help="let Home Assistant on another computer in"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Be a satellite until Ctrl-C. Raises ConfigError, ServeError and AudioError."""
    check_installed()
    from agent.config.load import load_config
    from agent.server.security import is_loopback

    if not args.insecure and not is_loopback(args.host):
        raise ConfigError(
            f"whoever reaches {args.host} could hear this room, for Home Assistant has no keys: "
            "add --insecure if only your own network does"
        )
    config = with_devices(load_config(args.config, args.set), args.mic, args.speaker)
    ending.run(partial(_run, config, args.host, args.port, wake=args.wake))
    return 0


async def _run(config: "Config", host: str, port: int, *, wake: bool) -> None:
    import anyio

    from agent.audio.open import is_file, open_microphone, open_speaker
    from agent.cli.console import SafeConsole
    from agent.cli.output import report
    from agent.server.security import is_loopback
    from agent.server.wyoming.satellite import Satellite
    from agent.turns.gated_vad import GatedVad
    from agent.turns.guarded_vad import GuardedVad
    from agent.turns.vad import SileroVad

    console = SafeConsole(wrap=False)
    if is_file(config.microphone.device) or is_file(config.speaker.device):
        config = config.model_copy(update={"echo": "off"})  # nothing goes through the air
    vad = GatedVad(GuardedVad(SileroVad()))
    await vad.load()
    satellite = Satellite(
        config,
        open_microphone(config.microphone, report, silence=config.turn.unfinished),
        open_speaker(config.speaker, report, 24000),
        vad,
        report,
        wake=wake,
    )
    if not is_loopback(host):
        console.print("INSECURE: whoever reaches this port can hear the microphone")
    async with satellite.running(host, port) as taken:
        console.print(f"satellite  {host} port {taken}: add it in Home Assistant (Wyoming)")
        await anyio.sleep_forever()
