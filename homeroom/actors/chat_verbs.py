"""The rows of a chat's verbs: their rules, REST twins and budgets, for every kind that is made with a chat.

Never here: what the verbs do (`chat`), and who is a member.
"""

from homeroom.actors.their_words import FILE
from homeroom.engine.kind import Verb
from homeroom.protocol import chat as words
from homeroom.protocol.access import Rule


def chat_verbs(plural: str, members: Rule, moderators: Rule, readers: Rule) -> tuple[Verb, ...]:
    """Return the rows of all verbs of a chat for a kind called `plural` in REST."""
    root = f"/api/{plural}/{{id}}"
    message = f"{root}/messages/{{message}}"
    return (
        Verb(
            words.Say,
            members,
            f"POST {root}/messages",
            "chat",
            words.Said,
            words={"message": "text", "messageType": "kind"},
            turned=(FILE,),
            anybody=("mentions[]",),
        ),
        Verb(words.Edit, members, f"PATCH {message}", "chat"),
        Verb(words.Retract, members | moderators, f"DELETE {message}", "chat"),
        Verb(words.React, members, f"POST {message}/reactions", "chat"),
        Verb(words.Typing, members, f"POST {root}/typing", "typing", remembered=False),
        Verb(words.Read, members, f"POST {root}/read", "read", remembered=False),  # never goes back: twice is once
        Verb(words.Unread, members, f"GET {root}/unread", "read", words.UnreadCount, remembered=False),
        Verb(words.History, readers, f"GET {root}/messages", "read", words.HistoryPage, remembered=False),
        Verb(words.Audit, moderators, f"GET {root}/audit", "read", words.AuditPage, remembered=False),
        Verb(words.Pin, moderators, f"PUT {root}/pins/{{message}}", "control"),
        Verb(words.Unpin, moderators, f"DELETE {root}/pins/{{message}}", "control"),
        Verb(words.SetMode, moderators, f"PUT {root}/mode", "control"),
        Verb(words.SlowMode, moderators, f"PUT {root}/slow_mode", "control"),
        Verb(words.Mute, moderators, f"POST {root}/mute", "control", anybody=("user",)),
        Verb(words.Unmute, moderators, f"POST {root}/unmute", "control", anybody=("user",)),
    )
