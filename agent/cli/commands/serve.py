"""`parley serve`: the agent for any client, any browser, any room of the house."""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import ending
from agent.cli.options import add_address, add_set, whole
from agent.errors import ConfigError, ParleyError
from tts.extras import NAME, pip_install

if TYPE_CHECKING:
    from agent.cli.console import SafeConsole
    from agent.config.load import Config
    from agent.events import Event
    from agent.server.running import Place
    from agent.steering.reloading import Load

KEY = "PARLEY_API_KEY"
"""The environment variable with the key, or several, separated by commas."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("serve", help="let browsers, programs and Home Assistant talk")
    parser.add_argument(
        "config", nargs="?", help="a YAML file or a preset's name (default: yours, else offline)"
    )
    add_set(parser)
    add_address(parser)
    parser.add_argument(
        "--wyoming",
        type=_address,
        metavar="[HOST:]PORT",
        help="speak Home Assistant's protocol there; it knows no keys, so another HOST than this "
        "computer's own needs --insecure",
    )
    parser.add_argument(
        "--api-key", metavar="KEY", help=f"who has it may come in; better in ${KEY}, or a file"
    )
    parser.add_argument("--api-keys", type=Path, metavar="FILE", help="keys, one a line")
    parser.add_argument(
        "--insecure", action="store_true", help="listen for other computers without a key"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="take up changes of the configuration's files (session.watch); SIGHUP does it once",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM. Raises ParleyError and the engines' errors."""
    check_installed()
    from agent.config.load import load_with_files
    from agent.server.running import Place
    from agent.server.security import is_loopback, read_keys

    given = [args.api_key or "", *os.environ.get(KEY, "").split(",")]
    keys = read_keys(given, args.api_keys)
    if not keys and not args.insecure and not is_loopback(args.host):
        raise ConfigError(
            f"{args.host} lets other computers in: give a key (--api-key, {KEY}, --api-keys), or "
            "--insecure to let in anybody"
        )
    host, port = args.wyoming or ("", None)
    wyoming = None if port is None else (host or args.host, port)
    if wyoming is not None and not args.insecure and not is_loopback(wyoming[0]):
        raise ConfigError(
            f"--wyoming lets whoever reaches {wyoming[0]} in, for Home Assistant has no keys: add "
            "--insecure if only your own network does"
        )

    def load() -> "tuple[Config, list[Path]]":
        return load_with_files(args.config, assignments)

    assignments = [*args.set, *(["session.watch=true"] if args.watch else [])]
    place = Place(host=args.host, port=args.port, tls_cert=args.tls_cert, tls_key=args.tls_key)
    ending.run(partial(_serve, load, place, keys, wyoming))
    return 0


def check_installed() -> None:
    """Raise ParleyError when the extra `server` is missing."""
    try:
        import prometheus_client  # noqa: F401  (only to tell whether it is there)
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        install = pip_install(f"{NAME}[server]")
        raise ParleyError(f"the server needs {error.name}: {install}") from None


def _address(text: str) -> tuple[str, int]:
    """A host, "" for none, and a port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), whole(0, 65535)(port)


async def _serve(
    load: "Load", place: "Place", keys: tuple[str, ...], wyoming: tuple[str, int] | None
) -> None:
    from contextlib import AsyncExitStack

    from agent.agent import Agent
    from agent.cli.console import SafeConsole
    from agent.cli.garbage import here_to_stay
    from agent.server.logs import log_event, logging_to_stderr
    from agent.server.reloading import reload
    from agent.server.running import running
    from agent.server.security import Keys
    from agent.server.server import Server, servable
    from agent.server.traces import tracing
    from agent.server.wyoming.listening import listening
    from agent.steering.reloading import Reloader

    console = SafeConsole(wrap=False)
    config, _ = load()
    if config.wake.enabled:
        console.print("wake: ignored by the server, whose clients wake it by themselves")
    server = Server(Agent(servable(config)), Keys(keys), config.server)

    def tell(event: "Event") -> None:
        log_event("server", event, words=True)  # of the configuration, and of nobody's speech

    _tell_dangers(console, place, keys, wyoming)
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(logging_to_stderr(words=config.server.log_words))
            server.tracer = await stack.enter_async_context(tracing())
            if wyoming is not None:  # before the server, for that is what lets answers end
                port = await stack.enter_async_context(listening(server, *wyoming))
            address = await stack.enter_async_context(running(server, place))
            console.print(f"page      {address}")
            console.print(f"protocol  {address.replace('http', 'ws', 1)}v1/realtime")
            if wyoming is not None:
                console.print(f"wyoming   {wyoming[0]} port {port}, for Home Assistant")
            console.print("loading …", style="dim")
            await server.load()
            stack.enter_context(here_to_stay())
            reloader = Reloader(load, partial(reload, server), tell)
            if config.session.watch:
                await stack.enter_async_context(reloader.watching())
            hung_up = stack.enter_context(ending.hangups())
            console.print("ready")
            await reloader.follow(hung_up)
    finally:
        await server.aclose()


def _tell_dangers(
    console: "SafeConsole", place: "Place", keys: tuple[str, ...], wyoming: tuple[str, int] | None
) -> None:
    """Say who may come in unasked, and what is wrong with the certificate. Raises ConfigError."""
    from agent.doctor.certificate import examine
    from agent.server.security import is_loopback

    if not keys and not is_loopback(place.host):
        console.print("INSECURE: whoever reaches this computer can talk to the agent: no key")
    if wyoming is not None and not is_loopback(wyoming[0]):
        console.print("INSECURE: whoever reaches the Wyoming port can use it: it has no keys")
    if place.tls_cert is not None and place.tls_key is not None:
        place.check()
        for finding in examine(place.tls_cert, place.tls_key, place.host):
            if finding.state != "ok":
                console.print(f"certificate: {finding.detail}: {finding.fix}")
