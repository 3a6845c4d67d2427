"""How a queue is run: made, edited, staffed, opened and closed, by hand and by its weekly hours.

The hours act at the moments at which a stretch of them begins and ends, by one durable deadline for the next such moment. What was
done by hand in between stands until the next one: whoever closes early is not opened again by the same stretch, whoever opens
early is closed at its end. A moment that passed while the server was down counts when it is back.
Never here: entries, but for those that a closing or a list sends away.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs

from homeroom.actors.fitting import fit_name, fit_text
from homeroom.actors.hours import check_hours, covering, latest_end, next_change
from homeroom.actors.queue_line import Here, key_of, returned, settle, sorted_by
from homeroom.actors.queue_notices import tell_dismissed
from homeroom.actors.queue_places import depart
from homeroom.actors.queue_talks import LEASE
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Refusal, Tell
from homeroom.protocol import queue_events as said
from homeroom.protocol.access import ADMINS
from homeroom.protocol.hours import Hours
from homeroom.protocol.ids import is_made
from homeroom.protocol.queue import (
    ASSISTANTS_MAX,
    LISTED_MAX,
    Announce,
    Appoint,
    Close,
    Create,
    Edit,
    Enlist,
    EntryId,
    Open,
    Reopen,
    Retire,
    Schedule,
    Settings,
    Strike,
)
from homeroom.protocol.queue_hall import Enrol, Withdraw

HOURS, EXPIRE = "hours", "expire"
LEFTOVER_MS = 4 * 3_600_000
"""So long after closing those still in line are sent away."""
_FURTHER = "a further one is made by PUT /api/office-hours/{id}, its id 26 of a-z 2-7 that nobody guesses"


def create(here: Here, command: Create, context: Context) -> Decision:
    """Make the queue, closed; `conflict` when it exists, `forbidden` under an id that may be another person's."""
    if here.shown.created:
        raise Refusal("conflict", f"the queue {here.id} exists: {_FURTHER}")
    if here.id != context.caller.user and not is_made(here.id) and context.caller.role not in ADMINS:
        raise Refusal("forbidden", f"the first is made under your own id, POST /api/office-hours; {_FURTHER}")
    asked = structs.asdict(command)
    settings = Settings(**{**asked, "title": fit_name("title", command.title)})
    caller = context.caller
    event = said.Created(settings, caller.user, caller.name[:200])
    return Decision((event,), tells=_enrol(here, settings, context.seq))


def edit(here: Here, command: Edit, context: Context) -> Decision:
    """`conflict` for another mode or group while anybody has an entry; another order moves the line, and says so."""
    was = here.shown.settings
    asked = {name: value for name, value in structs.asdict(command).items() if value is not None}
    if "title" in asked:
        asked["title"] = fit_name("title", asked["title"])
    settings = structs.replace(was, **asked)
    if settings == was:
        return NOTHING
    if here.shown.entries and (settings.mode, settings.exclusive) != (was.mode, was.exclusive):
        raise Refusal("conflict", "somebody has an entry: mode and group stay until nobody has")
    events: tuple[Any, ...] = (said.Edited(settings),)
    if settings.order != was.order and here.shown.entries:
        events = (*events, sorted_by(here.memory, settings.order))
    moved = settings.exclusive != was.exclusive
    tells = (*_withdraw(here, was), *_enrol(here, settings, context.seq)) if moved else ()
    return settle(here, context, events, tells=tells)


def appoint(here: Here, command: Appoint, context: Context) -> Decision:
    """`full` at `ASSISTANTS_MAX`; `conflict` for who stands in line; who helps already, and the owner, need no appointment."""
    if command.user in here.shown.assistants or command.user == here.shown.owner:
        return NOTHING
    if len(here.shown.assistants) >= ASSISTANTS_MAX:
        raise Refusal("full", f"{ASSISTANTS_MAX} people help already")
    if here.memory.entry_of(command.user) is not None:
        raise Refusal("conflict", "whoever stands in line must leave it first")
    return Decision((said.Appointed(command.user, command.name and fit_name("name", command.name)),))


def retire(here: Here, command: Retire, context: Context) -> Decision:
    """Give back what the assistant had claimed; its conversations go on. `not_found` for who does not help."""
    if command.user not in here.shown.assistants:
        raise Refusal("not_found", "no such assistant")
    places = here.shown.entries.items()
    claimed = [e for e, place in places if place.status == "claimed" and place.assistant == command.user]
    events: list[Any] = [said.Retired(command.user)]
    events += give_back(here, claimed, "assistant_retired")
    timers = [Disarm(LEASE + entry) for entry in claimed]
    listed = here.shown.settings.audience == "open" or command.user in here.memory.listed
    return settle(here, context, events, timers=timers, evict=() if listed else (command.user,))


def give_back(here: Here, claimed: list[EntryId], why: said.Why) -> list[said.Returned]:
    """Return the events that put several claimed entries back at their places, each counted after those before it."""
    back = [returned(here, entry, why) for entry in sorted(claimed, key=lambda entry: key_of(here.memory, entry))]
    return [structs.replace(event, position=event.position + earlier) for earlier, event in enumerate(back)]


