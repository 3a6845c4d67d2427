"""Texts with markup on their way in: what is left of them is harmless to whoever reads them, by a list of what is allowed. Pure.

Pictures come from the school's own uploads alone: one from elsewhere would tell its owner who reads the text, and when.
What sanitising takes grows with the square of the depth to which tags are nested, so there is a most of them. Never here: threads
(`sanitising`), and texts that hold no markup (`protocol.text`).
"""

import re
from collections.abc import Mapping

import nh3

TAGS_MOST = 2_000
"""Of `<` in one text: as many, nested as badly as can be, take some 12 ms; without a bound, the longest text takes 170."""
LIGHT_CHARACTERS, LIGHT_TAGS = 4_000, 200
"""Up to these a text is sanitised in under half a millisecond, less than it costs the others to have it done elsewhere."""

_MARKED = re.compile("[<>&\u00a0]")
"""All that the sanitiser writes in another way: a text without any comes out as it went in."""
_OWN_PICTURE = re.compile(r"/api/uploads/[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}(?:/content)?")
_ATTRIBUTES: Mapping[str, set[str]] = {**nh3.ALLOWED_ATTRIBUTES, "img": nh3.ALLOWED_ATTRIBUTES["img"] - {"src"}}


def is_marked(text: str) -> bool:
    """Tell whether sanitising could change a text that has been cleaned (`protocol.text`)."""
    return _MARKED.search(text) is not None


def is_light(text: str) -> bool:
    """Tell whether sanitising takes less than half a millisecond."""
    return len(text) <= LIGHT_CHARACTERS and text.count("<") <= LIGHT_TAGS


def has_too_many_tags(text: str) -> bool:
    """Tell whether a text has more tags than anybody needs who does not want to keep others waiting."""
    return text.count("<") > TAGS_MOST


def sanitise(text: str) -> str:
    """Return what may be shown of a text; the interpreter is free for others meanwhile, so that a thread of its own helps them."""
    own = set(_OWN_PICTURE.findall(text))
    return nh3.clean(text, attributes=dict(_ATTRIBUTES), tag_attribute_values={"img": {"src": own}} if own else None)
