// A room as this page holds it: the state of `homeroom/protocol/room.py`, reduced by the same rules, and beside it what
// is not a part of that state: older messages that were fetched or fell out of the window, who is typing, who is present, and `gone`: the code with which the stream ended.
// Never here: the socket and the document.

import { enterChat, openChat, openMessage, reduceChat, reduceMessage, SHOWN } from "./chat.js";

const TYPING_MS = 6_000;
const TOLD_ANEW_MS = 2_500;
const OLDER_MAX = 2_000;

/** Return the state that a snapshot describes. */
export function openRoom(state) {
  const maps = ["members", "invited", "barred"].map((name) => [name, new Map(Object.entries(state[name]))]);
  return { ...state, ...Object.fromEntries(maps), chat: openChat(state.chat) };
}

/** Let an event change `state`; returns the messages that fell out of the window. An unknown event changes nothing. */
export function reduceRoom(state, event, window = SHOWN) {
  const change = CHANGES.get(event.type);
  if (!change) return reduceChat(state.chat, event, window) ?? [];
  change(state, event, event.d);
  return [];
}

function joined(state, event, { user, role, name = "" }) {
  state.members.set(user, { role, name, since: event.at });
  state.invited.delete(user);
  state.barred.delete(user);
  enterChat(state.chat, user);
}

function left(state, event, { user, reason }) {
  state.members.delete(user);
  state.chat.reads.delete(user);
  if (state.owner === user) state.owner = "";
  if (reason === "removed") state.barred.set(user, event.at);
}

function invited(state, event, { user }) {
  state.invited.set(user, event.at);
  state.barred.delete(user);
}

function promoted(state, event, { user, role }) {
  const member = state.members.get(user);
  if (member) state.members.set(user, { ...member, role });
  if (role === "owner") state.owner = user;
}

const CHANGES = new Map([
  ["room.created", (state, event, { title, visibility, owner }) => Object.assign(state, { title, visibility, owner, created: event.at })],
  ["room.joined", joined],
  ["room.left", left],
  ["room.invited", invited],
  ["room.invite_withdrawn", (state, event, d) => state.invited.delete(d.user)],
  ["room.role_changed", promoted],
  ["room.disbanded", (state, event) => Object.assign(state, { ended: event.at })],
]);

/** A follower (follow.js) of one room's stream. `onchange(event)` is called after each batch with the events in it. */
export class Room {
  state = null;
  seq = 0;
  older = [];
  hasOlder = false;
  typing = new Map();
  presence = new Map();
  gone = null;

  #world;
  #onchange;
  #batch = [];
  #told = new Set();

  constructor(world, onchange) {
    this.#world = world;
    this.#onchange = onchange;
  }

  /** All messages held, oldest first, without a hole between them. */
  get messages() {
    return this.state ? [...this.older, ...this.state.chat.messages] : [];
  }

  /** The message with this id, if it is held. */
  message(id) {
    return this.messages.find((message) => message.id === id) ?? null;
  }

  /** What to call a person: the name of the member, or of the author, or the bare id. */
  name(user) {
    return this.state?.members.get(user)?.name || this.messages.findLast((message) => message.by === user)?.name || user;
  }

  /** Users who are typing at this moment. */
  typists() {
    const now = this.#world.now();
    return [...this.typing].filter(([, until]) => until > now).map(([user]) => user);
  }

  /** Take a page of `history` that ends where the held messages begin. */
  takeOlder({ messages, more }) {
    const first = Number(this.messages[0]?.id ?? Infinity);
    this.older = [...messages.map(openMessage).filter((message) => Number(message.id) < first), ...this.older];
    this.hasOlder = more;
  }

  snapshot(state) {
    this.state = openRoom(state);
    this.older = [];
    this.hasOlder = this.state.chat.posted > this.state.chat.messages.length;
    this.typing.clear();
    this.gone = null;
    this.#batch.push({ type: "snapshot" });
  }

  event(event, seq) {
    this.seq = seq;
    const dropped = reduceRoom(this.state, event);
    this.older = [...this.older.map((message) => reduceMessage(message, event)), ...dropped];
    if (this.older.length > OLDER_MAX) {
      this.older.splice(0, this.older.length - OLDER_MAX);
      this.hasOlder = true;
    }
    if (event.type === "room.message_posted") this.typing.delete(event.by);
    this.#batch.push(event);
  }

  signal({ type, d }) {
    if (type === "room.typing") d.typing ? this.typing.set(d.user, this.#world.now() + TYPING_MS) : this.typing.delete(d.user);
    else if (type === "room.presence") {
      this.#told.add(d.user);
      this.presence.set(d.user, d);
    }
  }

  /** Who is present is told anew now; whoever is not told of has left while nobody told us. */
  joined() {
    this.#told.clear();
    this.#world.after(TOLD_ANEW_MS, () => this.#forgetUntold());
  }

  #forgetUntold() {
    for (const user of [...this.presence.keys()]) if (!this.#told.has(user)) this.presence.delete(user);
    this.settled();
  }

  ended(code) {
    this.gone = code;
  }

  settled() {
    this.#onchange(this.#batch.splice(0));
  }
}
