"""The first words of a docstring, as a summary in a description: whole sentences, wherever their lines end. Pure.

Never here: which docstring.
"""

import re

_SENTENCE = re.compile(r"[.!?](?=\s|\Z)")


def summary_of(doc: str | None, otherwise: str) -> str:
    """Return the sentences that begin in the first line of `doc`, the last of them up to its end; `otherwise`, where there is none."""
    first, _, _ = (doc or otherwise).partition("\n\n")
    line, *lines = first.strip().splitlines()
    if line.endswith((".", "!", "?")):
        return line
    rest = " ".join(one.strip() for one in lines)
    end = _SENTENCE.search(rest)
    return f"{line} {rest[: end.end()] if end else rest}".strip()
