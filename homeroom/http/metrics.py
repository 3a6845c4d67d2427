"""Figures for operators: the parts' own statistics, read when somebody scrapes, and a count of requests.

Nothing here runs once a delivery. The text of a scrape is written piece by piece, so that nobody waits for it, and once a second at
the most, whoever asks. The counters belong to the instance: two servers in one process do not mix.
Never here: who may see it (`health`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import trio
from prometheus_client import Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from homeroom.http.figures import LABELS, find_figure

Statistics = Callable[[], Mapping[str, Any]]
CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_UNFIT = re.compile(r"[^a-z0-9_]")
KEPT_S = 1.0
"""How long the text of a scrape serves all who ask."""
TOGETHER = 4
"""Routes that are written in one go."""
_REQUESTS, _SECONDS = "homeroom_http_requests", "homeroom_http_request_seconds"
_LABELS = ("method", "route", "status")


class Metrics:
    """What `/metrics` shows: `sources` maps a part's name to its statistics."""

    def __init__(self, sources: Mapping[str, Statistics]) -> None:
        self._sources = sources
        self._process = ProcessCollector(registry=None)
        self._requests = Counter(_REQUESTS, "HTTP requests answered", _LABELS, registry=None)
        self._seconds = Histogram(_SECONDS, "Time to answer", ("route",), registry=None, buckets=_BUCKETS)
        self._writing = trio.Lock()
        self._text, self._until = b"", -inf
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

    async def scrape(self) -> bytes:
        """Return the text of a scrape, not older than `KEPT_S`."""
        async with self._writing:
            if trio.current_time() >= self._until:
                pieces = []
                for piece in self._pieces():
                    pieces.append(piece)
                    await trio.lowlevel.checkpoint()
                self._text, self._until = b"".join(pieces), trio.current_time() + KEPT_S
            return self._text

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the same figures of the parts as they are, for the statistics door."""
        return {part: dict(read()) for part, read in self._sources.items()}

    def _pieces(self) -> Iterator[bytes]:
        """Yield the text, each piece of it soon written: the parts, each read once, the process, and the requests."""
        for part, read in self._sources.items():
            yield _written(_families(part, read()))
        yield _written(self._process.collect())
        yield from _written_together(self._counted())
        yield from _written_together(self._timed())

    def _counted(self) -> Iterator[Metric]:
        """Yield what was counted, some routes at a time."""
        rows = [(key, counter) for key, (counter, _) in self._children.items()]
        for some in _some(rows):
            family = CounterMetricFamily(_REQUESTS, "HTTP requests answered", labels=_LABELS)
            for (method, route, status), counter in some:
                family.add_metric((method, route, str(status)), _samples(counter)[0].value)
            yield family

    def _timed(self) -> Iterator[Metric]:
        """Yield the times, some routes at a time."""
        rows = list({route: histogram for (_, route, _), (_, histogram) in self._children.items()}.items())
        for some in _some(rows):
            family = HistogramMetricFamily(_SECONDS, "Time to answer", labels=("route",))
            for route, histogram in some:
                samples = _samples(histogram)
                buckets = [(sample.labels["le"], sample.value) for sample in samples if sample.name.endswith("_bucket")]
                total = next(sample.value for sample in samples if sample.name.endswith("_sum"))
                family.add_metric((route,), buckets, total)
            yield family


class _Given(Collector):
    """Families that are there."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def _written(families: Iterable[Metric]) -> bytes:
    return generate_latest(_Given(families))


def _written_together(families: Iterable[Metric]) -> Iterator[bytes]:
    """Yield the text of one family that comes in several: its words stand before the first of them only."""
    for number, family in enumerate(families):
        text = _written([family])
        yield text.split(b"\n", 2)[2] if number else text


def _some(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield a few rows at a time, and none at least once."""
    for start in range(0, max(1, len(rows)), TOGETHER):
        yield rows[start : start + TOGETHER]


def _samples(child: Counter | Histogram) -> Sequence[Any]:
    (family,) = child.collect()
    return family.samples


def _families(part: str, values: Mapping[str, Any]) -> Iterable[Metric]:
    """Return what a part says of itself."""
    families: dict[str, Metric] = {}
    for sample in flatten(values, _word(part)):
        _add(families, sample)
    return families.values()


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
