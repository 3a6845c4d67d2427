"""Plain text as people write it: what is kept as written, what is stripped, what is refused.

Chat text is plain text: a `<` stays a `<`, and every client of ours renders it inert. NUL is refused (PostgreSQL cannot
store it); other control characters and invisible direction changes are stripped. Source: attack row M13.
"""

import re

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNFIT = re.compile(
    "[\x01-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for line feed and tab
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"  # what cannot be seen and turns or hides text
)


class UnfitText(ValueError):
    """The text holds what cannot be stored, or nothing at all."""


def clean_text(text: str) -> str:
    """Return `text` without control characters and direction overrides; line feeds and tabs stay.

    Raises `UnfitText` for a NUL, a lone surrogate, or a text of which nothing visible is left.
    """
    if _UNSTORABLE.search(text):
        raise UnfitText("the text holds NUL or half a character")
    kept = _UNFIT.sub("", text)
    if not kept.strip():
        raise UnfitText("the text is empty")
    return kept


def clean_name(text: str) -> str:
    """Return a one-line name: `clean_text` with every run of white space folded to one blank."""
    return " ".join(clean_text(text).split())
