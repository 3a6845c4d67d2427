"""Plain text as people write it: what is kept as written, what is stripped, what is refused.

Chat text is plain text: a `<` stays a `<`, and every client of ours renders it inert. NUL is refused (PostgreSQL cannot
store it); other control characters and invisible direction changes are stripped. Source: attack row M13.
"""

import re
import unicodedata

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNFIT = re.compile(
    "[\x01-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for line feed and tab
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"  # what cannot be seen and turns or hides text
)
_NOTHING = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
_FORMATS = (
    "\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_UNSEEN = re.compile(f"[{_NOTHING}]")
"""What is drawn as nothing, beside the format characters: Unicode's default ignorables, and the blanks that are not called so."""
_PERHAPS_SEEN = re.compile(rf"[^\s{_NOTHING}{_FORMATS}]")
"""What is left when blanks, those and the format characters are passed over, a long run of them in one step."""


class UnfitText(ValueError):
    """The text holds what cannot be stored, or nothing at all."""


def clean_text(text: str) -> str:
    """Return `text` without control characters and direction overrides; line feeds and tabs stay.

    Raises `UnfitText` for a NUL, a lone surrogate, or a text of which nothing visible is left.
    """
    if _UNSTORABLE.search(text):
        raise UnfitText("the text holds NUL or half a character")
    kept = _UNFIT.sub("", text)
    if not any(_is_seen(found[0]) for found in _PERHAPS_SEEN.finditer(kept)):
        raise UnfitText("the text is empty")
    return kept


def strip_unfit(text: str) -> str:
    """Return `text` as `clean_text` does, however little is left of it; NUL is the caller's to refuse."""
    return _UNFIT.sub("", text)


def _is_seen(char: str) -> bool:
    return not (char.isspace() or _UNSEEN.match(char) or unicodedata.category(char) == "Cf")


def skeleton(text: str) -> str:
    """Return what is left of a name to be told apart by: two names of one skeleton look the same but for case, width and blanks.

    Letters of different scripts that look alike stay different.
    """
    for _ in range(3):  # what was taken out may have kept apart what belongs together
        folded = unicodedata.normalize("NFKC", "".join(filter(_is_seen, text))).casefold()
        text = unicodedata.normalize("NFKC", folded)
    return "".join(filter(_is_seen, text))


def clean_name(text: str) -> str:
    """Return a one-line name: `clean_text` with every run of white space folded to one blank."""
    return " ".join(clean_text(text).split())
