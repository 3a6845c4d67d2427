// Commands carried by REST (contract section 7) while a network lets no WebSocket through.
// A command goes one way only: what was ever sent on a socket waits for a socket, and what became an errand stays one,
// because the two ways are told apart by the server and could otherwise both be done. Never here: when that time has come.

import { passes } from "./backoff.js";
import { Refused } from "./session.js";

const path = (to, rest) => `/api/${to.split(":")[0]}s/${to.split(":")[1]}${rest}`;
const message = ({ to, d }, rest = "") => path(to, `/messages/${d.message}${rest}`);

const TWINS = {
  create: ({ to, d }) => ["PUT", path(to, ""), d],
  join: ({ to }) => ["POST", path(to, "/join"), {}],
  say: ({ to, d }) => ["POST", path(to, "/messages"), d],
  edit: (command) => ["PATCH", message(command), { text: command.d.text }],
  retract: (command) => ["DELETE", message(command), undefined],
  react: (command) => ["POST", message(command, "/reactions"), { emoji: command.d.emoji, on: command.d.on }],
};

export class Errands {
  #session;
  #outbox;
  #settle;
  #running = false;

  /** `settle(command, answer, error)` is told the end of each errand. */
  constructor(session, outbox, settle) {
    this.#session = session;
    this.#outbox = outbox;
    this.#settle = settle;
  }

  /** Make errands of the commands that no socket has carried yet. */
  take() {
    for (const command of this.#outbox.commands) if (!command.sent && TWINS[command.do]) this.#outbox.mark(command, "errand");
  }

  /** Run the errands, one after the other, until they are done or the network fails. */
  async run() {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#next(); next; next = this.#next()) if (!(await this.#carry(next))) return;
    } finally {
      this.#running = false;
    }
  }

  #next() {
    return this.#outbox.commands.find((command) => command.errand);
  }

  async #carry(command) {
    const [method, address, body] = TWINS[command.do](command);
    const headers = { "Idempotency-Key": `${this.#outbox.client}-${command.id}` };
    try {
      const { data, pos } = await this.#session.ask(method, address, { body, headers });
      this.#settle(command, { d: data, pos }, null);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 0 || error.status === 401 || passes(error.code)) return false;
      this.#settle(command, null, error);
    }
    return true;
  }
}
