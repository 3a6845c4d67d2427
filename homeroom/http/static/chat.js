// What an event does to the state of a chat: the same rules as `homeroom/protocol/chat.py`, event for event, so that
// state + events equals a fresh state here too. Never here: members (room.js) and anything shown.
//
// What people chose as a name (ids, emoji) is a key of a Map, never of an object: an object has names of its own.

export const SHOWN = 50;

/** Return the state that a snapshot's `chat` describes. */
export function openChat(chat) {
  return {
    ...chat,
    messages: chat.messages.map(openMessage),
    pins: [...chat.pins],
    muted: new Map(Object.entries(chat.muted)),
    reads: new Map(Object.entries(chat.reads)),
  };
}

/** Return a message of a snapshot or of the history; what equals its default was not sent. */
export function openMessage(message) {
  const whole = { name: "", text: "", kind: "text", reply_to: null, file: null, mentions: [], edited: null, retracted: null, ...message };
  return { ...whole, reactions: new Map(Object.entries(message.reactions ?? {})) };
}

/**
 * Let the event with number `seq` change `chat`; of the messages the newest `window` are kept. Returns those that fell
 * out of the window, oldest first, or `null` when it is no event of a chat.
 */
export function reduceChat(chat, event, window = SHOWN) {
  const change = CHANGES.get(event.type);
  if (!change) return null;
  change(chat, event, event.d);
  return chat.messages.splice(0, Math.max(0, chat.messages.length - window));
}

/** Let an event change `message`, wherever it is held; returns the changed copy, or the message itself. */
export function reduceMessage(message, event) {
  const change = MESSAGE_CHANGES.get(event.type);
  return change && event.d.id === message.id ? { ...message, ...change(message, event, event.d) } : message;
}

/** Count as read by `user`, who just came in, whatever was said before. */
export function enterChat(chat, user) {
  chat.reads.set(user, { upto: chat.messages.at(-1)?.id ?? "0", n: chat.posted });
}

function posted(chat, event, d) {
  chat.posted = d.n;
  const { id, n, name, text, kind, reply_to, file, mentions } = openMessage(d);
  chat.messages.push(openMessage({ id, n, at: event.at, by: event.by, name, text, kind, reply_to, file, mentions }));
  if (chat.reads.has(event.by)) chat.reads.set(event.by, { upto: id, n });
}

function put(chat, event) {
  chat.messages = chat.messages.map((message) => reduceMessage(message, event));
}

function reacted({ reactions }, event, { emoji, users = [] }) {
  const changed = new Map(reactions);
  users.length ? changed.set(emoji, users) : changed.delete(emoji);
  return { reactions: changed };
}

const MESSAGE_CHANGES = new Map([
  ["room.message_edited", (message, event, d) => ({ text: d.text, edited: event.at })],
  ["room.message_retracted", (message, event) => ({ text: "", file: null, mentions: [], reactions: new Map(), retracted: event.by })],
  ["room.reaction_changed", reacted],
]);

function unpin(chat, id) {
  const at = chat.pins.indexOf(id);
  if (at >= 0) chat.pins.splice(at, 1);
}

function muted(chat, event, { user, until }) {
  chat.muted = new Map([...chat.muted].filter(([, end]) => end > event.at)).set(user, until);
}

const CHANGES = new Map([
  ["room.message_posted", posted],
  ["room.message_edited", put],
  ["room.message_retracted", (chat, event, d) => (put(chat, event), unpin(chat, d.id))],
  ["room.reaction_changed", put],
  ["room.read", (chat, event, d) => chat.reads.set(d.user, { upto: d.upto, n: d.n })],
  ["room.message_pinned", (chat, event, d) => chat.pins.push(d.id)],
  ["room.message_unpinned", (chat, event, d) => unpin(chat, d.id)],
  ["room.mode_changed", (chat, event, d) => (chat.mode = d.mode)],
  ["room.slow_mode_changed", (chat, event, d) => (chat.slow = d.seconds)],
  ["room.muted", muted],
  ["room.unmuted", (chat, event, d) => chat.muted.delete(d.user)],
]);
