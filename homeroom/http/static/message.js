// One message as elements: every text of a person goes in as text. Never here: the list, and what the buttons cause.

import { button, make } from "./dom.js";
import { avatar } from "./login.js";

export const EMOJI = ["👍", "❤️", "😄", "🎉", "👀", "✅"];
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const QUOTED = 140;

/** The time of day, as it is written beside a message. */
export const clock = (at) => CLOCK.format(at);

/** The beginning of a message, for a quotation. */
export function excerpt(message) {
  if (!message) return "an older message";
  if (message.retracted) return "a deleted message";
  const line = (message.text || message.file?.name || "").replaceAll(/\s+/g, " ");
  return line.length > QUOTED ? `${line.slice(0, QUOTED)}…` : line;
}

/**
 * Build a message. `item`: `{message, name, short, own, quote, me, seen, deleter, reacting, sure, may}`; `acts`: what the buttons do,
 * by name, each called with the message (and the emoji).
 */
export function buildMessage(item, acts) {
  const { message, name, short, own } = item;
  const article = make(
    "article",
    { className: `message${own ? " own" : ""}${short ? " short" : ""}`, tabIndex: -1, "aria-label": `${name}, ${clock(message.at)}` },
    short ? make("span", { className: "gutter hushed small", "aria-hidden": "true" }, clock(message.at)) : avatar(message.by, name),
    make("div", { className: "body" }, ...body(item, acts)),
    message.retracted ? null : tools(item, acts),
  );
  return make("li", {}, article);
}

function body(item, acts) {
  const { message, name, short } = item;
  return [
    short ? null : make("p", { className: "head" }, make("span", { className: "author" }, name), time(message.at)),
    item.quote && make("p", { className: "quote" }, make("span", { className: "author" }, item.quote.name), ` ${item.quote.text}`),
    text(item),
    message.file ? file(message.file) : null,
    message.reactions.size ? reactions(item, acts) : null,
    item.seen ? make("p", { className: "seen hushed small" }, item.seen) : null,
  ].filter((part) => part);
}

function text({ message, deleter }) {
  if (message.retracted) return make("p", { className: "text hushed" }, deleter ? `Deleted by ${deleter}.` : "Deleted.");
  const edited = message.edited ? make("span", { className: "hushed small", title: WHOLE.format(message.edited) }, " (edited)") : null;
  return message.text || edited ? make("p", { className: "text", dir: "auto" }, message.text, edited) : null;
}

const time = (at) => make("time", { className: "hushed small", dateTime: new Date(at).toISOString(), title: WHOLE.format(at) }, clock(at));

function file({ name, size }) {
  return make("p", { className: "file" }, make("span", { "aria-hidden": "true" }, "📎 "), name, make("span", { className: "hushed small" }, ` ${bytes(size)}`));
}

function bytes(size) {
  const power = Math.min(Math.floor(Math.log2(Math.max(size, 1)) / 10), 3);
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(size / 1024 ** power)} ${["bytes", "KB", "MB", "GB"][power]}`;
}

function reactions({ message, me, nameOf, may }, acts) {
  const chips = [...message.reactions].map(([emoji, users]) => {
    const mine = users.includes(me);
    const who = users.map(nameOf).join(", ");
    const props = { className: "chip", title: who, "aria-pressed": String(mine), "aria-label": `${emoji} ${users.length}: ${who}`, disabled: !may.answer };
    return button(`${emoji} ${users.length}`, () => acts.react(message, emoji, !mine), props);
  });
  return make("div", { className: "reactions", role: "group", "aria-label": "Reactions" }, ...chips);
}

function tools(item, acts) {
  const { message, may, reacting, sure } = item;
  const tool = (name, press, label = name) => button(label, press, { className: "tool", "aria-label": name });
  const buttons = reacting && may.answer
    ? [...EMOJI.map((emoji) => tool(`React with ${emoji}`, () => acts.react(message, emoji, true), emoji)), tool("Cancel", () => acts.reacting(null), "✕")]
    : [
        may.answer ? tool("React", () => acts.reacting(message)) : null,
        may.answer ? tool("Reply", () => acts.reply(message)) : null,
        may.edit ? tool("Edit", () => acts.edit(message)) : null,
        may.retract ? (sure ? tool("Really delete", () => acts.retract(message)) : tool("Delete", () => acts.sure(message))) : null,
      ];
  return make("div", { className: `tools${reacting || sure ? " held" : ""}`, role: "group", "aria-label": "Actions" }, ...buttons);
}

/** Build a message that is on its way, or was refused. */
export function buildPending({ key, d, why, name, me, online }, acts) {
  const state = why
    ? make("p", { className: "error small" }, `Not sent: ${why} `, button("Try again", () => acts.again(key, d), { className: "link" }), " ", button("Discard", () => acts.discard(key), { className: "link" }))
    : make("p", { className: "seen hushed small" }, online ? "Sending…" : "Waiting for the connection…");
  const article = make(
    "article",
    { className: `message own ${why ? "refused" : "pending"}`, tabIndex: -1, "aria-label": why ? "Not sent" : "Being sent" },
    avatar(me, name),
    make("div", { className: "body" }, make("p", { className: "head" }, make("span", { className: "author" }, name)), make("p", { className: "text", dir: "auto" }, d.text), state),
  );
  return make("li", {}, article);
}
