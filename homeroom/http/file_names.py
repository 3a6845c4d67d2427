"""Names of files as they go back to people's machines: harmless ones, whatever somebody chose. Pure.

Never here: where a file lies with us, which no name of a person's has to do with.
"""

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

LONGEST = 120
"""Letters of a name; with its ending and in UTF-8 it fits every file system."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|%]')
_DEVICES = re.compile(r"\A(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", re.IGNORECASE)
_EDGES = " .\t"


def safe_name(name: str, suffixes: Sequence[str]) -> str:
    """Return a name that is no path and no device, and that ends as its type does: `..\\evil.exe` of a picture is `_evil.exe.png`."""
    kept = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(_EDGES)
    stem, ending = kept, suffixes[0]
    for suffix in suffixes:
        if kept.lower().endswith(suffix):
            stem, ending = kept[: -len(suffix)], suffix
    stem = stem[:LONGEST].strip(_EDGES) or "file"
    return f"{'_' if _DEVICES.match(stem) else ''}{stem}{ending}"


def disposition(name: str, *, shown: bool) -> str:
    """Return the header for a safe name: `inline` when a browser may show the file, else it is saved."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    kind = "inline" if shown else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
