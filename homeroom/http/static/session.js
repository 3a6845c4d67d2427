// Who is logged in, in this tab: the access token, its refresh, and requests that carry it.
// Never here: the socket, and anything shown. A token is held in the tab's own storage and never put into a URL.

import { keep, recall } from "./world.js";

const KEY = "homeroom.session";
const MARGIN_MS = 60_000;

/** A request was refused: `code` is a row of the contract's error table, `status` the HTTP status (0: no answer came). */
export class Refused extends Error {
  constructor(status, code, message, retryMs = null) {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.code = code;
    this.retryMs = retryMs;
  }
}

export class Session {
  /** What the server's clock shows more than ours in ms, from the `Date` of its answers (to the second). */
  skew = 0;

  #world;
  #held;
  #refreshing = null;

  constructor(world, { restored = true } = {}) {
    this.#world = world;
    this.#held = restored ? recall(world.store, KEY) : null;
    if (!restored) keep(world.store, KEY, null);
  }

  /** The person, `{id, name, role}`, or `null`. */
  get user() {
    return this.#held?.user ?? null;
  }

  /** Milliseconds of validity that the access token has left. */
  get left() {
    return this.#held ? this.#held.until - this.#world.now() : 0;
  }

  /** Log in; throws `Refused`. */
  async login(login, password) {
    this.#take(await this.#post("/api/auth/login", { login, password }));
    return this.user;
  }

  /** Return a token that is good for a minute at least; throws `Refused` (401: log in again; 0: no network). */
  async token() {
    if (!this.#held) throw new Refused(401, "unauthenticated", "Nobody is logged in.");
    if (this.left < MARGIN_MS) await this.refresh();
    return this.#held.token;
  }

  /** Exchange the refresh token, once, however many ask at the same time. */
  refresh() {
    const held = this.#held;
    this.#refreshing ??= this.#post("/api/auth/refresh", { refresh_token: held?.refresh })
      .then((answer) => this.#held === held && this.#take(answer)) // whoever went out meanwhile stays out
      .finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Forget the tokens here, and tell the server to; a server that does not hear it lets them expire. */
  async logout() {
    const held = this.#held;
    this.forget();
    if (!held) return;
    const headers = { Authorization: `Bearer ${held.token}` };
    await this.#post("/api/auth/logout", { refresh_token: held.refresh }, headers).catch(() => null);
  }

  /** Forget the tokens. */
  forget() {
    this.#held = null;
    keep(this.#world.store, KEY, null);
  }

  /** Fetch JSON as this person; an expired token is renewed and the request repeated, once. Throws `Refused`. */
  async ask(method, path, { body, headers = {}, signal } = {}) {
    const send = async () => this.#fetch(method, path, body, { ...headers, Authorization: `Bearer ${await this.token()}` }, signal);
    try {
      return await send();
    } catch (error) {
      if (error.status !== 401 || !this.#held) throw error;
      await this.refresh();
      return send();
    }
  }

  /** Fetch JSON as nobody. */
  open(path) {
    return this.#fetch("GET", path);
  }

  #post(path, body, headers = {}) {
    return this.#fetch("POST", path, body, headers);
  }

  async #fetch(method, path, body, headers = {}, signal = undefined) {
    const options = { method, headers: { Accept: "application/json", ...headers }, cache: "no-store", credentials: "omit", signal };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    let response;
    try {
      response = await this.#world.fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "unavailable", "The server cannot be reached.");
    }
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw refusal(response, answer);
    if (answer && typeof answer === "object") this.#clock = response.headers.get("date");
    return answer;
  }

  set #clock(date) {
    const theirs = Date.parse(date ?? "");
    if (Number.isFinite(theirs)) this.skew = theirs - this.#world.now();
  }

  #take({ access_token, refresh_token, expires, user }) {
    this.#held = { token: access_token, refresh: refresh_token, until: expires - this.skew, user: user ?? this.user };
    keep(this.#world.store, KEY, this.#held);
  }
}

function refusal(response, answer) {
  const after = Number(response.headers.get("retry-after"));
  const text = answer?.detail ?? answer?.title ?? `The server answered ${response.status}.`;
  return new Refused(response.status, answer?.code ?? "internal", text, after > 0 ? after * 1000 : null);
}
