"""Our own files for browsers: the first page, and the page that shows the REST doors. Read once, at the start.

No script, style, font or picture comes from anywhere else, and none stands inline. Never here: what the pages do.
"""

import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from quart import Response, abort, request
from quart_trio import QuartTrio

from homeroom.http.headers import page_headers

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
INDEX = "index.html"
PAGE_PATHS = frozenset({"/", "/docs", "/docs/", "/static/{name}", "/docs/{name}"})
"""The patterns of all that is served here."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent; `tag` changes with its content."""

    body: bytes
    type: str
    tag: str


class Pages:
    """The folders and where they are served: `static` at `/` and `/static/…`, `docs` at `/docs` (to which `/docs/` leads) and `/docs/…`."""

    def __init__(self, static: Traversable, docs: Traversable) -> None:
        self._folders = {"static": read_folder(static), "docs": read_folder(docs)}

    def register(self, app: QuartTrio) -> None:
        """Add the rules; a name that is no file of ours is a 404, whatever dots and slashes it holds."""

        async def front() -> Response:
            return self._send("static", INDEX)

        async def docs() -> Response:
            return self._send("docs", INDEX)

        async def on() -> Response:
            return Response(b"", 308, {"Location": "/docs", **page_headers(request.host)})

        async def file(folder: str, name: str) -> Response:
            return self._send(folder, name)

        app.add_url_rule("/", "front", front, methods=["GET"])
        app.add_url_rule("/docs", "doors", docs, methods=["GET"])
        app.add_url_rule("/docs/", "doors_on", on, methods=["GET"])
        for folder in self._folders:
            app.add_url_rule(f"/{folder}/<path:name>", folder, file, methods=["GET"], defaults={"folder": folder})

    def _send(self, folder: str, name: str) -> Response:
        found = self._folders[folder].get(name)
        if found is None:
            abort(404)
        response = Response(found.body, 200, {**page_headers(request.host), "Cache-Control": "no-cache"})
        response.headers["Content-Type"] = found.type
        response.set_etag(found.tag)
        if request.if_none_match.contains(found.tag):
            response.status_code = 304
            response.set_data(b"")
        return response


def read_folder(folder: Traversable) -> Mapping[str, PageFile]:
    """Return all files under `folder` by their path inside it."""
    return dict(_files(folder, PurePosixPath()))


def _files(folder: Traversable, inside: PurePosixPath) -> Iterator[tuple[str, PageFile]]:
    for entry in folder.iterdir():
        place = inside / entry.name
        if entry.is_dir():
            yield from _files(entry, place)
        elif not entry.name.startswith("."):
            yield str(place), _page_file(entry.name, entry.read_bytes())


def _page_file(name: str, body: bytes) -> PageFile:
    suffix = PurePosixPath(name).suffix.lower()
    kind = TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
    return PageFile(body, kind, blake2b(body, digest_size=12).hexdigest())
