// What the module tests share: naming a test, comparing, and a world whose time, network and storage obey the test.

export const tests = [];

/** Register a test; its name is a sentence. */
export const test = (name, run) => tests.push({ name, run });

/** Run all tests and return the failures, `[{name, why}]`, and how many there were. */
export async function runAll() {
  const failures = [];
  for (const { name, run } of tests) {
    try {
      await run();
    } catch (error) {
      failures.push({ name, why: `${error.stack ?? error}` });
    }
  }
  return { count: tests.length, failures };
}

/** Return a value as JSON with sorted keys, Maps as objects, `undefined` as null: two values are equal when these texts are. */
export function plain(value) {
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return `[${value.map(plain).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${plain(value[key])}`).join()}}`;
}

/** Throw unless both are equal, as `plain` sees them. */
export function equal(found, expected, what = "") {
  if (plain(found) !== plain(expected)) throw new Error(`${what}\n   found ${plain(found)}\nexpected ${plain(expected)}`);
}

/** A world that stands still until `pass(ms)`; `sockets` are those opened, `answers` what fetch gives, by path. */
export class FakeWorld {
  sockets = [];
  answers = {};
  asked = [];
  chance = 0.5;
  origin = "http://school.test";
  locks = null;
  #time = 1_000_000;
  #timers = new Map();
  #ids = 0;
  #kept = new Map();

  now = () => this.#time;
  random = () => this.chance;
  id = () => `id${++this.#ids}`;

  store = {
    getItem: (key) => this.#kept.get(key) ?? null,
    setItem: (key, value) => this.#kept.set(key, value),
    removeItem: (key) => this.#kept.delete(key),
  };

  after = (ms, run) => {
    const timer = ++this.#ids;
    this.#timers.set(timer, { due: this.#time + ms, run });
    return () => this.#timers.delete(timer);
  };

  socket = (url, protocol) => {
    const socket = new FakeSocket(url, protocol);
    this.sockets.push(socket);
    return socket;
  };

  fetch = async (path, options) => {
    this.asked.push({ path, method: options.method, headers: options.headers, body: options.body && JSON.parse(options.body) });
    const answer = this.answers[path.split("?")[0]];
    if (answer === undefined) throw new TypeError("no network");
    const [status, body] = typeof answer === "function" ? await answer(this.asked.at(-1)) : answer;
    return { ok: status < 300, status, headers: new Headers({ date: new Date(this.#time).toUTCString() }), json: async () => body };
  };

  /** Let time pass: what is due happens in its order, and what follows from it at once. */
  async pass(ms) {
    const end = this.#time + ms;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      const [timer, { due, run }] = next;
      this.#timers.delete(timer);
      this.#time = Math.max(this.#time, due);
      run();
      await settle();
    }
    this.#time = end;
  }

  #next(end) {
    return [...this.#timers].filter(([, { due }]) => due <= end).sort((a, b) => a[1].due - b[1].due || a[0] - b[0])[0];
  }

  /** The newest socket. */
  get wire() {
    return this.sockets.at(-1);
  }
}

/** Wait until everything that follows at once has happened: promises settle in microtasks, of which this leaves plenty. */
export async function settle() {
  for (let turn = 0; turn < 50; turn += 1) await null;
}

/** A socket of which the test is the other end. */
class FakeSocket {
  readyState = 0;
  sent = [];
  closed = false;

  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
    this.closed = true;
  }

  /** Frames sent of this type. */
  of(type) {
    return this.sent.filter(({ t }) => t === type);
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  tell(...frames) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  fail(code) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}
