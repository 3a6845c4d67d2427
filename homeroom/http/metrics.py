"""Figures for operators: the parts' own statistics, read when somebody scrapes, and a count of requests.

Nothing here runs once a delivery. The registry belongs to the instance: two servers in one process do not mix.
Never here: who may see it (`health`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

Statistics = Callable[[], Mapping[str, Any]]
CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_UNFIT = re.compile(r"[^a-z0-9_]")


class Metrics(Collector):
    """What `/metrics` shows: `sources` maps a part's name to its statistics."""

    def __init__(self, sources: Mapping[str, Statistics]) -> None:
        self._sources = sources
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        labels = ("method", "route", "status")
        self._requests = Counter("homeroom_http_requests", "HTTP requests answered", labels, registry=self._registry)
        self._seconds = Histogram(
            "homeroom_http_request_seconds", "Time to answer", ("route",), registry=self._registry, buckets=_BUCKETS
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Return the text of a scrape."""
        return generate_latest(self._registry)

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the same figures of the parts as they are, for the statistics door."""
        return {part: dict(read()) for part, read in self._sources.items()}

    def collect(self) -> Iterator[Metric]:
        """Read every part once; called by the registry at each scrape."""
        for part, read in self._sources.items():
            for name, value in _flatten(read(), f"homeroom_{_word(part)}"):
                yield _family(name, value)


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    """Name each number by the keys on the way to it; what is no number is left out."""
    for key, value in values.items():
        name = f"{prefix}_{_word(str(key))}"
        if isinstance(value, Mapping):
            yield from _flatten(value, name)
        elif isinstance(value, int | float):
            yield name, float(value)


def _family(name: str, value: float) -> Metric:
    family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    metric: Metric = family(name, name.replace("_", " "), value=value)
    return metric


def _word(text: str) -> str:
    return _UNFIT.sub("_", text.lower())
