// One followed stream: where we stand in it, and whether what comes next joins what we have.
// Never here: the socket, and what an event means (the follower knows).

/**
 * A follower is told `snapshot(state)`, `event(event, seq)`, `signal(event)`, `ended(code)`, and `settled()` after each batch;
 * and `joined()` when a subscription begins, after which the signals that are still true are told anew.
 */
export class Follow {
  cursor = null;
  live = false;
  asked = 0;

  constructor(stream, follower) {
    this.stream = stream;
    this.follower = follower;
  }

  /** The number of the newest event that the follower has been given. */
  get seq() {
    return this.cursor?.[1] ?? 0;
  }

  /** Take the server's verdict: either the events after our cursor follow, or a state replaces ours. */
  open({ verdict, pos, state }) {
    this.live = true;
    if (verdict === "snapshot") {
      this.cursor = [...pos];
      this.follower.snapshot(state);
    } else {
      this.cursor ??= [...pos];
    }
    this.follower.settled();
  }

  /** Take a batch whose first event has number `seq`; false when events before it are missing (nothing is taken then). */
  take(seq, events) {
    if (!this.live) return true;
    if (seq > this.seq + 1) return false;
    for (const [at, event] of events.entries()) {
      if (seq + at <= this.seq) continue; // had already: a batch sent twice changes nothing
      this.cursor[1] = seq + at;
      this.follower.event(event, seq + at);
    }
    this.follower.settled();
    return true;
  }

  /** Take ephemeral events. */
  signal(events) {
    if (!this.live) return;
    for (const event of events) this.follower.signal(event);
    this.follower.settled();
  }

  /** The subscription ended. */
  end(code) {
    this.live = false;
    this.cursor = null;
    this.follower.ended(code);
    this.follower.settled();
  }
}
