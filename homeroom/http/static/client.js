// The wire protocol, sections 2 to 5: one socket at a time, opened again for as long as it takes, with cursors for the
// streams and the same numbers for unanswered commands; and, while no socket can be had, the fallback of section 6.
// Never here: the document, and what events mean.
//
// The life of a connection: (1) a token good for a minute; (2) the socket, `hello`, `welcome`; (3) every stream from its
// cursor, every unanswered command with its number; (4) pings, whose pongs uncover holes; (5) the close code decides:
// come back after a full-jitter pause, sign in again, or stop.

import { afterClose, backoff, passes, POLL_AFTER } from "./backoff.js";
import { Errands } from "./errands.js";
import { Follow } from "./follow.js";
import { Polling } from "./polling.js";
import { Refused } from "./session.js";

const PROTOCOL = "homeroom.v1.json";
const ANSWER_MS = 10_000;
const PING_MS = 20_000;
const HOLE_MS = 2_000;
const RENEW_MS = 60_000;
const IN_FLIGHT = 16;
const STUBBORN = 3;

export class Client {
  /** `{phase, why, until, polling}`; phase: `idle connecting connected waiting stopped signed-out`. */
  status = { phase: "idle", why: "", until: 0, polling: false };
  /** Who we are, as the server's `welcome` says. */
  user = null;

  #world;
  #session;
  #outbox;
  #notice;
  #errands;
  #polling;
  #follows = new Map();
  #socket = null;
  #open = false;
  #attempt = 0;
  #failures = 0;
  #rejected = false;
  #advised = null;
  #answers = new Map();
  #waiters = new Map();
  #sent = new Set();
  #held = new Map();
  #timers = new Map();
  #pings = 0;

  /** `notice(what, detail)` is told `status` and `outbox` changes, and `refused` with `{command, error}`. */
  constructor(world, session, outbox, notice) {
    this.#world = world;
    this.#session = session;
    this.#outbox = outbox;
    this.#notice = notice;
    this.#polling = new Polling(world, session, this.#follows, (reached, error) => this.#polled(reached, error));
    this.#errands = new Errands(session, outbox, (command, answer, error) => this.#settle(command, answer, error));
  }

  /** Connect, and stay connected. */
  start() {
    this.#failures = 0;
    this.#rejected = false;
    this.#connect();
  }

  /** Let go of everything; followed streams are forgotten, unanswered commands stay in the outbox. */
  stop() {
    this.#leave({ phase: "idle" });
    this.#follows.clear();
    this.#waiters.clear();
  }

  /** Come back now rather than later: the network is back, or somebody pressed the button. */
  hurry() {
    if (this.status.phase === "waiting") this.#connect();
    else if (this.status.phase === "stopped") this.start();
    else if (this.#open) this.#ping();
  }

  /** Follow a stream from a snapshot; the follower is described in follow.js. */
  follow(stream, follower) {
    const follow = new Follow(stream, follower);
    this.#follows.set(stream, follow);
    if (this.#open) this.#subscribe(follow);
  }

  /** Do `verb` at `to`, once, as often as it has to be sent. Returns `{id, done}`; `done` gives the `ok` or throws `Refused`. */
  command(to, verb, d = {}) {
    const { id } = this.#outbox.put(to, verb, d, this.seq(to));
    const done = new Promise((resolve, reject) => this.#waiters.set(id, { resolve, reject }));
    done.catch(() => null); // whoever does not wait learns it from the notice
    this.#notice("outbox");
    this.#pump();
    return { id, done };
  }

  /** Do `verb` now or not at all: for what is worth nothing later (typing). */
  hint(to, verb, d = {}) {
    if (this.#open) this.#send({ t: "cmd", id: this.#outbox.number(), to, do: verb, d });
  }

  /** The number of the newest event held of `stream`. */
  seq(stream) {
    return this.#follows.get(stream)?.seq ?? 0;
  }

  // --- opening

  async #connect() {
    const attempt = this.#drop();
    this.#set({ phase: "connecting" });
    let token;
    try {
      token = await this.#session.token();
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error);
      return;
    }
    if (attempt === this.#attempt) this.#dial(token);
  }

  #dial(token) {
    const socket = this.#world.socket(`${this.#world.origin.replace(/^http/, "ws")}/ws`, PROTOCOL);
    this.#socket = socket;
    this.#advised = null;
    this.#after("answer", ANSWER_MS, () => this.#lost(1006));
    socket.onopen = () => this.#send({ t: "hello", token, client: this.#outbox.client, agent: "homeroom-page" });
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.#lost(code);
  }

  #refused(error) {
    if (error.status === 401 || error.status === 403) this.#leave({ phase: "signed-out", why: "Please sign in again." });
    else this.#wait(error.message);
  }

  // --- receiving

  #receive(message) {
    for (const frame of Array.isArray(message) ? message : [message]) this.#frames[frame.t]?.(frame);
  }

