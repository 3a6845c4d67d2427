"""The answers of a sitting: which count, which are kept although they came too late, and how several devices lose none.

 * An answer counts when it came in at the door at most `GRACE_MS` after the deadline, inclusive (P17, E1), whenever its turn comes:
   also after the deadline has fired and the sitting was submitted (E3). The time is the server's; the client's is only noted (E2).
 * Every answer has a revision. The newest is kept; an older one changes nothing and is told what is kept. Two devices that make the same
   revision of an answer, or name another one than is kept as the one they saw, are told `conflict` with what is kept (E6).
 * One device writes at a time, if devices name themselves: the one that sent `start` last. The one before is told by `sitting.taken_over`,
   and its answers, and its wish to hand in, get `conflict` until it sends `start` again; what it holds is not lost, since revisions go on.
 * A value that comes too late is refused and kept for review all the same, the newest one of each question.
 * Of a text what cannot be seen is left out (M13): control characters, and what turns or hides the rest. Nothing is refused for that.

Never here: the clock (`sitting_clock`), and points (`sitting_marks`).
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from homeroom.actors.sitting_marks import judge, settle
from homeroom.actors.sitting_memory import Place
from homeroom.engine.behaviour import NOTHING, Context, Decision, Refusal
from homeroom.protocol.exam_paper import Question
from homeroom.protocol.grading import misfit
from homeroom.protocol.sitting import GRACE_MS, AnswerVerdict, Flag, LateValue, Progress, SaveAnswer, Saved, SaveReply
from homeroom.protocol.sitting_events import AnswerSaved, Flagged, LateKept, Progressed
from homeroom.protocol.sitting_state import answered
from homeroom.protocol.text import strip_unfit

ANSWERS_MAX = 200_000
"""Characters of all answers of a sitting together, and as many of its late values."""
LATE_MAX = 300
"""Late values kept of one sitting; what comes after them is refused without."""
NO_QUESTION = "no such question in this exam"


def save(place: Place, command: SaveAnswer, context: Context) -> Decision:
    """Keep an answer, or say why not.

    `conflict`: not started, the clock stands, another device writes, or another revision is kept than the one expected (`d` holds it);
    `not_found`: a question that is not in the exam; `bad_command`: a value of the wrong type; `full`: too much text;
    `too_late`: after the deadline (`conflict` after handing in), with `kept` telling whether the value is kept for review, and `why` it is not:
    `released`, `older` than the one that is kept, or `full`.
    """
    question = _find(place, command.question)
    allowed = misfit(question, command.value)
    if allowed is not None:
        data = {"field": "value", "allowed": allowed}
        raise Refusal("bad_command", f"value: a {question.kind} question takes {allowed}", data=data)
    command = _clean(command)
    kept = place.shown.answers.get(question.id)
    if kept is not None and _is_same(kept, command):
        return Decision(reply=_reply(place, context, question.id, kept.rev, saved=True))
    code = _judge_time(place, context.arrived)
    if code is not None:
        return _keep_late(place, command, context, code)
    check_device(place, command.device)
    _check_seen(kept, command)
    if kept is not None and kept.rev > command.rev:
        return Decision(reply=_reply(place, context, question.id, kept.rev, saved=False))
    _check_room(place, command)
    return _save(place, question, command, context)


def flag(place: Place, command: Flag, context: Context) -> Decision:
    """`not_found` for a question that is not in the exam, `conflict` when the sitting does not run."""
    question = _running_question(place, command.question)
    if command.on == (question.id in place.shown.flags):
        return NOTHING
    return Decision((Flagged(question.id, command.on, command.client_at),))


def progress(place: Place, command: Progress, context: Context) -> Decision:
    """Note where the student is, and let the proctors see it. Refused as `flag`."""
    question = _running_question(place, command.question)
    noted = Progressed(question.id, command.remaining_ms, command.client_at)
    return Decision((noted,), signals=place.signal("running", current=question.id))


# --- in time or not


def _judge_time(place: Place, arrived: int) -> str | None:
    """Return `None` when an answer that came in then counts, else the code of its refusal; raises `conflict` while it can come again."""
    state = place.shown
    if state.status == "submitted" and (state.reason in {"student", "expelled"}):
        return "conflict"
    if arrived > state.closes + GRACE_MS and not state.paused:
        return "too_late"
    if state.result is not None:
        return "too_late"
    if state.paused and arrived > state.paused:
        raise Refusal("conflict", "the clock stands: send it again when it goes on", data={"paused": state.paused})
    return None


def _keep_late(place: Place, command: SaveAnswer, context: Context, code: str) -> Decision:
    """Refuse, and keep the value unless the result is out, a newer one of the question is there, or there are enough of them."""
    state, c = place.shown, command
    why = _why_not_kept(place, command)
    what = "the sitting was submitted" if code == "conflict" else "the deadline has passed"
    told = f"is not kept: {_UNKEPT[why]}" if why else "is kept for review"
    data = {"closes": state.closes, "arrived": context.arrived, "kept": not why, **({"why": why} if why else {})}
    refusal = Refusal(code, f"{what}; the value {told}", data=data)
    if why:
        raise refusal
    return Decision(
        (LateKept(c.question, c.rev, context.arrived, c.value, c.device, c.client_at),),
        refusal=refusal,
    )


_UNKEPT = {
    "released": "the result is out",
    "older": "a newer one is there",
    "full": f"of a sitting {LATE_MAX} late values are kept, and {ANSWERS_MAX} characters of them together",
}


def _why_not_kept(place: Place, command: SaveAnswer) -> str:
    state = place.shown
    if state.result is not None:
        return "released"
    if command.rev <= max(_rev(state.late, command.question), _rev(state.answers, command.question)):
        return "older"
    full = place.memory.kept >= LATE_MAX or _length_with(state.late, command) > ANSWERS_MAX
    return "full" if full else ""


def _save(place: Place, question: Question, command: SaveAnswer, context: Context) -> Decision:
    """Keep it; when the deadline has fired meanwhile, judge the answer anew as well."""
    state, c = place.shown, command
    verdict: AnswerVerdict = "in_time" if state.paused or context.arrived <= state.closes else "in_grace"
    saved = AnswerSaved(question.id, c.rev, context.arrived, c.value, verdict, c.device, c.client_at)
    reply = _reply(place, context, question.id, c.rev, saved=True)
    if not place.runs:
        events, tells = settle(place, {question.id: judge(place, question, c.value)}, context)
        return Decision((saved, *events), reply=reply, tells=tells)
    before = state.answers.get(question.id)
    count = answered(state) + _counts(c.value) - (_counts(before.value) if before else 0)
    return Decision((saved,), reply=reply, signals=place.signal("running", answered=count))


# --- revisions and devices


def check_device(place: Place, device: str) -> None:
    """Raise `conflict` when another device writes; after the deadline has fired, whoever was in time may."""
    writes = place.shown.device
    if place.runs and device and writes and device != writes:
        raise Refusal("conflict", "another device writes: send `start` to take over", data={"device": writes})


def _check_seen(kept: Saved | None, command: SaveAnswer) -> None:
    """Raise `conflict` with what is kept when the change was made to another revision, or the same one was made twice."""
    rev = kept.rev if kept else 0
    twice = kept is not None and rev == command.rev
    if twice or (command.expected is not None and command.expected != rev):
        known = {"rev": rev, "value": kept.value if kept else None}
        raise Refusal("conflict", "the answer was changed meanwhile", data=known)


def _check_room(place: Place, command: SaveAnswer) -> None:
    if _length_with(place.shown.answers, command) > ANSWERS_MAX:
        raise Refusal("full", f"the answers of a sitting hold {ANSWERS_MAX} characters")


def _length_with(kept: Mapping[str, Saved | LateValue], command: SaveAnswer) -> int:
    """Return the characters of `kept` with the command's value among them; 0 for a value that is no text and so always has room."""
    if not isinstance(command.value, str):
        return 0
    others = (one.value for id_, one in kept.items() if id_ != command.question)
    return len(command.value) + sum(len(value) for value in others if isinstance(value, str))


def _clean(command: SaveAnswer) -> SaveAnswer:
    return replace(command, value=strip_unfit(command.value)) if isinstance(command.value, str) else command


def _is_same(kept: Saved, command: SaveAnswer) -> bool:
    return kept.rev == command.rev and kept.value == command.value


def _reply(place: Place, context: Context, question: str, rev: int, saved: bool) -> SaveReply:
    return SaveReply(question, rev, saved, place.shown.closes, context.now)


def _rev(kept: Any, question: str) -> int:
    return kept[question].rev if question in kept else 0


def _counts(value: Any) -> int:
    return int(value not in {None, "", ()})


# --- questions


def _find(place: Place, id_: str) -> Question:
    if place.shown.status not in {"running", "submitted"}:
        raise Refusal("conflict", "the sitting has not started")
    question = place.question(id_)
    if question is None:
        raise Refusal("not_found", NO_QUESTION)
    return question


def _running_question(place: Place, id_: str) -> Question:
    if not place.runs:
        raise Refusal("conflict", "the sitting does not run")
    return _find(place, id_)
