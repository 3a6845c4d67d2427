// What this tab has said and does not see in the stream yet: pending until acknowledged, and from then on the stream's.
// An event may arrive before the acknowledgement of its command, or after it; shown is it once in either order.
// Never here: sending (client.js) and drawing (log.js).

export class Sending {
  #outbox;
  #stream;
  #acknowledged = new Map();
  #claimed = new Set();
  #refused = [];

  constructor(outbox, stream) {
    this.#outbox = outbox;
    this.#stream = stream;
  }

  /** The command was done: `answer` names the message it became. */
  done({ command, answer }) {
    const id = answer.d?.id;
    if (command.to === this.#stream && command.do === "say" && id) this.#acknowledged.set(id, command);
  }

  /** The command was refused for good: it waits for a person's decision. Returns false when it is none of ours. */
  refused({ command, error }) {
    if (command.to !== this.#stream || command.do !== "say") return false;
    this.#refused.push({ key: `refused-${command.id}`, d: command.d, why: error.message });
    return true;
  }

  /** Forget a refused one. */
  drop(key) {
    this.#refused = this.#refused.filter((one) => one.key !== key);
  }

  /**
   * Return what is to be shown below the stream, oldest first: `{key, d, why}`, with `why` where it was refused.
   * `messages` are those of the stream, `seq` its newest number, `me` the author to look for.
   */
  list(messages, seq, me) {
    for (const id of this.#acknowledged.keys()) if (Number(id) <= seq) this.#settled(id);
    const echoes = messages.filter(({ by, id }) => by === me && !this.#claimed.has(id));
    const open = this.#outbox.commands.filter((command) => command.to === this.#stream && command.do === "say");
    const unseen = open.filter((command) => !takeEcho(echoes, command));
    return [...this.#acknowledged.values(), ...unseen]
      .sort((a, b) => a.id - b.id)
      .map((command) => ({ key: `pending-${command.id}`, d: command.d, why: null }))
      .concat(this.#refused);
  }

  #settled(id) {
    this.#acknowledged.delete(id);
    this.#claimed.add(id);
  }
}

/** Find, and use up, the message that this unanswered command most likely became. */
function takeEcho(echoes, { d, seq }) {
  const at = echoes.findIndex(({ id, text, reply_to }) => Number(id) > seq && text === d.text && reply_to === (d.reply_to ?? null));
  if (at < 0) return false;
  echoes.splice(at, 1);
  return true;
}
