// The page: puts the parts together and tells them when to draw. Never here: rules of the protocol, or elements of a part.

import { Absent } from "./absent.js";
import { Client } from "./client.js";
import { Composer } from "./composer.js";
import { ConnectionView } from "./connection.js";
import { byId, say, show } from "./dom.js";
import { Log } from "./log.js";
import { Door } from "./login.js";
import { claimOutbox } from "./outbox.js";
import { barrier, isAbsent, mayDo, mayMake } from "./rights.js";
import { Room } from "./room.js";
import { Roster } from "./roster.js";
import { Sending } from "./sending.js";
import { Refused, Session } from "./session.js";
import { realWorld } from "./world.js";

const ROOM = "room:lobby";
const MAKING = { title: "Lobby", visibility: "open" };
const HISTORY = "/api/rooms/lobby/messages";
const PAGE_SIZE = 50;
const TOAST_MS = 6_000;
const ACTIVE_MS = 60_000;

class App {
  #world = realWorld;
  #session;
  #outbox;
  #door;
  #client;
  #room;
  #sending;
  #log;
  #absent;
  #composer;
  #roster;
  #connection;
  #batch = [];
  #drawing = false;
  #joined = false;
  #joining = false;
  #active = 0;
  #hushToast = () => null;

  /** Restore what the tab knew, then either go on or show the way in. */
  async start() {
    const { outbox, twin } = await claimOutbox(this.#world);
    this.#outbox = outbox;
    this.#session = new Session(this.#world, { restored: !twin });
    this.#door = new Door(this.#session, () => this.#enter());
    this.#client = new Client(this.#world, this.#session, this.#outbox, (what, detail) => this.#notice(what, detail));
    this.#connection = new ConnectionView(this.#client, this.#world.now);
    this.#listen();
    await this.#begin(new URLSearchParams(window.location.search).get("as"));
  }

  async #begin(wanted) {
    const user = this.#session.user;
    if (wanted ? user?.id === wanted : user) return this.#enter();
    if (user) this.#session.forget();
    return this.#door.open("", wanted);
  }

  #listen() {
    window.addEventListener("online", () => this.#client.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || (this.#client.hurry(), this.#absent?.look()));
    window.addEventListener("focus", () => this.#absent?.look());
    for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => this.#alive(), { passive: true });
    byId("sign-out").addEventListener("click", () => this.#signOut());
    byId("people-button").addEventListener("click", () => this.#people(!byId("hall").classList.contains("people-open")));
    document.addEventListener("keydown", ({ key }) => key === "Escape" && this.#escape());
    setInterval(() => this.#tick(), 1000);
  }

  // --- coming in and going out

  #enter() {
    const user = this.#session.user;
    if (window.location.search) history.replaceState(null, "", "/"); // `?as=` is for coming in once, not for every reload
    this.#outbox.belongTo(user.id);
    this.#room = new Room(this.#world, (batch) => this.#changed(batch));
    this.#sending = new Sending(this.#outbox, ROOM);
    const page = this.#page(user);
    this.#log = new Log(page);
    this.#composer = new Composer(page);
    this.#roster = new Roster(page);
    this.#absent = new Absent(page);
    this.#joined = this.#joining = false;
    byId("messages").replaceChildren();
    byId("door").hidden = true;
    byId("hall").hidden = false;
    this.#client.follow(ROOM, this.#room);
    this.#client.start();
    this.#drawSoon();
    if (window.matchMedia("(pointer: fine)").matches) byId("composer-text").focus({ preventScroll: true });
  }

  /** What the parts of the page see of it. */
  #page(user) {
    return {
      world: this.#world,
      room: this.#room,
      sending: this.#sending,
      me: user.id,
      name: user.name,
      makes: mayMake(user),
      online: () => this.#client.status.phase === "connected",
      seq: () => this.#client.seq(ROOM),
      act: (verb, d) => this.#client.command(ROOM, verb, d),
      hint: (verb, d) => this.#client.hint(ROOM, verb, d),
      self: (verb, d) => this.#self(user.id, verb, d),
      may: (message) => mayDo(this.#room, user, message),
      blocked: () => this.#blocked(user),
      again: () => this.#client.follow(ROOM, this.#room),
      create: () => this.#client.command(ROOM, "create", MAKING).done,
      load: () => this.#loadOlder(),
      wrote: () => this.#log.wrote(),
      reply: (message) => this.#composer.reply(message),
      edit: (message) => this.#composer.edit(message),
    };
  }

  async #signOut(why = "") {
    this.#client.stop();
    this.#people(false);
    this.#log?.end();
    this.#absent?.end();
    await this.#session.logout();
    await this.#door.open(why);
  }

  #escape() {
    this.#people(false);
    this.#log?.close();
  }

  #people(open) {
    byId("hall").classList.toggle("people-open", open);
    byId("people-button").setAttribute("aria-expanded", String(open));
  }

  // --- what is told to the server

  async #self(user, verb, d) {
    try {
      return (await this.#client.command(`presence:${user}`, verb, d).done).d;
    } catch {
      return null; // the notice has told it
    }
  }

  /** A person does something: worth telling now and then, so that nobody is thought away who is only reading. */
  #alive() {
    const now = this.#world.now();
    if (!this.#room || now - this.#active < ACTIVE_MS) return;
    this.#active = now;
    this.#client.hint(`presence:${this.#session.user?.id}`, "beat", { active: true });
  }

  async #loadOlder() {
    const first = this.#room.messages[0];
    const query = new URLSearchParams({ limit: PAGE_SIZE, ...(first ? { before: first.id } : {}) });
    try {
      const { data } = await this.#session.ask("GET", `${HISTORY}?${query}`);
      this.#room.takeOlder(data);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#toast(error.message);
    }
  }

