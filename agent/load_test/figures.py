"""The figures of a load test: percentiles, gaps, failures, cost."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.load_test.caller import Turn
from agent.load_test.run import LoadTest

PERCENTILES = (50, 90, 99, 100)
"""The last is the worst."""


class Figures:
    """What a load test has found so far."""

    def __init__(self, test: LoadTest) -> None:
        self._test = test
        self.turns: list[Turn] = [turn for caller in test.callers for turn in caller.turns]
        self.answered = [turn.answered for turn in self.turns if turn.answered is not None]
        self.silenced = [turn.silenced for turn in self.turns if turn.silenced is not None]
        self.gaps = [gap for turn in self.turns if turn.reply for gap in turn.reply.gaps]

    def failures(self) -> Counter[str]:
        """Return what went wrong, and how often."""
        problems = [turn.problem for turn in self.turns if turn.problem]
        errors = [f"the server: {error}" for each in self._test.callers for error in each.errors]
        return Counter([*self._test.broken, *problems, *errors])

    def table(self) -> Table:
        """Return the rows for people; times in milliseconds."""
        test = self._test
        table = Table("milliseconds", "how many", *(f"p{each}" for each in PERCENTILES[:-1]))
        table.add_column("worst")
        for column in table.columns[1:]:
            column.justify = "right"
        late = [each for caller in test.callers for each in caller.late]
        for name, times in (
            ("speech end → first audio", self.answered),
            ("barge-in → silence", self.silenced),
            ("gaps inside replies", self.gaps),
            ("sent late by this computer", late),
        ):
            table.add_row(name, str(len(times)), *_percentiles(times))
        return table

    def lines(self) -> list[Text]:
        """Return what there is to say beside the table, line by line."""
        test = self._test
        late = sum(turn.too_late for turn in self.turns)
        whole = sum(caller.finished for caller in test.callers)
        rows = [
            f"{whole} of {test.conversations} conversations to their end, {len(self.answered)} of "
            f"{test.conversations * test.turns} turns answered, in {test.seconds:.0f} s",
        ]
        if late:
            rows.append(
                f"{late} barge-in{'' if late == 1 else 's'} noticed only when the answer was over"
            )
        if test.seconds and test.callers:
            rows += self._cost()
        failures = [f"{count} × {what}" for what, count in self.failures().most_common()]
        return [*map(Text, rows), *(Text(each, style="red") for each in failures)]

    def _cost(self) -> list[str]:
        test = self._test
        share = 100 / test.seconds
        rows = []
        if test.server_seconds is not None:
            each = test.server_seconds * share / len(test.callers)
            cores = test.server_seconds / test.seconds
            rows.append(f"server    {cores:.2f} cores, {each:.1f} % of one a conversation")
        rows.append(f"this test {test.own_seconds / test.seconds:.2f} cores")
        return rows


def _percentiles(times: Sequence[float]) -> list[str]:
    if not times:
        return [""] * len(PERCENTILES)
    return [f"{1000 * each:.0f}" for each in np.percentile(times, PERCENTILES)]
