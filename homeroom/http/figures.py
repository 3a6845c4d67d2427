"""What the parts' figures mean: the words for each, which of them only grow, and which maps are labels and not names.

A figure is found by its way through the parts' statistics, `engine.journal.pending`. One that is not in the table is shown all
the same, as a gauge, with words made of its way. Never here: reading and writing them (`metrics`).
"""

from dataclasses import dataclass

LABELS = {"gateway.closed": "code", "gateway.faults": "name", "http.faults": "name", "engine.actors.busiest": "actor"}
"""Maps whose keys are no fixed names: each entry is a sample with this label."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The words for a figure; `grows`: it counts since the start of the process, and is never less than before."""

    words: str
    grows: bool = False


def find_figure(way: str) -> Figure:
    """Return what is known of the figure at `way`; a name that ends with `_total` says itself that it grows."""
    found = FIGURES.get(way)
    if found is not None:
        return found
    part, *inside = way.replace("_", " ").split(".")
    return Figure(f"{part.capitalize()}: {', '.join(inside)}.", way.endswith("_total"))


def _totals(part: str, **words: str) -> dict[str, Figure]:
    return {f"{part}.{name}": Figure(f"{text}.", True) for name, text in words.items()}


def _levels(part: str, **words: str) -> dict[str, Figure]:
    return {f"{part}.{name}": Figure(f"{text}.") for name, text in words.items()}


def _pool(part: str, prefix: str = "") -> dict[str, Figure]:
    return {
        **_levels(
            part,
            **{f"{prefix}busy": "Database connections in use", f"{prefix}waiting": "Tasks waiting for a connection"},
        ),
        **_totals(
            part,
            **{f"{prefix}connects": "Attempts to connect", f"{prefix}failures": "Attempts to connect that failed"},
        ),
    }


FIGURES: dict[str, Figure] = {
    **_levels(
        "engine.actors",
        active="Actors in memory",
        refusing="Actors that refuse commands for now, because they crashed or lost their journal",
        watchers="Subscriptions to actors",
        mailbox_depth="Posts waiting in all mailboxes",
        mailbox_depth_most="Posts waiting in the longest mailbox",
        lag_ms_most="Age of the oldest waiting post in milliseconds",
        unsaved_most="Events since the last snapshot, of the actor with the most",
        snapshot_age_ms_most="Age of the oldest snapshot that is behind its actor, in milliseconds",
    ),
    **_levels(
        "engine.actors.busiest",
        depth="Posts waiting, of the actors with the longest mailboxes",
        lag_ms="Age of the oldest waiting post in milliseconds, of the actors with the longest mailboxes",
        refusing="Whether it refuses commands for now, of the actors with the longest mailboxes",
    ),
    **_totals(
        "engine.counters",
        activations="Actors brought into memory",
        sleeps="Actors put out of memory because nothing happened",
        turns="Batches of posts that actors took",
        commands="Commands taken by actors",
        events="Durable events",
        again="Commands sent again and answered from their receipt",
        refusals="Commands refused by their actor",
        overloads="Commands refused because a mailbox was full",
        crashes="Crashes of actors",
        restarts="Restarts of actors after a crash",
        suspensions="Actors suspended because they crashed too often",
        doubts="Appends whose outcome had to be read back",
        superseded="Appends lost to a newer owner of the stream",
        reloads="Actors read anew because of the journal",
        snapshots="Snapshots written",
        snapshot_failures="Snapshots that could not be written",
        look_ups="Look-ups in read tables",
        feeds="Subscriptions caught up from the journal",
        delivered="Durable messages delivered between actors",
        parked="Durable messages given up until the next start",
    ),
    **_levels("engine.timers", armed="Deadlines and timers that are armed"),
    **_totals("engine.timers", fired="Deadlines and timers that fired"),
    **_levels(
        "engine.courier",
        depth="Durable messages on their way between actors",
        parked="Durable messages given up until the next start",
    ),
    **_levels("engine", look_ups="Look-ups running now", quarantined="Commands that are not run any more"),
    **_levels(
        "engine.journal",
        pending="Appends waiting for their commit",
        capacity="Appends that may wait at the most",
        commit_ms="How long the last commit took, in milliseconds",
    ),
    **_totals(
        "engine.journal",
        doubts="Commits whose outcome had to be read back",
        appends="Appends committed",
        records="Events committed",
        commits="Commits",
        failures="Appends that failed",
        superseded="Appends lost to a newer owner of the stream",
    ),
    **_pool("engine.journal", "pool_"),
    **_levels(
        "engine.hub",
        streams="Streams with subscribers or pending events",
        subscriptions="Subscriptions",
        waiting="Events waiting for their window to end",
        direct_window_ms="The window for messages in force, in milliseconds",
        calm_window_ms="The window for what may wait in force, in milliseconds",
        lag_ms="How late the last flush came, in milliseconds",
    ),
    **_totals("engine.hub", frames="Frames encoded", deliveries="Frames handed to connections"),
    **_levels(
        "gateway",
        connections="Open WebSocket connections",
        users="People with an open WebSocket connection",
        waiting_bytes="Bytes that wait for slow readers",
    ),
    **_totals(
        "gateway",
        opened="WebSocket connections opened",
        closed="WebSocket connections closed, by close code",
        faults="Faults of the gateway, by the name of the exception",
        presence_told_again="Times that presence had to be told again",
    ),
    **_levels("listener", connections="Open connections of both kinds", addresses="Addresses they come from"),
    **_totals(
        "listener",
        accepted="Connections accepted",
        refused="Connections answered 503 because there were too many",
        dropped="Connections closed without an answer because too many were being refused",
        exhausted="Times that no descriptor was left for another connection",
    ),
    **_levels("http", connections="Open HTTP connections"),
    **_totals("http", faults="What escaped from the HTTP server's parts, by name"),
    **_pool("database"),
    **_levels("sync", polls="Long polls held open", people="People with a long poll held open"),
    **_levels("budgets", buckets="Budgets in use"),
    **_totals("budgets", refused="Requests and commands refused because a budget was used up"),
}
