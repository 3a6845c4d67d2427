// Catch-up over HTTP (contract section 6), for as long as no socket can be had. Never here: the socket, and when to begin.

const AFTER_FAILURE_MS = 30_000;
const AFTER_ANSWER_MS = 500;
const AFTER_REFUSAL_MS = 5_000;
const WAIT_S = 25;
const REFUSED = Symbol("a stream was refused");

export class Polling {
  #world;
  #session;
  #follows;
  #notice;
  #stopped = null;

  /**
   * `follows`: the followed streams by name. `notice(reached, error)` is told after each poll whether the server answered,
   * and what was wrong if it did not.
   */
  constructor(world, session, follows, notice) {
    this.#world = world;
    this.#session = session;
    this.#follows = follows;
    this.#notice = notice;
  }

  /** Poll until told to end. */
  begin() {
    if (this.#stopped) return;
    this.#stopped = new AbortController();
    this.#poll(this.#stopped.signal, null);
  }

  /** Poll no longer; an answer on its way is not taken. */
  end() {
    this.#stopped?.abort();
    this.#stopped = null;
  }

  async #poll(signal, cursor) {
    let next = cursor;
    let pause = AFTER_ANSWER_MS;
    try {
      next = await this.#ask(signal, cursor);
      if (next === REFUSED) [next, pause] = [null, AFTER_REFUSAL_MS];
      if (!signal.aborted) this.#notice(true, null);
    } catch (error) {
      if (signal.aborted) return;
      pause = AFTER_FAILURE_MS;
      this.#notice(false, error);
    }
    this.#world.after(pause, () => signal.aborted || this.#poll(signal, next));
  }

  /** Ask once, held open by the server when there is nothing new; returns the cursor to go on from, or that a stream was refused. */
  async #ask(signal, cursor) {
    const query = new URLSearchParams({ streams: [...this.#follows.keys()].join(","), wait: cursor ? WAIT_S : 0 });
    if (cursor) query.set("since", cursor);
    const answer = await this.#session.ask("GET", `/api/realtime/sync?${query}`, { signal });
    if (signal.aborted) return null;
    for (const [stream, found] of Object.entries(answer.streams)) catchUp(this.#follows.get(stream), found);
    if (Object.values(answer.streams).some(({ verdict }) => verdict === "refused")) return REFUSED;
    // a stream that is missing did not fit into this answer, and comes with the next
    const places = [...this.#follows].every(([stream, follow]) => follow.cursor || !(stream in answer.streams));
    return places ? answer.cursor : null;
  }
}

function catchUp(follow, { verdict, pos, state, seq, events = [], code }) {
  if (!follow) return;
  if (verdict === "refused") return void follow.end(code);
  follow.open({ verdict, pos, state });
  if (events.length && !follow.take(seq, events)) follow.cursor = null; // a hole: a state is asked for next
  follow.live = false; // the next answer, or the socket, says where it goes on
}
