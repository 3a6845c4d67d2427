// Commands from the moment they are given until the moment they are acknowledged, and the numbers they carry.
// A command is sent again with the same number as often as it takes; the server carries it out once.
// Never here: sending. The list outlives a reload of the tab, because its text may be the only copy of what was written.

import { keep, recall } from "./world.js";

const KEY = "homeroom.outbox";
const CLAIM_MS = 400;

/**
 * Return the outbox of this tab. A duplicated tab starts with a copy of its twin's storage, but two tabs must never share
 * a client id: the id belongs to the tab that holds the lock of its name, and a tab that cannot get it takes a new one.
 */
export async function claimOutbox(world) {
  const kept = recall(world.store, KEY);
  const mine = kept !== null && (await hold(world, kept.client));
  const outbox = new Outbox(world, mine ? kept : null);
  if (!mine) await hold(world, outbox.client);
  return { outbox, twin: kept !== null && !mine };
}

function hold(world, client) {
  if (!world.locks) return Promise.resolve(false);
  return new Promise((resolve) => {
    const wait = new AbortController();
    const cancel = world.after(CLAIM_MS, () => wait.abort());
    const held = () => {
      cancel();
      resolve(true);
      return new Promise(() => {}); // held for the life of the tab
    };
    world.locks.request(`homeroom.${client}`, { signal: wait.signal }, held).catch(() => resolve(false));
  });
}

export class Outbox {
  #world;
  #kept;

  constructor(world, kept = null) {
    this.#world = world;
    this.#kept = kept ?? { client: `web-${world.id()}`, user: null, next: 1, commands: [] };
  }

  /** The id that scopes the numbers of this tab's commands. */
  get client() {
    return this.#kept.client;
  }

  /** The commands without an answer, oldest first: `{id, to, do, d, seq, sent?, errand?}`; `seq` is where its stream stood. */
  get commands() {
    return this.#kept.commands;
  }

  /** Say whose commands these are; those of somebody else are dropped, never sent in the wrong name. */
  belongTo(user) {
    if (this.#kept.user === user) return;
    this.#kept.user = user;
    this.#kept.commands = [];
    this.#save();
  }

  /** Return the next number. Numbers grow for as long as the client id lives. */
  number() {
    const id = this.#kept.next++;
    this.#save();
    return id;
  }

  /** Take in a command, given when its stream stood at `seq`, and return it. */
  put(to, verb, d, seq) {
    const command = { id: this.#kept.next++, to, do: verb, d, seq };
    this.#kept.commands.push(command);
    this.#save();
    return command;
  }

  /** Note of a command that it was `sent` on a socket, or became an `errand`. */
  mark(command, what) {
    if (command[what]) return;
    command[what] = true;
    this.#save();
  }

  /** Strike out the command that was answered, or given up, and return it. */
  strike(id) {
    const at = this.#kept.commands.findIndex((command) => command.id === id);
    if (at < 0) return null;
    const [command] = this.#kept.commands.splice(at, 1);
    this.#save();
    return command;
  }

  #save() {
    keep(this.#world.store, KEY, this.#kept);
  }
}
