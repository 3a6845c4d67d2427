"""Plain text as people write it: what is kept as written, what is stripped, what is refused.

Chat text is plain text: a `<` stays a `<`, and every client of ours renders it inert. NUL is refused (PostgreSQL cannot
store it); other control characters and invisible direction changes are stripped. Source: attack row M13.
"""

import unicodedata

_KEPT = {"\n", "\t"}
_INVISIBLE = {
    chr(c) for c in (0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
}


class UnfitText(ValueError):
    """The text holds what cannot be stored, or nothing at all."""


def clean_text(text: str) -> str:
    """Return `text` without control characters and direction overrides; line feeds and tabs stay.

    Raises `UnfitText` for a NUL, a lone surrogate, or a text of which nothing visible is left.
    """
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise UnfitText("the text holds NUL or half a character")
    kept = "".join(c for c in text if c in _KEPT or not _is_unfit(c))
    if not kept.strip():
        raise UnfitText("the text is empty")
    return kept


def clean_name(text: str) -> str:
    """Return a one-line name: `clean_text` with every run of white space folded to one blank."""
    return " ".join(clean_text(text).split())


def _is_unfit(char: str) -> bool:
    return char in _INVISIBLE or unicodedata.category(char) == "Cc"
