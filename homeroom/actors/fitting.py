"""Making what people type fit to be kept: cleaned by `protocol.text`, or refused `bad_command` naming the field.

Never here: bounds of length and form, which stand with each field and are checked when a frame is decoded.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.chat import File
from homeroom.protocol.text import UnfitText, clean_name, clean_text, strip_unfit

Datum = str | int | bool


def fit_text(field: str, value: str) -> str:
    """Return `value` as clean text of any number of lines; raises `bad_command` when nothing visible is left."""
    return _fit(field, clean_text, value)


def fit_name(field: str, value: str) -> str:
    """Return `value` as one clean line; raises `bad_command` when nothing visible is left."""
    return _fit(field, clean_name, value)


def fit_emoji(value: str) -> str:
    """Return `value` as one clean word; raises `bad_command` when it holds blanks."""
    kept = fit_name("emoji", value)
    if len(kept.split()) > 1:
        raise Refusal("bad_command", "emoji: no blanks", data={"field": "emoji", "allowed": "one emoji or short code"})
    return kept


def fit_file(file: File | None) -> File | None:
    """Return what is known of a file with its name as one clean line."""
    return file and replace(file, name=fit_name("file.name", file.name))


def fit_data(field: str, values: Mapping[str, Datum]) -> dict[str, Datum]:
    """Return a map of people's own with clean words as names, and clean texts; an empty text stays one.

    Raises `bad_command` where nothing visible is left, and for two names that are the same when they are clean.
    """
    kept = {fit_name(field, name): _fit_value(field, value) for name, value in values.items()}
    if len(kept) < len(values):
        data = {"field": field, "allowed": "each name once"}
        raise Refusal("bad_command", f"{field}: two names are the same", data=data)
    return kept


def _fit_value(field: str, value: Datum) -> Datum:
    return fit_text(field, value) if isinstance(value, str) and value else value


def fit_link(field: str, url: str) -> str:
    """Return a link as it is; raises `bad_command` when it hides or turns a part of itself."""
    if "\0" in url or strip_unfit(url) != url:
        data = {"field": field, "allowed": "no control characters, nothing that cannot be seen"}
        raise Refusal("bad_command", f"{field}: what cannot be seen in a link", data=data)
    return url


def _fit(field: str, clean: Callable[[str], str], value: str) -> str:
    try:
        return clean(value)
    except UnfitText as unfit:
        data = {"field": field, "allowed": "visible text without NUL"}
        raise Refusal("bad_command", f"{field}: {unfit}", data=data) from None
