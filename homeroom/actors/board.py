"""A leaderboard: who has how many points in a period, in order, under which name, and who is not shown.

What a person chooses holds on all boards: it is told to the person's `board_persona`, and comes back from there as the system's
command, so that the event has no author: the author's id would give an alias away. Somebody new is counted at once, and shown
when the persona has answered. Scores of one source are known from the person's newest event, which holds all
its sources, so the state stays small however many there are.
Never here: the words (`protocol.board`), what an event does to what is shown (`protocol.board_state`), the order (`board_order`), the
people (`board_people`), what events look like to others (`board_faces`), and answers to those who look (`board_lists`).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from homeroom.actors import board_faces as faces
from homeroom.actors import board_lists as lists
from homeroom.actors.board_check import Check
from homeroom.actors.board_order import Change, Order
from homeroom.actors.board_people import (
    PEOPLE_MAX,
    BoardMemory,
    Final,
    Person,
    count_names,
    entry_of,
    forget_people,
    free_alias,
    mark_of,
    order_people,
    recount_names,
    stands,
)
from homeroom.actors.board_periods import ID, IDS, PERIOD, Start, no_board, period_around
from homeroom.actors.fitting import fit_name
from homeroom.actors.hours import load_zone
from homeroom.engine.behaviour import (
    NOTHING,
    After,
    At,
    Behaviour,
    Caller,
    Context,
    Decision,
    Disarm,
    Fact,
    Fired,
    Recall,
    Refusal,
    Signal,
    Tell,
)
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import board as words
from homeroom.protocol.access import ADMINS, ROLES, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.board import SHOWN, TOP, Counted, Entry, EntryChanged, Scored
from homeroom.protocol.board_persona import Meet, Prefer
from homeroom.protocol.board_state import PERIODS, BoardState, mask, reduce_board, show_board
from homeroom.protocol.ids import MAX_SEQ
from homeroom.protocol.text import skeleton

SOURCES_MAX = 256
"""Sources of one person that a later value may still correct; the points of older ones stay."""
CHECK, TELL = "check", "tell"
"""The timer of the next step of a check, and the deadline at which its end is told whatever became of it."""
CHECK_MS = 10_000
_NOBODY = Person()


class Board(Behaviour[BoardMemory]):
    """One leaderboard. Relations: `known` to everybody where the id names a board; there is no other one, for anybody."""

    def __init__(self, id: str, state: BoardMemory) -> None:
        super().__init__(id, state)
        self._known = ID.match(id) is not None
        self._unchecked = Check()
        self._arrange()

    @classmethod
    def fresh(cls, id: str) -> BoardMemory:
        """Return a board on which nobody ever scored."""
        name = ID.match(id)
        period = next((period for period in PERIODS if name and name[1] == period), PERIODS[0])
        return BoardMemory(BoardState(period, name[2] if name else "all"))

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return `known`, unless the id names no board."""
        return frozenset(("known",) if self._known else ())

    def hidden(self, caller: Caller) -> bool:
        """Tell whether the id names no board."""
        return not self._known

    def within_reach(self, caller: Caller) -> Mapping[str, str | Refusal]:
        """Return what ids there are, to who asks for another one."""
        return {} if self._known else {"known": no_board()}

    def decide(self, command: Any, context: Context) -> Decision | Recall:
        """Answer a command; each decision says how it may be refused."""
        if not self._known:
            raise no_board()
        decide = _DECISIONS.get(type(command))
        if decide is None:
            raise Refusal("bad_command", f"a board does not know {type(command).__name__}")
        return decide(self, command, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the board, and what is kept of it in order."""
        reduce_board(self.state.shown, Fact(fact.seq, fact.at, fact.by, faces.public(fact.event)))
        change = _CHANGES.get(type(fact.event))
        if change is not None:
            change(self, fact, fact.event)

    def view(self, caller: Caller) -> BoardState:
        """Return how many there are and the first of them, the same for everybody."""
        return show_board(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone."""
        return faces.public(fact.event)

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the event without those who opted out since, and under the names of today."""
        return faces.of_today(fact.event, self.state.people)

    def wake(self, context: Context) -> Decision:
        """Have the first ten at hand again for those who follow no more than these."""
        return (
            Decision(signals=(self._signal(len(self._order), self.state.shown.top[:TOP]),)) if self._order else NOTHING
        )

    # --- points

    def _score(self, command: words.Score, context: Context) -> Decision | Recall:
        """`bad_command` for an unfit name, `full` for one person too many. Replies whether the points were counted."""
        before = self.state.people.get(command.user, _NOBODY)
        if before.seq and before.seq not in context.recalled:
            return Recall((before.seq,))
        start = self._start(context)
        ledger = _ledger(context.recalled.get(before.seq))
        known, has = ledger.pop(command.source, None), before.points if before.number == start.number else 0
        if known is not None and (known.number != start.number or known.points == command.points):
            return Decision(reply=words.Tally(False, has))
        ledger[command.source] = Counted(command.points, start.number)
        points = has + command.points - (known.points if known is not None else 0)
        after = self._credited(command, before, points, start, context)
        return self._scored(command.user, before, after, start, ledger)

    def _credited(self, command: words.Score, before: Person, points: int, start: Start, context: Context) -> Person:
        """Return the person with its points; `since` stays when these are as many as before. Somebody new is not shown yet.

        An entry's number is drawn, so that those of a person on several boards have nothing in common.
        """
        self._check_room(command.user)
        number, reached = start.number, (context.seq + len(start.events), context.now)
        name = fit_name("name", command.name) if command.name else before.name or command.user
        if (points, number) == (before.points, before.number):
            return replace(before, name=name, seq=reached[0])
        n, out = before.n or context.random.randrange(1, MAX_SEQ), before.out or command.user not in self.state.people
        return Person(name, points, *reached, n, number, reached[0], before.alias, out)

    def _scored(self, user: str, before: Person, after: Person, start: Start, ledger: dict[str, Counted]) -> Decision:
        change = self._change(user, before, after, start)
        newest = dict([*ledger.items()][-SOURCES_MAX:])
        entry, filler = entry_of(user, after), self._filler(change)
        event = Scored(len(change), entry, filler, after.name, after.out, newest)
        decision = self._decision(start, event, change, entry, reply=words.Tally(True, after.points))
        known = user in self.state.people
        return decision if known else dataclasses.replace(decision, tells=(Tell(f"persona:{user}", Meet(self.id)),))

    # --- what people choose

    def _opt_out(self, command: words.OptOut, context: Context) -> Decision:
        return self._tell(context.caller.user, out=True)

    def _opt_in(self, command: words.OptIn, context: Context) -> Decision:
        return self._tell(context.caller.user, out=False)

    def _alias(self, command: words.SetAlias, context: Context) -> Decision:
        """`bad_command` for an unfit alias, `conflict` for one by which somebody goes already: an alias, a name or a user id of the board."""
        alias = command.alias and fit_name("alias", command.alias)
        user = context.caller.user
        mine = self.state.people.get(user, _NOBODY).alias
        looks = skeleton(alias)
        if looks and looks != skeleton(mine) and self._names[looks]:
            raise Refusal("conflict", "somebody goes by that name already")
        return self._tell(user, alias=alias)

    def _tell(self, user: str, *, alias: str | None = None, out: bool | None = None) -> Decision:
        """Have it chosen for all boards, whatever is shown here so far; `full` for one person too many on this one."""
        self._check_room(user)
        return Decision(tells=(Tell(f"persona:{user}", Prefer(self.id, alias, out)),))

    def _choose(self, command: words.Choose, context: Context) -> Decision:
        """Take what a person chose; an alias that another one took meanwhile gets a number. `full`: one person too many."""
        user, before = command.user, self.state.people.get(command.user, _NOBODY)
        after = replace(before, alias=free_alias(command.alias, self._names, before.alias), out=command.out)
        if after == before:
            return NOTHING
        self._check_room(user)
        start = self._start(context)
        change = self._change(user, before, after, start)
        seen = change.left is not None or change.came is not None
        entry = entry_of(user, after) if change.new else None
        n, filler = before.n if seen else 0, self._filler(change)
        event = EntryChanged(len(change), n, entry, filler, user, after.alias, after.out)
        return self._decision(start, event, change, entry)

    def _check_room(self, user: str) -> None:
        if user not in self.state.people and len(self.state.people) >= PEOPLE_MAX:
            raise Refusal("full", f"a board holds {PEOPLE_MAX} people")

    # --- periods

    def _configure(self, command: words.Configure, context: Context) -> Decision:
        """`bad_command` for no zone. The period that runs ends at the next boundary there."""
        load_zone(command.zone)
        start = self._start(context)
        if command.zone == self.state.shown.zone and self.state.shown.began:
            return NOTHING
        _, ends = period_around(self.state.shown.period, context.now, command.zone)
        event = words.Configured(command.zone, ends)
        return Decision((*start.events, event), timers=(At(PERIOD, ends),) if ends else ())

    def _fired(self, command: Fired, context: Context) -> Decision:
        """End the period that is over; one whose end was moved is looked at again then. Or go on with a check."""
        if command.key == CHECK:
            return self._check(context) if self._unchecked else NOTHING
        if command.key == TELL:
            self._unchecked = Check()
            return self._recomputed(self._start(context))
        start = self._start(context)
        timers = (At(PERIOD, start.ends),) if start.ends else ()
        if not start.events:
            return Decision(timers=timers)
        return Decision(start.events, signals=(self._signal(0, ()),), timers=timers)

    def _recompute(self, command: words.Recompute, context: Context) -> Decision:
        """Look whether everybody stands where the points put them, step by step; then the first are told anew.

        They are told `CHECK_MS` later at the latest, also when the server died meanwhile.
        """
        start = self._start(context)
        if start.events:
            return self._recomputed(start)
        self._unchecked = Check(self.state.people)
        decision = self._check(context)
        return (
            decision
            if decision.events
            else dataclasses.replace(decision, timers=(*decision.timers, At(TELL, context.now + CHECK_MS)))
        )

    def _check(self, context: Context) -> Decision:
        """Take a step; an order with a mistake is made anew, and that alone takes as long as there are people."""
        if not self._unchecked.step(self.state, self._order):
            self._arrange()
        return Decision(timers=(After(CHECK, 1),)) if self._unchecked else self._recomputed(self._start(context))

    def _recomputed(self, start: Start) -> Decision:
        top = tuple(self._entry(mark.user) for mark in start.order.part(0, SHOWN))
        signal = self._signal(len(start.order), top[:TOP])
        event = words.Recomputed(len(start.order), top)
        return Decision((*start.events, event), signals=(signal,), timers=(Disarm(TELL), *start.timers))

    def _start(self, context: Context) -> Start:
        """Return what a decision starts from: a board that nobody used is opened, a period that is over ends first."""
        shown, number = self.state.shown, self.state.number
        if shown.began and not 0 < shown.ends <= context.now:
            return Start((), number, shown.ends, self._order)
        began, ends = period_around(shown.period, context.now, shown.zone)
        if not shown.began:
            return Start((words.Opened(shown.zone, began, ends),), number, ends, self._order)
        top = tuple(self._entry(mark.user) for mark in self._order.part(0, TOP))
        ended = words.PeriodEnded(began, ends, len(self._order), top)
        return Start((ended,), number + 1, ends, Order())

    # --- what follows from a change

    def _change(self, user: str, before: Person, after: Person, start: Start) -> Change:
        old = mark_of(user, before) if stands(before, start.number) else None
        new = mark_of(user, after) if stands(after, start.number) else None
        return start.order.after(old, new)

    def _filler(self, change: Change) -> Entry | None:
        mark = change.fills(SHOWN)
        return self._entry(mark.user) if mark is not None else None

    def _decision(
        self, start: Start, event: Any, change: Change, entry: Entry | None, reply: words.Tally | None = None
    ) -> Decision:
        """Return the decision for `event`, which makes `entry` of the person that moves."""
        signals: tuple[Signal, ...] = ()
        if start.events or change.touches(TOP):
            marks = change.first(TOP)
            top = [entry if entry and mark is change.new else self._entry(mark.user) for mark in marks]
            signals = (self._signal(len(change), top),)
        return Decision((*start.events, event), reply, signals, timers=start.timers)

    def _signal(self, entries: int, top: "tuple[Entry, ...] | list[Entry]") -> Signal:
        shown = tuple(map(mask, top))
        return Signal(f"board:{self.id}", "top", words.TopChanged(entries, shown), retain=True)

    def _entry(self, user: str) -> Entry:
        return entry_of(user, self.state.people[user])

    # --- those who look

    def _list(self, command: words.ListEntries, context: Context) -> Decision:
        return Decision(reply=lists.list_entries(self.state, self._order, command, context))

    def _standing(self, command: words.AskStanding, context: Context) -> Decision:
        return Decision(reply=lists.tell_standing(self.state, self._order, command, context))

    # --- what happened

    def _arrange(self) -> None:
        """Make anew what follows from the state alone."""
        self._order = order_people(self.state)
        self._names = count_names(self.state)

    def _was_scored(self, fact: Fact, e: Scored) -> None:
        entry = e.entry
        if entry is not None:
            before = self.state.people.get(entry.user, _NOBODY)
            number, points = self.state.number, entry.points
            after = Person(e.name, points, entry.since, entry.at, entry.entry, number, fact.seq, before.alias, e.out)
            self._put(entry.user, before, after)

    def _was_chosen(self, fact: Fact, e: EntryChanged) -> None:
        before = self.state.people.get(e.user, _NOBODY)
        self._put(e.user, before, replace(before, alias=e.alias, out=e.out))

    def _put(self, user: str, before: Person, after: Person) -> None:
        number = self.state.number
        if stands(before, number):
            self._order.remove(mark_of(user, before))
        if stands(after, number):
            self._order.add(mark_of(user, after))
        recount_names(self._names, user, self.state.people.get(user), after)
        self.state.people[user] = after

    def _has_ended(self, fact: Fact, e: words.PeriodEnded) -> None:
        self.state.last = [Final(entry.user, entry.points) for entry in e.top]
        self.state.number += 1
        for user, person in forget_people(self.state).items():
            recount_names(self._names, user, person, None)
        self._order = Order()


def _ledger(fact: Fact | None) -> dict[str, Counted]:
    """Return what was counted for a person up to its newest event, by source, the oldest first."""
    event = fact.event if fact else None
    return dict(event.ledger or {}) if isinstance(event, Scored) else {}


_DECISIONS: dict[type[Any], Callable[[Board, Any, Context], Decision | Recall]] = {
    words.Score: Board._score,
    words.Recompute: Board._recompute,
    words.OptOut: Board._opt_out,
    words.OptIn: Board._opt_in,
    words.SetAlias: Board._alias,
    words.Choose: Board._choose,
    words.Configure: Board._configure,
    words.ListEntries: Board._list,
    words.AskStanding: Board._standing,
    Fired: Board._fired,
}
_CHANGES: dict[type[Any], Callable[[Board, Fact, Any], None]] = {
    Scored: Board._was_scored,
    EntryChanged: Board._was_chosen,
    words.PeriodEnded: Board._has_ended,
}

EVERYBODY = allow(ROLES, "known")

BOARD = Kind(
    name="board",
    plural="leaderboards",
    behaviour=Board,
    state=BoardMemory,
    verbs=(
        Verb(words.Score, allow(STAFF) | SYSTEM_ONLY, budget="control", reply=words.Tally, people=("user",)),
        Verb(words.Recompute, allow(ADMINS), budget="control"),
        Verb(words.Configure, allow(ADMINS), budget="control"),
        Verb(words.OptOut, EVERYBODY, "POST /api/leaderboards/{id}/opt-out", "control"),
        Verb(words.OptIn, EVERYBODY, "POST /api/leaderboards/{id}/opt-in", "control"),
        Verb(words.SetAlias, EVERYBODY, "PUT /api/leaderboards/{id}/alias", "control"),
        Verb(words.Choose, SYSTEM_ONLY, None, "control"),
        Verb(words.ListEntries, EVERYBODY, "GET /api/leaderboards/{id}/entries", "read", words.EntryList, False),
        Verb(words.AskStanding, EVERYBODY, "GET /api/leaderboards/{id}/standing", "read", words.Standing, False),
    ),
    events=words.BOARD_EVENTS,
    watch=EVERYBODY,
    calm=frozenset({Scored.type}),
    view=BoardState,
    ids=IDS,
)