  /** Why nothing can be written now; while one is about to become a member, nothing speaks against it. */
  #blocked(user) {
    return this.#joining ? { why: "", final: false } : barrier(this.#room, user, this.#world.now() + this.#session.skew);
  }

  // --- what is told to us

  #notice(what, detail) {
    if (what === "status") this.#statusChanged();
    else if (what === "done") this.#sending?.done(detail);
    else if (what === "refused" && !this.#sending.refused(detail)) this.#toast(detail.error.message);
    this.#drawSoon();
  }

  #statusChanged() {
    const { phase, why } = this.#client.status;
    this.#connection?.draw();
    if (phase === "connected") this.#roster.look();
    if (phase === "signed-out") this.#signOut(why);
  }

  #changed(batch) {
    this.#batch.push(...batch);
    if (this.#room.state && !this.#room.gone) this.#joining = false;
    if (isAbsent(this.#room)) return this.#drawSoon();
    const outside = this.#room.gone || (this.#room.state && !this.#room.state.members.has(this.#session.user.id));
    if (outside && !this.#joined) this.#join();
    else if (this.#room.gone && !this.#joining) this.#toast("You cannot see this room any more.");
    this.#drawSoon();
  }

  /** Somebody who comes to an open room for the first time becomes a member; only members see what is said in it. */
  async #join() {
    this.#joined = true;
    this.#joining = true;
    const { done } = this.#client.command(ROOM, "join");
    const member = await done.then(() => true, () => false);
    if (member && this.#room.gone) this.#client.follow(ROOM, this.#room);
    this.#joining &&= member;
    this.#drawSoon();
  }

  // --- drawing

  #drawSoon() {
    if (this.#drawing || !this.#room) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      this.#draw(this.#batch.splice(0));
    });
  }

  #draw(batch) {
    this.#log.draw(batch);
    this.#composer.draw();
    this.#absent.draw();
    this.#roster.draw();
    this.#drawHead();
  }

  #drawHead() {
    const { state } = this.#room;
    if (!state) return;
    say(byId("room-title"), state.title);
    const modes = { open: "", moderated: "Moderated", announce: "Announcements only" };
    const mode = state.ended ? "Ended" : modes[state.chat.mode];
    const slow = state.chat.slow ? `One message every ${state.chat.slow} s` : "";
    say(byId("room-note"), [mode, slow].filter(Boolean).join(" · ") || `${state.members.size} members`);
    this.#drawTyping();
  }

  #drawTyping() {
    const names = this.#room.typists().filter((user) => user !== this.#session.user?.id).map((user) => this.#room.name(user));
    const verb = names.length === 1 ? "is" : "are";
    const who = names.length > 3 ? "Several people" : names.join(", ").replace(/, ([^,]*)$/, " and $1");
    say(byId("typing"), names.length ? `${who} ${verb} typing…` : "");
  }

  #tick() {
    if (!this.#room || byId("hall").hidden) return;
    this.#connection.draw();
    this.#drawTyping();
    this.#composer.draw();
  }

  #toast(text) {
    say(byId("toast"), text);
    show(byId("toast"), true);
    this.#hushToast();
    this.#hushToast = this.#world.after(TOAST_MS, () => show(byId("toast"), false));
  }
}

await new App().start();
