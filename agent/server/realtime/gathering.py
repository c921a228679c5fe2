"""The addresses at which a WebRTC peer can reach us: every interface, loopback too, no STUN.

aiortc leaves out loopback and takes any port; in a container one has to publish some, and tell the
address by which the container is reached.
"""

import asyncio
import random
from collections.abc import Iterable
from typing import Any

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, get_host_addresses
from aiortc import RTCPeerConnection

from agent.errors import ParleyError

LOOPBACK = "127.0.0.1"


def gather_at(peer: RTCPeerConnection, ports: range | None, advertised: str | None) -> None:
    """Have a peer connection take its UDP ports from `ports`, and tell the `advertised` address.

    To be called between the remote description and the local one.
    """
    transports = {t.receiver.transport.transport for t in peer.getTransceivers()}
    if peer.sctp is not None:
        transports.add(peer.sctp.transport.transport)
    for transport in transports:
        connection: Any = transport.iceGatherer._connection

        async def candidates(
            component: int, addresses: list[str], timeout: int = 5, connection: Any = connection
        ) -> list[Candidate]:
            del addresses, timeout
            return await _candidates(connection, component, ports, advertised)

        connection.get_component_candidates = candidates


async def _candidates(
    connection: Any, component: int, ports: range | None, advertised: str | None
) -> list[Candidate]:
    candidates: list[Candidate] = []
    for address in (*get_host_addresses(use_ipv4=True, use_ipv6=True), LOOPBACK):
        protocol = await _bound(connection, address, ports)
        if protocol is None:
            continue
        host, port = protocol.transport.get_extra_info("sockname")[:2]
        protocol.local_candidate = _candidate(component, host, port)
        candidates.append(protocol.local_candidate)
        connection._protocols.append(protocol)
    if not candidates:
        where = f"UDP ports {ports.start} to {ports.stop - 1}" if ports else "UDP ports"
        raise ParleyError(f"no free one of the {where}: more are needed for one more call")
    if advertised is not None:
        candidates += [
            _candidate(component, advertised, each.port)
            for each in candidates
            if each.host != LOOPBACK and ":" not in each.host
        ]
    return candidates


def _candidate(component: int, host: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=host,
        port=port,
        type="host",
    )


async def _bound(connection: Any, address: str, ports: range | None) -> StunProtocol | None:
    """A socket at an address, at some free port; None where there is none."""
    loop = asyncio.get_running_loop()
    for port in _shuffled(ports):
        try:
            _, protocol = await loop.create_datagram_endpoint(
                lambda: StunProtocol(connection), local_addr=(address, port)
            )
        except OSError:
            continue
        return protocol
    return None


def _shuffled(ports: range | None) -> Iterable[int]:
    """All ports, beginning anywhere; 0 is any that is free."""
    return (0,) if ports is None else random.sample(ports, len(ports))  # no secret
