"""The floor of a class session: raised hands, questions with their upvotes, and polls. Verbs, events, and what is shown.

The id of a question or poll is the decimal text of the number of the event that brought it, as that of a message is.
Never here: the session's plan and people (`session_words`), and who may do what (`actors.session`).

In an anonymous poll nothing that is stored or shown joins a person to a choice: the event that somebody has voted names no choice, is
caused by the system and is sent without the person; the choices of all are told together, when the poll has closed, and not at all
when fewer than `SECRET_MIN` have voted.
"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from homeroom.protocol.chat import Name
from homeroom.protocol.ids import Id, Millis

QUESTIONS_MAX = 100
"""Questions that stand at one time; a withdrawn one makes room."""
ASKED_MAX = 1_000
UPVOTES_MAX = 10_000
POLLS_MAX = 50
OPEN_POLLS_MAX = 5
OPTIONS_MAX = 20
HANDS_MAX = 1_000
SECRET_MIN = 3
"""An anonymous poll in which fewer have voted tells no choices: with two, each would know the other's."""

ItemId = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,15}\Z", description="the number of the event that brought it")]
QuestionText = Annotated[str, Meta(min_length=1, max_length=500, description="plain text")]
AnswerText = Annotated[str, Meta(max_length=2_000, description="plain text; empty: answered by word of mouth")]
Option = Annotated[str, Meta(min_length=1, max_length=200, description="one line")]
Options = Annotated[tuple[Option, ...], Meta(min_length=2, max_length=OPTIONS_MAX)]
Choice = Annotated[int, Meta(ge=0, lt=OPTIONS_MAX, description="the place of an option, from 0")]
Choices = Annotated[tuple[Choice, ...], Meta(min_length=1, max_length=OPTIONS_MAX)]
Tally = Annotated[int, Meta(ge=0, le=2**31 - 1)]


# --- commands


class _Command(Struct, frozen=True, omit_defaults=True):
    """The arguments of one verb; the class names the verb as `do`."""


class RaiseHand(_Command, frozen=True):
    """Ask to speak; hands stand in the order in which they were raised."""

    do: ClassVar[str] = "raise_hand"


class LowerHand(_Command, frozen=True):
    """Take one's hand down, or, by those who lead, somebody's (`user`)."""

    do: ClassVar[str] = "lower_hand"
    user: Id | None = None


class Ask(_Command, frozen=True):
    """Put a question."""

    do: ClassVar[str] = "ask"
    text: QuestionText


class Upvote(_Command, frozen=True):
    """Want a question answered too, or not any more (`on` false)."""

    do: ClassVar[str] = "upvote"
    question: ItemId
    on: bool = True


class AnswerQuestion(_Command, frozen=True):
    """Mark a question as answered, with or without a text; again with another text changes that."""

    do: ClassVar[str] = "answer"
    question: ItemId
    text: AnswerText = ""


class WithdrawQuestion(_Command, frozen=True):
    """Take a question away: one's own, or anybody's by those who lead."""

    do: ClassVar[str] = "withdraw"
    question: ItemId


class PollOpen(_Command, frozen=True):
    """Open a poll. `multiple`: several options may be chosen; `changeable`: a vote may be changed while it is open.

    An anonymous poll cannot be changeable: nobody knows which ballot would be the one to change.
    """

    do: ClassVar[str] = "poll_open"
    question: QuestionText
    options: Options
    multiple: bool = False
    anonymous: bool = False
    changeable: bool = False


class PollVote(_Command, frozen=True):
    """Vote. In an anonymous poll nothing is kept of the choices, so a vote sent again gets its first answer whatever it holds then.

    In the moment after the server began anew an anonymous vote can be answered `unavailable`: send it again.
    """

    do: ClassVar[str] = "poll_vote"
    poll: ItemId
    choices: Choices


class PollResume(_Command, frozen=True):
    """From the session itself: every mark that was on its way when the life `word` began has come."""

    do: ClassVar[str] = "poll_resume"
    word: Annotated[str, Meta(max_length=32)]


class PollClose(_Command, frozen=True):
    """Close a poll."""

    do: ClassVar[str] = "poll_close"
    poll: ItemId


class PollMark(_Command, frozen=True):
    """From the session to itself: a person has voted in an anonymous poll with the ballot `ballot`; gone when it was taken."""

    do: ClassVar[str] = "poll_mark"
    poll: ItemId
    user: Id
    ballot: Annotated[str, Meta(max_length=200)]


