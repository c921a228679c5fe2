"""How people find talking to the agent: `python -m bench.duplex [--json FILE] [--pictures DIR]`.

An offline clone of what Full-Duplex-Bench asks of a voice agent, with real speech (flite's
voices, made here) through the real voice detector, the real turn-taking and the real playback, in
a simulated room on a virtual clock. The models cost nothing and know the scene, so all that is
measured is when the agent speaks and when it does not:

- turn: a question; does the agent answer, and how soon after the last loud sample?
- pause: a pause of 0.3 to 1.2 s in the middle of a sentence; does the agent burst in?
- interruption: in the middle of a long answer; is the agent softer, then silent, and how soon?
- backchannel, noise (cough, keyboard, door, fan), no words (a laugh), side talk: the same, and
  the agent should go on;
- steady noise (fan, hum, rain …), from before the question, switched on in the reply, in bursts:
  the same, with `side_talk: hear`, or its level would decide; over noise: an interruption that
  is 5 dB louder than one of them;
- side talk as loud as the user, or when the agent has finished; an interruption 10 dB softer;
- household: what else people say to one another, and to the agent, as loud as the user;
  television, 6 dB softer;
- monologue, with an echo: nobody says anything; does the agent interrupt itself?

Turns end by the words alone, or with an oracle besides that errs as often as Smart-Turn v3. An
echo is the agent's voice, late, softer and with the room's reverberation, in the microphone.

`--devices` plays some of it in real time through PulseAudio.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import anyio
import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.full_duplex import beside, scenes
from bench.full_duplex.performance import Performance, Setting, perform
from bench.full_duplex.picture import draw
from bench.full_duplex.scenes import EchoPath, Scene
from bench.full_duplex.score import Score, score
from bench.full_duplex.summary import Row, Scored, rows

ECHOES = (EchoPath(0.06, -6), EchoPath(0.18, -20))
SEEDS = 3
"""How often the oracle is asked anew."""

Task = tuple[Scene, Setting]


def tasks(
    kinds: Sequence[str], items: int | None, echoes: Sequence[EchoPath], minutes: float
) -> Iterator[Task]:
    """Everything that is to be played, set by set, `items` of each or all."""
    sets = {
        "turn": scenes.turns,
        "pause": scenes.pauses,
        "interruption": scenes.interruptions,
        "backchannel": scenes.backchannels,
        "noise": beside.noises,
        "steady noise": beside.steady_noises,
        "over noise": beside.over_noise,
        "no words": beside.wordless,
        "side talk": beside.side_talk,
        "loud side talk": beside.loud_side_talk,
        "side talk in silence": beside.side_talk_in_silence,
        "soft interruption": beside.soft_interruptions,
        "household": beside.household,
        "television": beside.television,
        "household, for the agent": beside.household_for_the_agent,
    }
    for kind, make in sets.items():
        if kind in kinds:
            for setting in _settings(kind, echoes):
                yield from ((scene, setting) for scene in make()[:items])
    if "monologue" in kinds:
        for echo in echoes:
            setting = Setting("words", echo)
            yield from ((scene, setting) for scene in scenes.monologues(60 * minutes))


def _settings(kind: str, echoes: Sequence[EchoPath]) -> list[Setting]:
    """What a set is played with, where that may change what comes of it: each takes minutes."""
    if kind == "steady noise":  # its level, below the user's, is not to decide
        hear = (("interruption.side_talk", "hear"),)
        return [Setting("words", partials=partials, config=hear) for partials in (True, False)]
    if kind == "loud side talk":
        return [Setting("words"), *(Setting("words", echo) for echo in echoes)]
    if kind in ("side talk in silence", "soft interruption", *scenes.HOUSEHOLD):
        return [Setting("words")]
    if kind == "over noise":
        return [Setting("words", partials=partials) for partials in (True, False)]
    seeds = range(SEEDS if kind in ("turn", "pause") else 1)
    return [
        Setting("words"),
        *(Setting("smart_turn", seed=seed) for seed in seeds),
        *(Setting("words", echo) for echo in echoes),
    ]


def on_devices(todo: Sequence[Task]) -> list[Scored]:
    """Play what makes a difference there, one after the other: each takes as long as it is."""
    from bench.full_duplex.cards import perform_on_cards, sound_cards

    scored = []
    with sound_cards() as cards:
        for scene, setting in todo:
            real = replace(setting, devices=True)
            performance = anyio.run(perform_on_cards, scene, real, cards)
            scored.append((performance, score(performance)))
    return scored


def play(task: Task) -> Scored:
    """Play and score one scene."""
    performance = perform(*task)
    return performance, score(performance)


def print_table(table: Sequence[Row], console: Console) -> None:
    """One line per number."""
    view = Table("set", "with", "items", "measure", "value", "bar", "")
    last = ("", "")
    for row in table:
        head = (row.kind, row.setting)
        shown = (row.kind, row.setting, str(row.items)) if head != last else ("", "", "")
        last = head
        value = "–" if row.value is None else f"{row.value:.1f} {row.unit}".rstrip()
        mark = {None: "", True: "✓", False: "✗"}[row.reached]
        bar = "" if row.bar is None else f"{row.bar} {row.unit}".rstrip()
        view.add_row(*shown, row.measure, value, bar, mark)
    console.print(view)


def main() -> None:
    """Play, print one table, write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=list(scenes.KINDS), choices=scenes.KINDS)
    parser.add_argument("--items", type=int, help="of each set (default: all; 3 on devices)")
    parser.add_argument("--no-echo", action="store_true", help="only rooms without an echo")
    parser.add_argument("--minutes", type=float, default=10, help="of monologue (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (%(default)s)")
    parser.add_argument(
        "--with", nargs="*", default=[], metavar="KEY=VALUE", dest="config", help="for tuning"
    )
    parser.add_argument("--devices", action="store_true", help="in real time, through PulseAudio")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    parser.add_argument("--pictures", type=Path, help="draw every scene into this folder")
    args = parser.parse_args()

    console = Console(width=110)
    pairs = (item.split("=", 1) for item in args.config)
    config = tuple((key, yaml.safe_load(value)) for key, value in pairs)
    if args.devices:
        few = tasks(args.sets, args.items or 3, (), 0)
        todo = [(scene, setting) for scene, setting in few if setting.judge == "words"]
    else:
        echoes = () if args.no_echo else ECHOES
        todo = list(tasks(args.sets, args.items, echoes, args.minutes))
    todo = [(scene, replace(setting, config=setting.config + config)) for scene, setting in todo]
    if args.devices:
        scored = on_devices(todo)
    else:
        with ProcessPoolExecutor(args.jobs) as pool:
            played = pool.map(play, todo, chunksize=4)
            scored = list(track(played, "playing", len(todo), console=Console(stderr=True)))
    table = rows(scored)
    print_table(table, console)
    if args.pictures:
        for performance, result in scored:
            draw(performance, result, args.pictures)
    if args.json:
        numbers = {"rows": [row.record() for row in table], "scenes": [_record(*s) for s in scored]}
        args.json.write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")


def _record(performance: Performance, result: Score) -> dict[str, object]:
    scene = performance.scene
    about = {"set": scene.kind, "scene": scene.name, "with": performance.setting.name}
    return {**about, "seed": performance.setting.seed, **asdict(result)}


if __name__ == "__main__":
    main()
