"""The chapters of the protocol's reference that are written by hand: the order in which things are said, and what no type can say.

Never here: figures, fields and codes (`reference` makes their tables from what is in force).
"""

from inspect import cleandoc

HEAD = cleandoc(
    """
    # Protocol reference

    Generated from the code, and checked against it: to change this page, change the types and run
    `python -m tests.docs.protocol_page`.

    Frames, events and snapshots are maps. **A field that equals its default, as the tables below give it, may be left out by
    either side**: an `ok` without `again` was not done before, a message without `kind` is a `text`. Times are Unix
    milliseconds by the server's clock. For Python there is a client that does all of this: [client.md](client.md).
    """
)

TOKEN = cleandoc(
    """
    ## A token

    Every door but the login wants an access token: REST in the header `Authorization: Bearer …`, the WebSocket in its first
    frame; never in a URL.

    ```
    POST /api/auth/login     {"login": "ann", "password": "…"}
    200                      {"access_token": "…", "expires": 1789000900000, "refresh_token": "…",
                              "refresh_expires": 1791592000000, "user": {"id": "ann", "name": "Ann", "role": "student"},
                              "token_type": "Bearer"}
    POST /api/auth/refresh   {"refresh_token": "…"}
    200                      the same again, with both tokens new
    POST /api/auth/logout    {"refresh_token": "…"}
    200                      {}
    GET  /api/auth/me
    200                      {"id": "ann", "name": "Ann", "role": "student", "expires": 1789000900000}
    ```

    A parent is told its `wards` there as well: the ids of the children it stands for.

    A wrong pair is 401 `unauthenticated`; too many of them are 429 `rate_limited` with `Retry-After`. A refresh token is good
    once: one that comes a second time ends its login. The end of a login, by that or by `logout`, closes its connections
    with 4403. On the server's machine, `homeroom token create LOGIN` prints a token as well.

    When a token ends (`expires`), its connection is closed with 4401. To stay, get the next one in time and hand it over in
    the running connection with `auth`; the answer holds `{expires}` in its `d`.
    """
)

CONNECTION = cleandoc(
    """
    ## The connection

    `GET /ws` upgrades to a WebSocket with subprotocol `homeroom.v1.msgpack` (binary messages) or `homeroom.v1.json` (text
    messages, the same values). One message carries one frame or an array of frames; a frame is a map whose key `t` names its
    type. Unknown fields are ignored; of a key that stands twice, the last counts; numbers are finite, keys are strings, and
    msgpack's extension types do not exist.

    The first frame is `hello`; anything else before `welcome` is answered by `bye` and 4401. What cannot be decoded, or has no
    known `t`, is answered by `bye` and 4400; a known frame with wrong fields by `err` with `bad_frame` or `bad_command` and its
    `id`, and the connection goes on. A second `hello` is answered by `err` with `conflict`.

    ```
    → {"t": "hello", "token": "…", "client": "tab-1"}
    ← {"t": "welcome", "conn": "c9", "user": {…}, "now": 1789000000000, "epoch": "e1", "heartbeat_ms": 30000, "limits": {…}, "expires": 1789000900000}
    → {"t": "sub", "id": 1, "to": "room:lobby"}
    ← {"t": "ok", "id": 1, "d": {"verdict": "snapshot", "pos": ["e1", 17], "state": {…}}}
    → {"t": "cmd", "id": 2, "to": "room:lobby", "do": "say", "d": {"text": "hello"}}
    ← {"t": "ev", "to": "room:lobby", "seq": 18, "e": [{"type": "room.message_posted", "at": 1789000000321, "by": "ann", "d": {"id": "18", "n": 9, "text": "hello", "name": "Ann"}}]}
    ← {"t": "ok", "id": 2, "d": {"id": "18"}, "pos": ["room:lobby", 18]}
    ```

    Whatever comes from a client is a sign of its life, the WebSocket's own pong too. `ping` at least every `heartbeat_ms`: the
    `at` of its `pong` tells the newest number of every stream followed, so that a hole is seen. A number that an `ev` still on
    its way will bring may stand there; ask again only for what the pong before had told already.
    """
)