# --- events


class _Event(Struct, frozen=True, omit_defaults=True):
    """What happened; the class names its wire type."""


class HandRaised(_Event, frozen=True):
    """A person asks to speak."""

    type: ClassVar[str] = "session.hand_raised"
    user: Id


class HandLowered(_Event, frozen=True):
    """A person does not ask to speak any more, or got its turn."""

    type: ClassVar[str] = "session.hand_lowered"
    user: Id


class QuestionAsked(_Event, frozen=True):
    """A question; `name` is its author's. A replay shows a withdrawn one without its text."""

    type: ClassVar[str] = "session.question_asked"
    id: ItemId
    text: Annotated[str, Meta(max_length=500)] = ""
    name: Name = ""


class QuestionUpvoted(_Event, frozen=True):
    """A person wants a question answered too, or not any more."""

    type: ClassVar[str] = "session.question_upvoted"
    id: ItemId
    user: Id
    on: bool = True


class QuestionAnswered(_Event, frozen=True):
    """A question was answered."""

    type: ClassVar[str] = "session.question_answered"
    id: ItemId
    text: AnswerText = ""


class QuestionWithdrawn(_Event, frozen=True):
    """A question is not there any more."""

    type: ClassVar[str] = "session.question_withdrawn"
    id: ItemId


class PollOpened(_Event, frozen=True):
    """A poll is open."""

    type: ClassVar[str] = "session.poll_opened"
    id: ItemId
    question: QuestionText
    options: Options
    multiple: bool = False
    anonymous: bool = False
    changeable: bool = False


class PollVoted(_Event, frozen=True):
    """A person chose in a poll that is not anonymous, for the first time or anew."""

    type: ClassVar[str] = "session.poll_voted"
    id: ItemId
    user: Id
    choices: Choices


class PollMarked(_Event, frozen=True):
    """One person more has voted in an anonymous poll; who it was is never sent."""

    type: ClassVar[str] = "session.poll_marked"
    id: ItemId
    user: Id | None = None


class PollClosed(_Event, frozen=True):
    """Nobody can vote any more. The choices of an anonymous poll follow as `session.poll_counted`."""

    type: ClassVar[str] = "session.poll_closed"
    id: ItemId


class PollCounted(_Event, frozen=True):
    """An anonymous poll was counted: how many chose each option, and how many voted; `withheld`: too few to tell."""

    type: ClassVar[str] = "session.poll_counted"
    id: ItemId
    voters: Tally
    counts: Annotated[tuple[Tally, ...], Meta(max_length=OPTIONS_MAX)] = ()
    withheld: bool = False


FLOOR_EVENTS: tuple[type[Any], ...] = (
    HandRaised, HandLowered, QuestionAsked, QuestionUpvoted, QuestionAnswered, QuestionWithdrawn,
    PollOpened, PollVoted, PollMarked, PollClosed, PollCounted,
)  # fmt: skip
CALM_FLOOR_EVENTS = frozenset({QuestionUpvoted.type, PollVoted.type, PollMarked.type})
"""May wait for the coalesced lane: a hundred people vote within a moment."""


# --- what is shown


class Question(Struct, frozen=True, omit_defaults=True):
    """A question as it stands: who asked it when, who wants it answered too, and its answer, if it has one (`answered` Unix ms)."""

    text: Annotated[str, Meta(max_length=500)]
    by: str
    name: Name
    at: Millis
    upvoters: tuple[Id, ...] = ()
    answered: Millis = 0
    answer: AnswerText = ""
    answered_by: str = ""


class Poll(Struct, frozen=True, omit_defaults=True):
    """A poll as it stands. `voters`: how many have voted; `counts`: how many chose each option, empty while that is secret.

    `votes`: who chose what, while a poll that is not anonymous is open. `closed` is 0 while it is open; `counted` is true
    when nothing changes any more; `withheld`: so few voted that the choices stay secret for ever.
    """

    question: QuestionText
    options: Options
    at: Millis
    multiple: bool = False
    anonymous: bool = False
    changeable: bool = False
    closed: Millis = 0
    counted: bool = False
    withheld: bool = False
    voters: Tally = 0
    counts: tuple[Tally, ...] = ()
    votes: dict[Id, Choices] = field(default_factory=dict)


class Brought(Struct, frozen=True):
    """The answer to `ask` and `poll_open`: the id of what was brought."""

    id: ItemId
