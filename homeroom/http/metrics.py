"""Figures for operators: the parts' own statistics, read when somebody scrapes, and a count of requests.

Nothing here runs once a delivery. The registry belongs to the instance: two servers in one process do not mix.
Never here: who may see it (`health`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from homeroom.http.figures import LABELS, find_figure

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
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        key = method if method in METHODS else "other", route, status
        children = self._children.get(key)
        if children is None:  # finding one by its labels costs more than counting
            found = self._requests.labels(key[0], route, str(status)), self._seconds.labels(route)
            children = self._children[key] = found
        children[0].inc()
        children[1].observe(seconds)

    def render(self) -> bytes:
        """Return the text of a scrape."""
        return generate_latest(self._registry)

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the same figures of the parts as they are, for the statistics door."""
        return {part: dict(read()) for part, read in self._sources.items()}

    def collect(self) -> Iterator[Metric]:
        """Read every part once; called by the registry at each scrape."""
        families: dict[str, Metric] = {}
        for part, read in self._sources.items():
            for sample in flatten(read(), _word(part)):
                _add(families, sample)
        yield from families.values()


class Sample(NamedTuple):
    """One number: the way to it through the statistics, and its label, if a map on the way has keys that are no names."""

    way: str
    value: float
    label: tuple[str, str] | None


def flatten(values: Mapping[str, Any], way: str, label: tuple[str, str] | None = None) -> Iterator[Sample]:
    """Name each number by the keys on the way to it; what is no number is left out."""
    labelled = LABELS.get(way) if label is None else None
    for key, value in values.items():
        inside = way if labelled else f"{way}.{_word(str(key))}"
        mark = (labelled, str(key)) if labelled else label
        if isinstance(value, Mapping):
            yield from flatten(value, inside, mark)
        elif isinstance(value, int | float):
            yield Sample(inside, float(value), mark)


def _add(families: dict[str, Metric], sample: Sample) -> None:
    family = families.get(sample.way)
    if family is None:
        figure = find_figure(sample.way)
        make = CounterMetricFamily if figure.grows else GaugeMetricFamily
        name = f"homeroom_{sample.way.replace('.', '_')}"
        family = families[sample.way] = make(name, figure.words, labels=[sample.label[0]] if sample.label else [])
    family.add_metric([sample.label[1]] if sample.label else [], sample.value)  # type: ignore[attr-defined]  # of each kind


def _word(text: str) -> str:
    return _UNFIT.sub("_", text.lower())
