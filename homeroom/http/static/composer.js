// The field in which a person writes: a new message, an answer, or another text for one of its own.
// Never here: sending, and what is shown of it (log.js).

import { byId, say, show } from "./dom.js";
import { excerpt } from "./message.js";
import { keep, recall } from "./world.js";

const TYPING_MS = 3_000;
const DRAFT = "homeroom.draft";
export const TEXT_MAX = 4_000;

export class Composer {
  #page;
  #field = byId("composer-text");
  #about = null;
  #editing = false;
  #told = 0;

  /** `page`: `{world, room, me, act, hint, wrote, blocked}`, see app.js. */
  constructor(page) {
    this.#page = page;
    this.#field.value = recall(page.world.store, DRAFT) ?? "";
    this.#field.onkeydown = (event) => this.#key(event);
    this.#field.oninput = () => this.#typed();
    byId("composer").onsubmit = (event) => (event.preventDefault(), this.#submit());
    byId("composer-cancel").onclick = () => this.#clear();
  }

  /** Answer a message. */
  reply(message) {
    this.#begin(message, false);
  }

  /** Write another text for one's own message. */
  edit(message) {
    this.#begin(message, true);
    this.#field.value = message.text;
    this.#grow();
    this.draw();
  }

  /** Draw what depends on the room: whether one may write at all, and what this is an answer to. */
  draw() {
    const { why, final } = this.#page.blocked();
    if (final && this.#about) return this.#clear();
    const over = excess(this.#field.value);
    this.#field.disabled = final;
    this.#field.placeholder = why || "Write a message";
    say(byId("composer-why"), final || this.#field.value !== "" ? why : ""); // an empty field says it itself
    byId("composer-send").disabled = (why !== "" && !this.#editing) || over > 0;
    this.#field.setAttribute("aria-invalid", String(over > 0));
    say(byId("composer-over"), over > 0 ? `${over} ${over === 1 ? "character" : "characters"} too many: a message has at most ${TEXT_MAX}.` : "");
    say(byId("composer-send"), this.#editing ? "Save" : "Send");
    this.#drawAbout();
  }

  #drawAbout() {
    show(byId("composer-about"), this.#about !== null);
    if (!this.#about) return;
    const name = this.#about.name || this.#page.room.name(this.#about.by);
    say(byId("composer-about-text"), (this.#editing ? "Editing: " : `Replying to ${name}: `) + excerpt(this.#about));
  }

  #begin(message, editing) {
    if (this.#editing) this.#field.value = "";
    this.#about = message;
    this.#editing = editing;
    this.draw();
    this.#field.focus();
  }

  #clear() {
    if (this.#editing) this.#field.value = "";
    this.#about = null;
    this.#editing = false;
    this.#grow();
    this.draw();
    this.#field.focus();
  }

  #key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#about) this.#clear();
    else if (event.key === "ArrowUp" && this.#field.value === "") this.#editLast(event);
  }

  #editLast(event) {
    const { room, me } = this.#page;
    const last = room.messages.findLast((message) => message.by === me && !message.retracted);
    if (!last) return;
    event.preventDefault();
    this.edit(last);
  }

  #typed() {
    this.#grow();
    this.draw();
    const { world, hint } = this.#page;
    const typing = this.#field.value.trim() !== "" && !this.#editing;
    if (typing === this.#told > 0 && world.now() - this.#told < TYPING_MS) return;
    if (!typing && !this.#told) return;
    this.#told = typing ? world.now() : 0;
    hint("typing", { typing });
  }

  #submit() {
    this.draw();
    const text = this.#field.value;
    if (text.trim() === "" || byId("composer-send").disabled) return;
    const about = this.#about;
    if (this.#editing) {
      if (text !== about.text) this.#page.act("edit", { message: about.id, text });
    } else {
      this.#page.act("say", about ? { text, reply_to: about.id } : { text });
      this.#page.wrote();
    }
    this.#told = 0;
    this.#field.value = "";
    this.#clear();
  }

  #grow() {
    this.#field.rows = Math.min(8, this.#field.value.split("\n").length);
    if (!this.#editing) keep(this.#page.world.store, DRAFT, this.#field.value || null);
  }
}

/** How many characters a text has too many, counted as the server counts: an emoji of one sign is one. */
export const excess = (text) => (text.length > TEXT_MAX ? Math.max(0, [...text].length - TEXT_MAX) : 0);
