// The list of messages: what is in it, where it is scrolled to, what is unread, what a screen reader is told.
// Never here: one message's elements (message.js), and the protocol.

import { byId, fill, make, say, show } from "./dom.js";
import { buildMessage, buildPending, excerpt } from "./message.js";

const NEAR_PX = 90;
const CLOSE_MS = 5 * 60_000;
const READ_MS = 600;
const SAID = 3;
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export class Log {
  #page;
  #scroll = byId("scroll");
  #mark = null;
  #marked = false;
  #reacting = null;
  #sure = null;
  #reading = null;
  #stuck = true;
  #resized = new ResizeObserver(() => this.#stuck && this.toEnd());

  /** `page`: `{world, room, sending, me, may, act, load, seq, online, reply, edit}`, see app.js. */
  constructor(page) {
    this.#page = page;
    this.#listen();
  }

  #listen() {
    this.#scroll.onscroll = () => this.#scrolled();
    this.#resized.observe(this.#scroll);
    this.#scroll.onkeydown = (event) => this.#step(event);
    byId("newest").onclick = () => this.toEnd();
    byId("older").onclick = () => this.#older();
    document.onvisibilitychange = () => this.#turned();
  }

  /** Let go of the list: it belongs to somebody else now. */
  end() {
    this.#resized.disconnect();
    this.#reading?.();
  }

  /** Draw what has changed; `batch` are the events that came just now. */
  draw(batch = []) {
    const { room } = this.#page;
    if (!room.state) return;
    const stay = this.#atEnd() || batch.some(({ type }) => type === "snapshot");
    this.#placeMark();
    fill(byId("messages"), this.#items(), PLAN(this.#acts));
    fill(byId("pending"), this.#pending(), PENDING_PLAN(this.#acts));
    show(byId("older"), room.hasOlder);
    show(byId("beginning"), !room.hasOlder);
    if (stay) this.toEnd();
    this.#tell(batch.filter(({ type, by }) => type === "room.message_posted" && by !== this.#page.me));
    this.#count();
  }

  /** Go to the newest message. */
  toEnd() {
    this.#stuck = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    show(byId("newest"), false);
    this.#seen();
  }

  /** Something was written here: what came before it has been read. */
  wrote() {
    this.#mark = null;
    this.draw();
    this.toEnd();
  }

  /** Put away the emoji and the question whether to delete. */
  close() {
    if (!this.#reacting && !this.#sure) return;
    this.#reacting = this.#sure = null;
    this.draw();
  }

  // --- what stands in the list

  #items() {
    const { room } = this.#page;
    const items = [];
    let last = null;
    for (const message of room.messages) {
      const day = DAY.format(message.at);
      if (!last || DAY.format(last.at) !== day) items.push({ key: `day-${message.id}`, divider: day });
      if (this.#isFirstUnread(message, last)) items.push({ key: "new", divider: "New", unread: true });
      items.push(this.#item(message, items.at(-1)?.message));
      last = message;
    }
    return items;
  }

  #item(message, above) {
    const { room, me, may } = this.#page;
    const replied = message.reply_to && room.message(message.reply_to);
    const short = above && above.by === message.by && !message.reply_to && message.at - above.at < CLOSE_MS;
    return {
      key: message.id,
      message,
      name: message.name || room.name(message.by),
      short: Boolean(short),
      own: message.by === me,
      me,
      nameOf: (user) => room.name(user),
      quote: message.reply_to ? { name: replied ? replied.name || room.name(replied.by) : "", text: excerpt(replied) } : null,
      seen: this.#readers(message),
      deleter: this.#deleter(message),
      reacting: this.#reacting === message.id,
      sure: this.#sure === message.id,
      may: may(message),
    };
  }

  /** Who deleted a message that is not their own; its name, as far as it is known. */
  #deleter({ by, retracted }) {
    if (!retracted || retracted === by) return "";
    const name = this.#page.room.name(retracted);
    return name === retracted ? "a moderator" : name;
  }

  #readers(message) {
    const { room, me } = this.#page;
    if (message.by !== me || room.messages.findLast((one) => one.by === me) !== message) return "";
    const readers = [...room.state.chat.reads].filter(([user, { n }]) => user !== me && n >= message.n && room.state.members.has(user));
    if (readers.length > 3) return `Read by ${readers.length}`;
    return readers.length ? `Read by ${readers.map(([user]) => room.name(user)).join(", ")}` : "";
  }

  #pending() {
    const { room, sending, me, seq, online } = this.#page;
    const on = online();
    return sending.list(room.messages, seq(), me).map((one) => ({ ...one, me, name: room.name(me), online: on }));
  }

  // --- unread

  #placeMark() {
    if (this.#marked) return;
    this.#marked = true;
    this.#mark = this.#page.room.state.chat.reads.get(this.#page.me)?.upto ?? null;
  }

  #isFirstUnread(message, last) {
    const mark = Number(this.#mark ?? NaN);
    return message.by !== this.#page.me && Number(message.id) > mark && Number(last?.id ?? 0) <= mark;
  }

  #turned() {
    if (document.hidden) this.#mark = this.#page.room.messages.at(-1)?.id ?? null;
    else if (this.#atEnd()) this.#seen();
    this.#count();
  }

  /** The end of the list is in sight: tell so, once things have come to rest. */
  #seen() {
    show(byId("newest"), false);
    this.#reading ??= this.#page.world.after(READ_MS, () => {
      this.#reading = null;
      this.#read();
    });
  }

  #read() {
    const { room, me, act } = this.#page;
    const newest = room.state?.chat.messages.at(-1);
    const read = room.state?.chat.reads.get(me);
    if (!document.hidden && newest && read && read.n < newest.n && this.#atEnd()) act("read", { upto: newest.id });
  }

  #count() {
    const { room, me } = this.#page;
    const read = room.state?.chat.reads.get(me);
    const unread = document.hidden && read ? room.state.chat.posted - read.n : 0;
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${room.state?.title || "Homeroom"} · Homeroom`;
  }

  // --- being read to

  #tell(posted) {
    if (!posted.length) return;
    if (!this.#stuck) show(byId("newest"), true);
    const { room } = this.#page;
    const lines = posted.length > SAID ? [`${posted.length} new messages`] : posted.map(({ by, d }) => `${d.name || room.name(by)}: ${d.text ?? d.file?.name ?? ""}`);
    byId("announcer").append(...lines.map((line) => make("p", {}, line)));
    while (byId("announcer").childElementCount > SAID) byId("announcer").firstElementChild.remove();
  }

  // --- moving

  #scrolled() {
    this.#stuck = this.#atEnd();
    if (this.#stuck) this.#seen();
  }

  #atEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < NEAR_PX;
  }

  async #older() {
    const older = byId("older");
    older.disabled = true;
    say(older, "Loading…");
    try {
      await this.#page.load();
      const below = this.#scroll.scrollHeight - this.#scroll.scrollTop;
      this.draw();
      this.#scroll.scrollTop = this.#scroll.scrollHeight - below;
    } finally {
      older.disabled = false;
      say(older, "Load older messages");
    }
  }

  #step(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...this.#scroll.querySelectorAll("article")];
    const at = all.indexOf(document.activeElement.closest?.("article"));
    const next = at < 0 ? all.at(-1) : all[at + by];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  // --- what the buttons do

  #acts = {
    react: (message, emoji, on) => {
      this.#reacting = null;
      this.#page.act("react", { message: message.id, emoji, on });
      this.draw();
    },
    reacting: (message) => {
      this.#reacting = message?.id ?? null;
      this.draw();
      if (message) byId("messages").querySelector(".tools.held button")?.focus();
    },
    sure: (message) => {
      this.#sure = message.id;
      this.draw();
      byId("messages").querySelector(".tools.held button:last-child")?.focus();
      this.#page.world.after(4_000, () => {
        if (this.#sure !== message.id) return;
        this.#sure = null;
        this.draw();
      });
    },
    retract: (message) => {
      this.#sure = null;
      this.#page.act("retract", { message: message.id });
      this.draw();
    },
    reply: (message) => this.#page.reply(message),
    edit: (message) => this.#page.edit(message),
    again: (key, d) => {
      this.#page.sending.drop(key);
      this.#page.act("say", d);
      this.draw();
    },
    discard: (key) => {
      this.#page.sending.drop(key);
      this.draw();
    },
  };
}

const key = (item) => item.key;

const PLAN = (acts) => ({
  key,
  stamp: ({ divider, message, name, short, quote, seen, deleter, reacting, sure, may }) =>
    JSON.stringify([divider, message && { ...message, reactions: [...message.reactions] }, name, short, quote, seen, deleter, reacting, sure, may]),
  build: (item) => (item.divider ? make("li", { className: item.unread ? "divider unread" : "divider" }, make("span", {}, item.divider)) : buildMessage(item, acts)),
});

const PENDING_PLAN = (acts) => ({
  key,
  stamp: ({ d, why, name, online }) => JSON.stringify([d, why, name, online]),
  build: (item) => buildPending(item, acts),
});