REQUESTS = cleandoc(
    """
    ## Requests and answers

    `auth`, `sub`, `unsub` and `cmd` carry an `id`, and each gets exactly one `ok` or `err` with it. **One counter for all of
    them is right**: begin at 1 and add 1. Only the `id` of a `cmd` is more than a label. It is the command's identity, within
    `client` and the address it is sent to: a `cmd` that comes again with the same `client`, `id`, `to`, `do` and `d` is not
    carried out again, its first answer returns with `again`; with another `do` or `d` it is `conflict`. So:

    - A `client` that is kept (an installation) never uses an `id` twice. Where the counter cannot be kept, choose a new `client`.
    - Ids need not arrive in order and may have gaps. Commands of one connection to one address are carried out in the order
      in which they were *sent*, whatever their ids.
    - Answers are told apart by their `id`; they come in any order, and so does what was sent to different addresses.
    - **An `ev` may arrive before the `ok` of the command that caused it**, or after it. `pos` in the `ok` is the number of the
      last event that the command caused, so one tells which event is one's own; a command that changed nothing has no `pos`.
    - A `cmd` without an answer is sent again with the same `id`, on the next connection too. It is answered as the
      first time, also when it had changed nothing; only what reads or signals (`history`, `typing` …) is carried out again.
    - An `err` means that nothing changed; one whose `d` has `kept` says what was put aside for review all the same. With `retry_ms` the same frame, with the same `id`, may succeed after that time.

    What is decided on the way to the address (a wrong argument, an unknown verb, a used-up budget) is answered at once; what the
    actor decides is answered when it is durable.

    Whom a command puts somewhere (invites, enrols, appoints, sends or gives something to) has to be one of the people of the school
    and not deleted, else it is `bad_command` for whoever may do it, and nobody is put there: `people[1].id: there is no 'nobody'`,
    and all such places in `errors` of its `d`. Whoever has left can still be taken out.
    """
)

STREAMS = cleandoc(
    """
    ## Streams

    A stream is a log of events, numbered 1, 2, 3, … without gaps; its name is an address. A cursor is `[epoch, seq]`.
    `sub` answers with one of two verdicts: `resumed`, when it was given a cursor from which the missed events can be told, and
    these follow as `ev`; or `snapshot`, the state at `pos`, for no cursor, and for one that is of another epoch, too far back
    or ahead of the stream. `state` has the type that the kind's chapter names. Events after `pos` follow without a gap, and
    state + events equals a later snapshot. No `ev` of the new subscription arrives before its `ok`; after `unsub`, some may
    still be on their way until its `ok`.

    **Coming back.** Keep the cursor of each stream: the `pos` of its snapshot, then the number of each event taken. On the next
    connection send `sub` with it as `since`; subscriptions do not outlive their connection. Skip events whose number is not
    greater than the cursor's. If the first number of an `ev` is greater than the next one due, something is missing: `sub` again
    from the cursor. A `sub` of a stream that is followed already replaces the subscription.

    A subscription ends with `unsub`, with the connection, or with `gone`, whose `code` says why (`forbidden`: access was withdrawn);
    after `gone`, `sub` asks anew. After close codes 45xx come back with the cursors: after `reconnect_ms`, if the `bye` had one, else
    after a random time up to 250 ms, doubled with each failure up to 2 s, and after ten failures on up to 30 s: a restart is felt for
    seconds only.

    ## An event
    """
)

