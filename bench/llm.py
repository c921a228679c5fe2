"""Cost of the adapter `openai` against the bare client of the `openai` package, in one run.

    python -m bench.llm [--replies 20] [--tokens 200]

A server of its own, in a process of its own, streams replies that both read in turns. Two things
are measured. Latency: a token every 2 ms says when it was sent; the clock of both processes is the
same. Cost: tokens as fast as they come; the time of a reply, by the number of its tokens. With the
bare client a token is read as its documentation reads it. The bar is 0.1 ms p50 of added latency.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from time import perf_counter

import anyio
import openai
from anyio.abc import ByteStream

from llm_adapters import Message, TextDelta
from llm_adapters.openai.adapter import OpenAI

BAR = 0.1
"""Milliseconds."""
WARM_UP = 2
"""Replies that are not counted."""
PACE = 0.002
"""Seconds between tokens where latency is measured."""

Tokens = Callable[[str], AsyncIterator[str]]
"""The texts of a reply by a model: `paced` or `fast`."""


def main() -> int:
    """Print the table; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replies", type=int, default=20, help="of each kind (default 20)")
    parser.add_argument("--tokens", type=int, default=200, help="in a reply (default 200)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        anyio.run(_serve, options.tokens)
        return 0
    command = [sys.executable, "-m", "bench.llm", "--serve", "--tokens", str(options.tokens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        try:
            return anyio.run(_measure, url, options.replies)
        finally:
            server.terminate()


async def _measure(url: str, replies: int) -> int:
    llm = OpenAI(model="any", base_url=url, api_key="none")
    await llm.load()
    async with openai.AsyncOpenAI(api_key="none", base_url=url) as client:

        async def adapter(model: str) -> AsyncIterator[str]:
            async with aclosing(llm.reply([Message("user", model)])) as reply:
                async for item in reply:
                    if isinstance(item, TextDelta):
                        yield item.text

        async def bare(model: str) -> AsyncIterator[str]:
            stream = await client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": model}], stream=True
            )
            async for chunk in stream:
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    yield text

        latency: dict[str, list[float]] = {"adapter": [], "bare client": []}
        cost: dict[str, list[float]] = {"adapter": [], "bare client": []}
        for number in range(WARM_UP + replies):
            for name, tokens in (("adapter", adapter), ("bare client", bare)):
                late = await _latency(tokens)
                spent = await _cost(tokens)
                if number >= WARM_UP:
                    latency[name] += late
                    cost[name].append(spent)
    await llm.aclose()
    print(f"{'milliseconds a token':30}  {'p50':>7}  {'p99':>7}")
    for name, values in latency.items():
        _row(f"sent until read, {name}", values)
    for name, values in cost.items():
        _row(f"time to read, {name}", values)
    added = statistics.median(latency["adapter"]) - statistics.median(latency["bare client"])
    print(f"added by the adapter, p50: {added:+.3f} ms (bar: {BAR} ms)")
    return 0 if added <= BAR else 1


async def _latency(tokens: Tokens) -> list[float]:
    """Milliseconds from the sending of each token to its reading."""
    return [(perf_counter() - float(text)) * 1000 async for text in tokens("paced")]


async def _cost(tokens: Tokens) -> float:
    """Milliseconds that a token takes when the server never waits."""
    began = perf_counter()
    count = 0
    async for _ in tokens("fast"):
        count += 1
    return (perf_counter() - began) * 1000 / count


def _row(name: str, values: list[float]) -> None:
    p99 = statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]
    print(f"{name:30}  {statistics.median(values):7.3f}  {p99:7.3f}")


async def _serve(tokens: int) -> None:
    """Answer every request with so many tokens; the port is printed."""

    async def answer(stream: ByteStream) -> None:
        async with stream:
            try:
                while True:
                    await _reply(stream, tokens)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        print(listener.extra(anyio.abc.SocketAttribute.local_port), flush=True)
        await listener.serve(answer)


async def _reply(stream: ByteStream, tokens: int) -> None:
    """One request, which comes whole, and its answer: chunked, an event a chunk."""
    request = b""
    while not request.endswith(b"}"):
        request += await stream.receive()
    paced = b"paced" in request
    await stream.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for _ in range(tokens):
        if paced:
            await anyio.sleep(PACE)
        # As long as what servers really send.
        event = (
            'data: {"id": "chatcmpl-0123456789abcdef", "object": "chat.completion.chunk", '
            '"created": 1700000000, "model": "any", "choices": [{"index": 0, "delta": '
            f'{{"content": "{perf_counter():.7f}"}}, "finish_reason": null}}]}}\n\n'
        )
        await stream.send(f"{len(event):x}\r\n{event}\r\n".encode())
    end = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    await stream.send(f"{len(end):x}\r\n{end}\r\n0\r\n\r\n".encode())


if __name__ == "__main__":
    sys.exit(main())
