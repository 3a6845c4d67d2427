"""Making what people type fit to be kept: cleaned by `protocol.text`, or refused `bad_command` naming the field.

Never here: bounds of length and form, which stand with each field and are checked when a frame is decoded.
"""

from collections.abc import Callable

from msgspec.structs import replace

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.chat import File
from homeroom.protocol.text import UnfitText, clean_name, clean_text


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


def _fit(field: str, clean: Callable[[str], str], value: str) -> str:
    try:
        return clean(value)
    except UnfitText as unfit:
        data = {"field": field, "allowed": "visible text without NUL"}
        raise Refusal("bad_command", f"{field}: {unfit}", data=data) from None