def enlist(here: Here, command: Enlist, context: Context) -> Decision:
    """`full` beyond `LISTED_MAX`; who is on the list already is nothing."""
    new = tuple(user for user in dict.fromkeys(command.users) if user not in here.memory.listed)
    if len(here.memory.listed) + len(new) > LISTED_MAX:
        raise Refusal("full", f"the list holds {LISTED_MAX}")
    return Decision((said.Enlisted(new),)) if new else NOTHING


def strike(here: Here, command: Strike, context: Context) -> Decision:
    """Take students off the list, with their entries; a conversation that goes on is left to its end."""
    gone = tuple(user for user in dict.fromkeys(command.users) if user in here.memory.listed)
    if not gone:
        return NOTHING
    struck = (said.Struck(gone),)
    if here.shown.settings.audience == "open":
        return Decision(struck)
    owned = [here.memory.entry_of(user) for user in gone]
    entries = tuple(entry for entry in owned if entry and here.shown.entries[entry].status != "admitted")
    helpers = {here.shown.owner, *here.shown.assistants}
    evict = tuple(user for user in gone if user not in helpers)
    return depart(here, context, entries, "removed", before=struck, evict=evict)


def schedule(here: Here, command: Schedule, context: Context) -> Decision:
    """`bad_command` for an unknown zone or hours without length. A stretch that has begun already is not made up for."""
    check_hours(command.hours)
    if command.hours == here.shown.hours:
        return NOTHING
    return Decision((said.Scheduled(command.hours),), timers=(_arm(command.hours, context.now),))


# --- opening and closing


def open_(here: Here, command: Open | Reopen, context: Context) -> Decision:
    """Open by hand; `conflict` for reopening what never was open. What is open already is nothing."""
    again = isinstance(command, Reopen)
    if again and not here.memory.opened:
        raise Refusal("conflict", "the queue was never open: open it")
    if here.shown.status == "open":
        return NOTHING
    return Decision((said.Opened("hand", again),), timers=(Disarm(EXPIRE),))


def close(here: Here, command: Close, context: Context) -> Decision:
    """Close by hand, and with `dismiss` send the line away; claimed entries and conversations stay with who helps."""
    closed = (said.Closed("hand"),) if here.shown.status == "open" else ()
    gone = _unhelped(here) if command.dismiss else ()
    if not closed and not gone:
        return NOTHING
    return _send_away(here, context, gone, "closed", before=closed, expire=bool(closed))


def announce(here: Here, command: Announce, context: Context) -> Decision:
    """Tell everybody who follows."""
    return Decision((said.Announced(fit_text("text", command.text)),))


def change_hours(here: Here, context: Context) -> Decision:
    """Do what the hours say of this moment, and look again at the next one."""
    shown, now = here.shown, context.now
    timers: tuple[At | Disarm, ...] = (_arm(shown.hours, now),)
    inside = covering(shown.hours, now)
    if shown.status == "closed" and inside is not None and inside.start > shown.changed:
        return Decision((said.Opened("schedule"),), timers=(*timers, Disarm(EXPIRE)))
    if shown.status == "open" and inside is None and latest_end(shown.hours, shown.changed, now) is not None:
        return Decision((said.Closed("schedule"),), timers=(*timers, At(EXPIRE, now + LEFTOVER_MS)))
    return Decision(timers=timers)


def expire(here: Here, context: Context) -> Decision:
    """Send away who is left in line long after closing, and look again as long as anybody is."""
    if here.shown.status == "open" or not here.shown.entries:
        return NOTHING
    return _send_away(here, context, _unhelped(here), "expired", before=(), expire=True)


# --- what several of them need


def _send_away(
    here: Here,
    context: Context,
    entries: tuple[EntryId, ...],
    reason: said.Reason,
    *,
    before: tuple[Any, ...],
    expire: bool,
) -> Decision:
    tells = tuple(tell_dismissed(here.id, here.memory.entries[entry].student, entry) for entry in entries)
    decision = depart(here, context, entries, reason, before=before, tells=tells)
    later = (At(EXPIRE, context.now + LEFTOVER_MS),) if expire else ()
    return Decision(decision.events, tells=decision.tells, timers=(*decision.timers, *later))


def _unhelped(here: Here) -> tuple[EntryId, ...]:
    places = here.shown.entries.items()
    return tuple(entry for entry, place in places if place.status in {"waiting", "pending"})


def _arm(hours: tuple[Hours, ...], now: int) -> At | Disarm:
    due = next_change(hours, now)
    return Disarm(HOURS) if due is None else At(HOURS, due)


def _enrol(here: Here, settings: Settings, term: int) -> tuple[Tell, ...]:
    return (Tell(f"hall:{settings.exclusive}", Enrol(here.id, term)),) if settings.exclusive else ()


def _withdraw(here: Here, settings: Settings) -> tuple[Tell, ...]:
    return (Tell(f"hall:{settings.exclusive}", Withdraw(here.id)),) if settings.exclusive else ()


HOUSE_DECISIONS: Mapping[type[Any], Callable[[Here, Any, Context], Decision]] = {
    Create: create,
    Edit: edit,
    Appoint: appoint,
    Retire: retire,
    Enlist: enlist,
    Strike: strike,
    Schedule: schedule,
    Open: open_,
    Reopen: open_,
    Close: close,
    Announce: announce,
}
