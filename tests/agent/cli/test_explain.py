"""One line per decision, and why."""

from io import StringIO

import pytest
import trio.testing
from anyio import sleep
from rich.console import Console

from agent.cli import main as cli
from agent.cli.explain import Explain
from agent.config.load import Config
from agent.events import Decision, TurnCommitted

VIRTUAL = ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [VIRTUAL])
async def test_a_line_says_when_what_how_surely_and_why() -> None:
    out = StringIO()
    explain = Explain(Console(file=out, width=40, highlight=False))
    await sleep(1.25)
    explain(Decision(2, "speculate", "'what [is] it'"))
    explain(TurnCommitted(2, "what is it"))  # no decision: no line
    await sleep(62)
    explain(Decision(2, "commit", "0.15 s of silence: a question", 0.853))
    assert out.getvalue().splitlines() == [
        "    1.25 s  turn 2   speculate         'what [is] it'",
        "   63.25 s  turn 2   commit      0.85  0.15 s of silence: a question",
    ]


@pytest.mark.parametrize("options", [[], ["--explain"]])
def test_talk_explains_when_asked_to(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    async def talk(_: Config, *, explain: bool, **__: object) -> None:
        asked.append(explain)

    monkeypatch.setattr("agent.cli.live.talk", talk)
    assert cli.main(["talk", "offline", *options]) == 0
    assert asked == [bool(options)]
