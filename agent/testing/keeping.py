"""Files about cases: a report in JUnit's format, and what a failed case sounded like."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from agent.audio.resample import resample
from agent.audio.wav import WavWriter
from agent.events import MICROPHONE_RATE
from agent.guards.control_characters import json_line, visible
from agent.guards.files import explained, overwrite
from agent.guards.secrets import redact, redacted
from agent.testing.judge import conversation
from agent.testing.run import Result


def write_junit(path: Path, suite: str, results: Sequence[Result]) -> None:
    """Write what came of the cases as JUnit's XML. Raises ParleyError when it cannot be."""
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(results)),
        failures=str(sum(bool(result.problems) for result in results)),
        errors="0",
        skipped="0",
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        seconds = f"{result.seconds:.3f}"
        case = ElementTree.SubElement(
            root, "testcase", classname=suite, name=_text(result.name), time=seconds
        )
        if result.problems:
            failure = ElementTree.SubElement(case, "failure", message=_text(result.problems[0]))
            failure.text = _text("\n".join(result.problems))
        said = [conversation(result.steps), *map(str, result.verdicts)]
        ElementTree.SubElement(case, "system-out").text = _text("\n".join(said))
    suites = ElementTree.Element("testsuites")
    suites.append(root)
    ElementTree.indent(suites)
    with explained(path):
        ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def keep(folder: Path, result: Result) -> list[Path]:
    """Keep the events of a case, and its sound: user left, agent right; the files' paths.

    Raises ParleyError when they cannot be written.
    """
    name = re.sub(r"[^\w-]+", "-", result.name).strip("-") or "case"
    kept = [folder / f"{name}.jsonl"]
    with explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        events = result.record.events if result.record is not None else []
        began = events[0][0] if events else 0.0
        lines = [json_line(redacted({"t": round(t - began, 4), **e.record()})) for t, e in events]
        with os.fdopen(overwrite(kept[0], private=True), "w", encoding="utf-8") as log:
            log.writelines(f"{line}\n" for line in lines)
    if result.user is not None and result.agent is not None:
        kept.append(folder / f"{name}.wav")
        user = resample(result.user, MICROPHONE_RATE, result.rate)
        both = np.zeros((max(len(user), len(result.agent)), 2), np.float32)
        both[: len(user), 0] = user
        both[: len(result.agent), 1] = result.agent
        with WavWriter(kept[1], result.rate, 2, private=True) as file:
            file.write(both)
    return kept


def _text(text: str) -> str:
    """What XML can hold."""
    return re.sub(r"[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", visible(redact(text)))
