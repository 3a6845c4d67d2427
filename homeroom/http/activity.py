"""The door of the activity feed: what happened to records, within the reader's scope, newest first.

Never here: who may see which line (the feed asks for it in SQL), and what writes lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from homeroom.http.include import IncludePeople, named
from homeroom.http.looking_back import End, Start, enumerated, other_words, said_in
from homeroom.http.old_events import our_events
from homeroom.http.rest import Desk
from homeroom.http.routes import Call, Out, Route
from homeroom.http.spellings import respell
from homeroom.http.time_span import check_span
from homeroom.protocol.ids import Id
from homeroom.protocol.paging import After, PageLimit
from homeroom.protocol.rest_json import read_query
from homeroom.records.activity import Activity, Feed, FeedQuery
from homeroom.records.directory import Directory
from homeroom.records.schema import USER
from homeroom.records.vocabulary import Vocabulary

Types = Annotated[
    str,
    Meta(
        max_length=1_000,
        pattern=r"\A(?:[A-Za-z_]{1,60}[.:][A-Za-z_]{1,60}(?:,(?=.)|\Z))*\Z",
        description="types of events, joined by commas, such as entry.created; empty: all",
        examples=["entry.created"],
    ),
]
_TARGET_WORDS = "the type of what it happened to, in the singular or the plural"


class ActivityQuery(Struct, frozen=True, kw_only=True):
    """What happened. `start` and `end` (also `from` and `to`): Unix ms, both inclusive; `actor_id` is also `changed_by`."""

    type: Types = ""
    target_type: str | UnsetType = UNSET
    target_id: Id | UnsetType = UNSET
    actor_id: Id | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    end: End | UnsetType = UNSET
    limit: PageLimit = 50
    after: After = ""
    include: IncludePeople = ""


_OTHER = other_words(ActivityQuery)


@dataclass(frozen=True, slots=True)
class ActivityDesk:
    """The desk. `directory` tells the names of people, `words` are those of all that may be told."""

    desk: Desk
    activity: Activity
    directory: Directory | None
    words: Vocabulary

    def routes(self) -> Iterable[Route]:
        """Return the door."""
        return (
            Route(
                "GET",
                "/api/activity-feed",
                "activity_feed",
                "What happened to records that concern the reader, newest first.",
                self.read,
                "activity",
                query=enumerated(ActivityQuery, "ActivityQuery", {"target_type": (self.words.types, _TARGET_WORDS)}),
                reply=Feed,
                errors=("rate_limited", "overloaded", "unavailable", "timeout"),
                raw=True,
                spellings=_OTHER,
            ),
        )

    async def read(self, call: Call) -> Out:
        """Answer a page; events may be named as the sources name them (`entry:created`)."""
        self.desk.spend(call.person, "read")
        query = read_query(respell(call.query, _OTHER), ActivityQuery)
        feed = await self.activity.page(_asked(query, self.words), call.person.caller)
        return Out(await self._with_people(feed, call) if query.include else feed)

    async def _with_people(self, feed: Feed, call: Call) -> Feed:
        """Return the page with the names of those who did something, and to whom as a user it was done."""
        targets = {line.target_id for line in feed.items if line.target_type == USER}
        ids = {line.actor_id for line in feed.items} | targets
        return replace(feed, people=await named(self.directory, call.person.caller, ids))


def _asked(query: ActivityQuery, words: Vocabulary) -> FeedQuery:
    """Return the question in the words of the wire; raises `bad_command` for what nothing is called."""
    said = said_in(query, FeedQuery)
    said["type"] = ",".join(words.event_of(word, "type") for word in our_events(query.type).split(",") if word)
    if query.target_type is not UNSET:
        said["target_type"] = words.type_of(query.target_type, "target_type")
    asked = FeedQuery(**said)
    check_span(asked.start, asked.end)
    return asked