REST = cleandoc(
    """
    ## REST

    Each verb has a twin, named in its chapter. Names in braces are path fields, `{id}` the actor's id, or its address, `room:lobby` for
    `lobby` (a path without it is about oneself); the other arguments are the JSON body, or the query of a GET. Unlike in a frame, a field or parameter that nobody
    knows is refused by its name, and so is one that says another thing than the path; of a key that stands twice in a body,
    the last counts. Bodies may name fields in camelCase, and times in ISO 8601 with an offset. `POST /api/rooms/lobby/messages` with `{"text": "hello"}`:

    ```
    200   {"data": {"id": "18"}, "pos": ["room:lobby", 18]}
    ```

    `data` is the verb's reply, `pos` and `again` are those of an `ok`. Some verbs have several names, which do the same. A door that
    makes a thing answers 201 with its `Location`, and with the `id` that the server made where the path names none; a reply that is a
    `Sheet` comes as a file of comma-separated values. Errors are RFC 9457 problem documents
    (`application/problem+json`) with the `code` of the table below and its status; 429, 500 and 503 come with `Retry-After`. Nothing
    changed, but for `timeout`: what was asked for may still happen, so ask again with the same `Idempotency-Key`.

    `Idempotency-Key`, 1 to 255 visible ASCII characters, on any write of a verb: the same request with the same key, sent by the
    same person to the same address, is carried out once, and the first answer returns with `again`; another request with
    that key is `conflict`. Without it, a request that is sent twice is carried out twice.

    What may be followed can be looked at: `GET` of the thing itself answers its snapshot. Where its chapter names the door, `/replay`
    answers its events with their numbers and times, page by page (`after` a number, at most `limit`; `next` is the `after` of the
    next page, if there is one); of others they come to those who follow, and by catching up. And
    `GET /api/presence/of/<address>` which of the people of a room, a session or a group are here. Lists have pages as well: their `after`, when it is not empty, is
    opaque and leads to the next one.

    All this is about verbs. What a school keeps in rows (classes, timetables, report cards) has doors of another kind, without `data`,
    `pos` and `again`: [records.md](records.md) walks through them.

    All doors stand in `/openapi.json` (to look at: `/docs`), the WebSocket's side in `/asyncapi.json`.

    ## Catching up over HTTP

    `GET /api/realtime/sync?streams=room:a,room:b&since=<cursor>&wait=25`, for a client whose network blocks WebSocket, or that was
    away. `tables=exams,users` means the streams `table:exams` and `table:users`. A table may be named in the singular or the plural,
    with `_`, `-` or neither (`report-card`); the answer has the stream's own name (`table:report_cards`). A table that there is not is
    `refused`, and its `msg` names those that there are.

    ```
    200   {"cursor": "c1.…", "more": false, "streams": {
             "room:a": {"verdict": "resumed", "pos": ["e1", 19], "seq": 18, "events": [{…}, {…}]},
             "room:b": {"verdict": "snapshot", "pos": ["e1", 4], "state": {…}},
             "room:c": {"verdict": "refused", "code": "not_found", "msg": "no such thing"}}}
    ```

    - `resumed`: the missed events, none when nothing was missed; the first of them has number `seq`. `snapshot`: `state` at `pos`.
      `refused`: a `sub` would be refused with this `code` (`forbidden` or `not_found`), and the other streams are answered all the
      same. Any other refusal is the answer to the whole request.
    - `since` is the `cursor` of the last answer, opaque, for the same or other streams; a stream that it does not hold is answered
      by a snapshot. Unix milliseconds are taken as well: then each stream goes on at the first event at or after that time.
    - `more`: there are further events; ask again at once. An answer holds about 512 KiB: a stream that did not fit is missing from
      `streams`, and the next answer goes on there. Whoever leaves answers unread is told `rate_limited` until they are read.
    - `wait`: with nothing to tell, the answer is held back until an event comes, so many seconds at the most; a longer wait than
      the limit below is cut to it. Then all streams are answered `resumed` without events.
    - A login that ends, or a token that expires, ends the wait: 401 `unauthenticated`, without an event.
    - Signals are not caught up on.
    """
)

LIMITS = cleandoc(
    """
    ## Limits and budgets

    Those of `welcome.limits` are told to every connection; all of them are defaults that a school may have changed.
    """
)

BUDGETS = cleandoc(
    """
    Each verb draws on a budget, and `sub` and catching up on the budget `subscribe`. A budget belongs to a person: all its
    connections and REST share it. When it is used up, the answer is `rate_limited` with `retry_ms` (REST: 429 with
    `Retry-After`), nothing was done, and the connection goes on.
    """
)

CHANNELS = """## Channels of the records

What is kept in tables, such as classes, schedules and report cards, is written by REST and told on channels: streams without an actor.
They are followed, resumed and caught up on like any other; a command to one is answered `not_found` or `bad_command`.

A snapshot says what the channel is about, and little more: the records themselves are read by REST. One write is told on several
channels, on each with a number of its own; all of them are told it, or none. Subscriptions end with `gone`: `forbidden` within 5 s of
the membership that granted them or the role that it is for, `not_found` when the thing itself is deleted. What actors tell a class or a table comes on
its channel too, with the type and the data that the actor's chapter describes.

What is past is shown as it may be read now. Whoever resumes, catches up or reads on from a number gets every event, with its number, type and
time; but of a record that is deleted since, or that the reader may not read any more (narrowed, over, reverted, a link that has ended), the
data holds `id`, `operation`, `version` and what else ends in `_id`, and no `row`. What was said of a record before it was last published, or
before it came (again) to people who had not been told it just before (published anew, widened, moved there or back), is left out in the same way for all but
those who may read every record of its kind. Live events hold what their readers may see at that moment.

The id of a class, a course or a cohort is given out once: that of a deleted one is a `conflict`, so nobody comes by its history."""
