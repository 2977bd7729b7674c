"""The backend's figures as Prometheus reads them, counted in the store when they are asked for.

So they are the same whichever collector answers, and a restart loses none.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from sync.backend.health import Health

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Figures:
    """A collector of prometheus_client over one look into the store."""

    def __init__(self, health: Health, rows: int) -> None:
        self._health = health
        self._rows = rows

    def collect(self) -> Iterator[Metric]:
        """All figures."""
        found = self._health
        yield CounterMetricFamily("smk_rows_acknowledged", "Rows that the backend has, of all epochs.", self._rows)
        yield GaugeMetricFamily("smk_terminals", "Enrolled terminals.", len(found.terminals))
        yield GaugeMetricFamily("smk_quarantined_rows", "Rows that a person must see to.", found.quarantined)
        yield GaugeMetricFamily("smk_alarms", "Alarms in the books.", found.alarms)
        signs = GaugeMetricFamily("smk_terminals_with_sign", "Terminals to look at, by what is wrong.", labels=["sign"])
        for sign in sorted({sign for one in found.terminals for sign in one.signs}):
            signs.add_metric([sign], sum(sign in one.signs for one in found.terminals))
        yield signs
        yield from self._by_terminal()

    def _by_terminal(self) -> Iterator[Metric]:
        gauges = [
            ("smk_terminal_unsent_rows", "Rows that a terminal said it has and that are not here.", "unsent"),
            ("smk_terminal_unsent_fen", "Their money, in fen.", "unsent_fen"),
            ("smk_terminal_silent_minutes", "Minutes since a terminal's last message.", "silent_minutes"),
            ("smk_terminal_clock_seconds", "How far a terminal's clock was ahead of the backend's.", "clock_seconds"),
        ]
        for name, text, member in gauges:
            gauge = GaugeMetricFamily(name, text, labels=["terminal", "kind"])
            for one in self._health.terminals:
                value = getattr(one, member)
                if value is not None:
                    gauge.add_metric([one.terminal, one.kind], value)
            yield gauge


def exposition(health: Health, rows: int) -> bytes:
    """The figures in Prometheus' text format. `rows`: acknowledged ones."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(health, rows))
    return generate_latest(registry)
