"""Looking for words in the texts of records: what `words=` asks, and the index that finds it without looking at every row.

Each word of the question has to be somewhere in the texts, in any case, also in the middle of a word. The index holds every two
characters that stand side by side in them (`text_grams`; two, because many a name has no more): rows that have all pairs of the question
are few, and are then looked at exactly. One character alone narrows nothing. Our own functions and a plain GIN index, since pg_trgm
is not on every server, and full text finds whole words or beginnings alone. Pure: SQL as text. Never here: which columns (`RecordType.searched`), and the functions (a migration).
"""

from collections.abc import Sequence

INDEXED_OF_PEOPLE = ("name", "login")
"""The columns of people that have an index; who looks for one by name is told nothing of the login."""


def searched_text(columns: Sequence[str], row: str = "r") -> str:
    """Return the SQL of the text that is searched: the columns of `row`, one behind the other."""
    place = f"{row}." if row else ""
    return " || ' ' || ".join(f"{place}{column}" for column in columns)


def all_words_in(text: str, value: str = ":value") -> str:
    """Return the SQL predicate that each word of `value` stands in `text`."""
    return (
        rf"NOT EXISTS (SELECT FROM regexp_split_to_table(lower({value}), '\s+') AS w (word)"
        f" WHERE position(w.word IN lower({text})) = 0)"
    )


def maybe_in(columns: Sequence[str], value: str = ":value", row: str = "r") -> str:
    """Return the SQL predicate, answered by the index, of rows in which all of `value` may stand: no row is left out that has it."""
    return f"text_grams({searched_text(columns, row)}) @> word_grams({value})"


def words_in(columns: Sequence[str]) -> str:
    """Return the SQL predicate of a search for `:value` in columns of `r`."""
    return f"{maybe_in(columns)} AND {all_words_in(searched_text(columns))}"


def words_in_name(column: str) -> str:
    """Return the SQL predicate of a search for `:value` in the name of the person whom `column` of `r` names."""
    found = f"{maybe_in(INDEXED_OF_PEOPLE, row='p')} AND {all_words_in('p.name')}"
    return f"r.{column} IN (SELECT p.id FROM users AS p WHERE {found})"  # noqa: S608 - declared


def search_index(table: str, columns: Sequence[str]) -> str:
    """Return the SQL that makes the index of a table; what is still to be put in, and every search has to read beside it, stays short."""
    return f"CREATE INDEX {table}_words_idx ON {table} USING gin (text_grams({searched_text(columns, '')})) WITH (gin_pending_list_limit = 256);"