  #frames = {
    welcome: (frame) => this.#welcome(frame),
    pong: (frame) => this.#pong(frame),
    ok: (frame) => this.#answer(frame, null),
    err: (frame) => this.#answer(null, frame),
    ev: ({ to, seq, e }) => {
      const follow = this.#follows.get(to);
      if (follow && !follow.take(seq, e)) this.#subscribe(follow);
    },
    sig: ({ to, e }) => this.#follows.get(to)?.signal(e),
    gone: ({ to, code }) => this.#follows.get(to)?.end(code),
    bye: ({ reconnect_ms: advised }) => (this.#advised = advised ?? null),
  };

  #welcome({ user, now, expires, heartbeat_ms: heartbeat }) {
    this.#cancel("answer");
    this.#endPolling();
    this.user = user;
    this.#open = true;
    this.#failures = 0;
    this.#rejected = false;
    this.#set({ phase: "connected" });
    for (const follow of this.#follows.values()) this.#subscribe(follow);
    this.#pump();
    this.#errands.run();
    this.#beat(Math.min(PING_MS, heartbeat));
    this.#renewIn(expires - now - RENEW_MS);
  }

  #subscribe(follow) {
    const since = follow.cursor ? { since: follow.cursor } : {};
    if (follow.live) this.#ask({ t: "unsub", to: follow.stream }, () => null);
    follow.live = false;
    const id = this.#ask({ t: "sub", to: follow.stream, ...since }, (ok, err) => {
      if (follow.asked !== id || this.#follows.get(follow.stream) !== follow) return;
      if (ok) this.#opened(follow, ok.d);
      else if (passes(err.code)) this.#after(`sub ${follow.stream}`, err.retry_ms ?? 1000, () => this.#subscribe(follow));
      else follow.end(err.code);
    });
    follow.asked = id;
  }

  #opened(follow, verdict) {
    follow.open(verdict);
    follow.follower.joined();
  }

  // --- commands

  #pump() {
    if (!this.#open) return;
    for (const command of this.#outbox.commands) {
      if (this.#sent.size >= IN_FLIGHT) return;
      if (command.errand || this.#sent.has(command.id) || this.#world.now() < (this.#held.get(command.to) ?? 0)) continue;
      this.#sent.add(command.id);
      this.#outbox.mark(command, "sent");
      this.#send({ t: "cmd", id: command.id, to: command.to, do: command.do, d: command.d });
    }
  }

  #answer(ok, err) {
    const id = (ok ?? err).id;
    const waiting = this.#answers.get(id);
    this.#answers.delete(id);
    if (waiting) waiting(ok, err);
    else this.#answered(id, ok, err);
  }

  #answered(id, ok, err) {
    const command = this.#outbox.commands.find((one) => one.id === id);
    this.#sent.delete(id);
    if (!command) return;
    if (ok) this.#settle(command, ok, null);
    else if (err.code === "unauthenticated") this.#renew();
    else if (passes(err.code) || this.#stubborn(command, err)) this.#hold(command, err.retry_ms ?? 1000);
    else this.#settle(command, null, new Refused(0, err.code, err.msg));
    this.#pump();
  }

  /** Our fault, says the server: worth another try or two, then a person decides. */
  #stubborn(command, err) {
    command.tries = (command.tries ?? 0) + 1;
    return err.code === "internal" && command.tries < STUBBORN;
  }

  #hold(command, ms) {
    const pause = ms + Math.round(this.#world.random() * 250);
    this.#held.set(command.to, this.#world.now() + pause);
    this.#after(`held ${command.to}`, pause + 1, () => this.#pump());
  }

  #settle(command, answer, error) {
    this.#outbox.strike(command.id);
    const waiter = this.#waiters.get(command.id);
    this.#waiters.delete(command.id);
    if (error) waiter?.reject(error);
    else waiter?.resolve(answer);
    this.#notice(error ? "refused" : "done", { command, answer, error });
    this.#notice("outbox");
  }

  // --- staying

  #beat(ms) {
    this.#after("beat", ms, () => {
      this.#ping();
      this.#beat(ms);
    });
  }

  #ping() {
    this.#send({ t: "ping", n: ++this.#pings });
    this.#after("answer", ANSWER_MS, () => this.#lost(1006));
  }

  #pong({ at }) {
    this.#cancel("answer");
    for (const follow of this.#follows.values()) {
      const newest = at[follow.stream] ?? 0;
      if (follow.live && newest > follow.seq) this.#after(`hole ${follow.stream}`, HOLE_MS, () => this.#heal(follow, newest));
    }
  }

  /** What was numbered at the time of the pong has had its time to arrive; if it did not, fetch it. */
  #heal(follow, newest) {
    if (this.#open && follow.live && follow.seq < newest) this.#subscribe(follow);
  }

  #renewIn(ms) {
    this.#after("renew", Math.min(Math.max(ms, 1000), 2 ** 31 - 1), () => this.#renew());
  }

  async #renew() {
    const attempt = this.#attempt;
    try {
      await this.#session.refresh();
      const token = await this.#session.token();
      if (attempt !== this.#attempt || !this.#open) return;
      this.#ask({ t: "auth", token }, (ok) => ok && this.#pump());
      this.#renewIn(this.#session.left - RENEW_MS);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (error.status === 401) this.#refused(error);
      else this.#renewIn(10_000);
    }
  }

  // --- leaving and coming back

  #lost(code) {
    const [what, why] = afterClose(code);
    const advised = this.#advised;
    this.#drop();
    if (what === "again") this.#wait(why, advised);
    else if (code === 4401 && !this.#rejected) this.#tryFreshToken();
    else this.#leave({ phase: what === "stop" ? "stopped" : "signed-out", why });
  }

  async #tryFreshToken() {
    this.#rejected = true;
    const attempt = this.#attempt;
    this.#set({ phase: "connecting" });
    try {
      await this.#session.refresh();
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error);
      return;
    }
    if (attempt === this.#attempt) this.#connect();
  }

  #wait(why, advised = null) {
    this.#failures += 1;
    const ms = advised ?? backoff(this.#failures, this.#world.random());
    this.#set({ phase: "waiting", why, until: this.#world.now() + ms });
    this.#after("retry", ms, () => this.#connect());
    if (this.#failures >= POLL_AFTER) this.#polling.begin();
  }

  #leave(status) {
    this.#drop();
    this.#endPolling();
    this.#set(status);
  }

  /** Let go of the socket and of all that hangs on it; returns the number of the attempt that begins now. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#open = false;
    for (const cancel of this.#timers.values()) cancel();
    for (const all of [this.#timers, this.#answers, this.#sent, this.#held]) all.clear();
    for (const follow of this.#follows.values()) follow.live = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    return ++this.#attempt;
  }

  // --- without a socket

  /** The server answered, or did not, without a socket. When it is there again, so perhaps is the socket. */
  #polled(reached, error) {
    if (error?.status === 401) return void this.#refused(error);
    const back = reached && !this.status.polling;
    this.#set({ polling: reached });
    if (back) this.hurry();
    if (!reached) return;
    this.#errands.take();
    this.#errands.run();
  }

  #endPolling() {
    this.#polling.end();
    this.#set({ polling: false });
  }

  // --- small tools

  #set(change) {
    const fresh = change.phase ? { why: "", until: 0 } : {};
    this.status = { ...this.status, ...fresh, ...change };
    this.#notice("status");
  }

  #send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  #ask(frame, answered) {
    const id = this.#outbox.number();
    this.#answers.set(id, answered);
    this.#send({ ...frame, id });
    return id;
  }

  #after(name, ms, run) {
    this.#cancel(name);
    this.#timers.set(name, this.#world.after(ms, run));
  }

  #cancel(name) {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}
