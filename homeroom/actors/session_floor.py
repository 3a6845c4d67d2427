"""The floor of a class session: hands in the order raised, questions with their upvotes and answers.

Never here: polls (`session_polls`), and who may (the kind's row in `actors.session`).
"""

from collections.abc import Callable
from typing import Any

from homeroom.actors.fitting import fit_text
from homeroom.actors.session_memory import SessionMemory, leads
from homeroom.engine.behaviour import NOTHING, Context, Decision, Refusal
from homeroom.protocol.chat_state import is_muted
from homeroom.protocol.session_floor import (
    ASKED_MAX,
    HANDS_MAX,
    QUESTIONS_MAX,
    UPVOTES_MAX,
    AnswerQuestion,
    Ask,
    Brought,
    HandLowered,
    HandRaised,
    LowerHand,
    Question,
    QuestionAnswered,
    QuestionAsked,
    QuestionUpvoted,
    QuestionWithdrawn,
    RaiseHand,
    Upvote,
    WithdrawQuestion,
)


def _raise(id: str, memory: SessionMemory, command: RaiseHand, context: Context) -> Decision:
    """`full` for too many hands; a hand that is up already keeps its place."""
    hands, user = memory.shown.hands, context.caller.user
    if user in hands:
        return NOTHING
    if len(hands) >= HANDS_MAX:
        raise Refusal("full", f"{HANDS_MAX} hands are up")
    return Decision((HandRaised(user),))


def _lower(id: str, memory: SessionMemory, command: LowerHand, context: Context) -> Decision:
    """`forbidden` for another's hand by those who do not lead; a hand that is down already is nothing."""
    user = command.user or context.caller.user
    if user != context.caller.user and not leads(memory, context.caller):
        raise Refusal("forbidden", "only those who lead lower the hand of another")
    return Decision((HandLowered(user),)) if user in memory.shown.hands else NOTHING


def _ask(id: str, memory: SessionMemory, command: Ask, context: Context) -> Decision:
    """`forbidden` for who is muted, `full` for too many questions at one time or in all."""
    shown, caller = memory.shown, context.caller
    if is_muted(shown.chat, caller.user, context.now):
        raise Refusal("forbidden", "you are muted", data={"until": shown.chat.muted[caller.user]})
    if len(shown.questions) >= QUESTIONS_MAX or memory.asked >= ASKED_MAX:
        raise Refusal("full", f"a session holds {QUESTIONS_MAX} questions at one time, {ASKED_MAX} in all")
    question = str(context.seq)
    asked = QuestionAsked(question, fit_text("text", command.text), caller.name[:200])
    return Decision((asked,), reply=Brought(question))


def _upvote(id: str, memory: SessionMemory, command: Upvote, context: Context) -> Decision:
    """`not_found`; `conflict` for one's own and for what is answered; `full` for too many upvotes; twice is once."""
    question, user = _find(memory, command.question), context.caller.user
    if command.on == (user in question.upvoters):
        return NOTHING
    if question.by == user:
        raise Refusal("conflict", "the question is your own")
    if question.answered:
        raise Refusal("conflict", "the question is answered")
    if command.on and sum(len(each.upvoters) for each in memory.shown.questions.values()) >= UPVOTES_MAX:
        raise Refusal("full", f"a session holds {UPVOTES_MAX} upvotes")
    return Decision((QuestionUpvoted(command.question, user, command.on),))


def _answer(id: str, memory: SessionMemory, command: AnswerQuestion, context: Context) -> Decision:
    """`not_found`; the same answer again is nothing."""
    question = _find(memory, command.question)
    text = command.text and fit_text("text", command.text)
    same = bool(question.answered) and question.answer == text
    return NOTHING if same else Decision((QuestionAnswered(command.question, text),))


def _withdraw(id: str, memory: SessionMemory, command: WithdrawQuestion, context: Context) -> Decision:
    """`not_found`; `forbidden` for another's question by those who do not lead; twice is once."""
    if command.question in memory.withdrawn:
        return NOTHING
    question = _find(memory, command.question)
    if question.by != context.caller.user and not leads(memory, context.caller):
        raise Refusal("forbidden", "only its author and those who lead withdraw a question")
    return Decision((QuestionWithdrawn(command.question),))


def _find(memory: SessionMemory, id: str) -> Question:
    question = memory.shown.questions.get(id)
    if question is None:
        raise Refusal("not_found", "no such question")
    return question


FLOOR_DECISIONS: dict[type[Any], Callable[[str, SessionMemory, Any, Context], Decision]] = {
    RaiseHand: _raise,
    LowerHand: _lower,
    Ask: _ask,
    Upvote: _upvote,
    AnswerQuestion: _answer,
    WithdrawQuestion: _withdraw,
}
