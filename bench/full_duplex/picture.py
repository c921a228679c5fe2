"""A scene as a picture: who sounded when, how loud the agent was, and what was decided."""

from pathlib import Path
from typing import Any

import numpy as np

from agent.events import AssistantInterrupted, AssistantResumed, Decision, TurnCommitted
from bench.full_duplex.listening import FRAME
from bench.full_duplex.performance import Performance
from bench.full_duplex.score import Score
from bench.full_duplex.voices import RATE, Float32

_USER, _AGENT, _MARK = "#2563eb", "#d97706", "#6b7280"


def draw(performance: Performance, result: Score, folder: Path) -> Path:
    """Write `<set> <scene> <setting>.png` into the folder, and say which."""
    # Not pyplot, which keeps every figure and looks for a screen.
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(13, 5), layout="constrained")
    user, agent, decisions = figure.subplots(3, sharex=True, height_ratios=(2, 2, 3))
    _wave(user, performance.user, _USER, "user")
    _wave(agent, performance.agent, _AGENT, "agent")
    for placed in performance.placed:
        about = placed.act.sound.text or performance.scene.trait
        user.annotate(about, (placed.begin, 0.95), (0, 0), textcoords="offset points", va="top")
        for axis in (user, agent, decisions):
            axis.axvspan(placed.begin, placed.end, color=_USER, alpha=0.07)
    for stretch in performance.heard:
        times = stretch.begin + np.arange(len(stretch.gains)) * FRAME / RATE
        agent.plot(times, np.clip(stretch.gains, 0, 1), color=_MARK, linewidth=0.8)
    _decide(decisions, performance)
    decisions.set_xlabel("seconds")
    scene = performance.scene
    figure.suptitle(f"{scene.kind}: {scene.name}, {performance.setting.name} ({_brief(result)})")
    path = folder / f"{scene.kind} {scene.name} {performance.setting.name}.png".replace("/", " ")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    return path


def _wave(axis: Any, pcm: Float32, color: str, name: str) -> None:
    """The peaks of every 10 ms, the loudest of them as high as the picture."""
    size = RATE // 100
    peaks = np.abs(pcm[: len(pcm) // size * size]).reshape(-1, size).max(axis=1)
    peaks /= max(float(peaks.max()), 0.02)
    axis.fill_between(np.arange(len(peaks)) * size / RATE, -peaks, peaks, color=color, linewidth=0)
    axis.set_ylim(-1.05, 1.05)
    axis.set_yticks([])
    axis.set_ylabel(name)


def _decide(axis: Any, performance: Performance) -> None:
    """The decisions and what they did, in lines below each other so that they can be read."""
    lines = 7
    axis.set_ylim(-lines, 0.2)
    axis.set_yticks([])
    axis.set_ylabel("decisions")
    number = 0
    for time, event in performance.events:
        match event:
            case Decision(what=what, why=why, certainty=certainty):
                sure = "" if certainty is None else f" ({certainty:.2f})"
                text = f"{what}{sure}: {why}"
            case TurnCommitted(text=said):
                text = f"turn: “{said}”"
            case AssistantInterrupted(heard=heard):
                text = f"heard: “… {heard[-30:]}”"
            case AssistantResumed():
                text = "resumed"
            case _:
                continue
        y = -(number % lines) - 0.6
        axis.axvline(time, color=_MARK, linewidth=0.5)
        axis.annotate(text[:60], (time, y), (3, 0), textcoords="offset points", fontsize=7)
        number += 1


def _brief(result: Score) -> str:
    parts = ["takeover" if result.takeover else "no takeover"]
    times = {"response": result.response, "duck": result.duck, "stop": result.stop}
    parts += [f"{name} {1000 * t:.0f} ms" for name, t in times.items() if t is not None]
    if result.stopped and result.lost is False:
        parts.append("resumed")
    if not result.context:
        parts.append("history is not what was heard")
    return ", ".join(parts)
