import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.stdin import _Decoder, read_text
from agent.errors import ParleyError
from tests.processes import ended

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Pipe:
    """A pipe: what is written comes out of `reading`."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def write(self, data: bytes) -> None:
        os.write(self._writing, data)

    def end(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.end()
    os.close(made.reading)


async def read_all(descriptor: int) -> str:
    async with aclosing(read_text(descriptor)) as fragments:
        return "".join([fragment async for fragment in fragments])


async def test_text_comes_as_it_is_written(pipe: Pipe) -> None:
    async with aclosing(read_text(pipe.reading)) as fragments:
        for part in ("one ", "two\n", "drei — 日本語 🙂"):
            pipe.write(part.encode())
            assert await anext(fragments) == part
        pipe.end()
        with pytest.raises(StopAsyncIteration):
            await anext(fragments)


async def test_a_character_may_come_in_pieces(pipe: Pipe) -> None:
    async with aclosing(read_text(pipe.reading)) as fragments:
        pipe.write("a🙂".encode()[:3])
        assert await anext(fragments) == "a"
        pipe.write("🙂b".encode()[2:])
        assert await anext(fragments) == "🙂b"


async def test_a_file_is_read_whole(tmp_path: Path) -> None:
    text = "naïve — 日本語 🙂\n" * 20_000
    path = tmp_path / "text"
    path.write_text(text, encoding="utf-8")
    with path.open("rb") as file:
        assert await read_all(file.fileno()) == text


async def test_nothing_is_no_text(pipe: Pipe) -> None:
    pipe.end()
    assert await read_all(pipe.reading) == ""


async def test_what_precedes_a_wrong_byte_is_given(pipe: Pipe) -> None:
    pipe.write(b"caf\xc3\xa9 \xff more")
    pipe.end()
    async with aclosing(read_text(pipe.reading)) as fragments:
        assert await anext(fragments) == "café "
        with pytest.raises(ParleyError, match="stdin is not UTF-8 at byte 6: 0xff"):
            await anext(fragments)


async def test_a_text_may_not_end_within_a_character(pipe: Pipe) -> None:
    pipe.write(b"caf\xc3")
    pipe.end()
    async with aclosing(read_text(pipe.reading)) as fragments:
        assert await anext(fragments) == "caf"
        with pytest.raises(ParleyError, match="at byte 3: 0xc3"):
            await anext(fragments)


async def test_waiting_can_be_cancelled(pipe: Pipe) -> None:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_all, pipe.reading)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()


async def test_a_reader_that_is_left_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"x" * 10_000_000)
    with path.open("rb", buffering=0) as file:
        async with aclosing(read_text(file.fileno())) as fragments:
            await anext(fragments)
        assert file.tell() < 200_000


async def test_a_pipe_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.reading, False)
    async with aclosing(read_text(pipe.reading)) as fragments, anyio.create_task_group() as tasks:

        async def write() -> None:
            await anyio.wait_all_tasks_blocked()
            pipe.write(b"late")

        tasks.start_soon(write)
        assert await anext(fragments) == "late"
        pipe.end()


async def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "write_only", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(ParleyError, match="stdin cannot be read: Bad file descriptor"):
            await read_all(descriptor)
    finally:
        os.close(descriptor)


@given(st.binary(), st.data())
def test_any_bytes_in_any_pieces(data: bytes, draw: st.DataObject) -> None:
    decoder, text, at = _Decoder(), "", 0
    while at < len(data) and decoder.error is None:
        size = draw.draw(st.integers(1, 4))
        text += decoder.feed(data[at : at + size])
        at += size
    if decoder.error is None:
        try:
            decoder.finish()
        except ParleyError as error:
            decoder.error = error
    try:
        expected, failure = data.decode(), None
    except UnicodeDecodeError as error:
        expected, failure = data[: error.start].decode(), error.start
    assert text == expected
    if failure is None:
        assert decoder.error is None
    else:
        assert f"at byte {failure}:" in str(decoder.error)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_python_ends_while_the_thread_waits(backend: str) -> None:
    program = f"""
import anyio
from agent.cli.stdin import read_text
async def main():
    with anyio.move_on_after(0):
        await anext(read_text())
anyio.run(main, backend={backend!r})
print("done")
"""
    command, pipe = [sys.executable, "-c", program], subprocess.PIPE
    with ended(subprocess.Popen(command, stdin=pipe, stdout=pipe)) as process:
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b"done\n"


def test_a_closed_stdin_is_an_error() -> None:
    program = (
        "import anyio; from agent.cli.stdin import read_text; anyio.run(read_text().__anext__)"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&-', sys.executable, "-c", program],
        capture_output=True,
        check=False,
    )
    assert b"stdin is closed" in done.stderr
