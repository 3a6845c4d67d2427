// Time, randomness, the network and the tab's storage, in one object that is handed in: so that every rule of the client
// can be tried without waiting and without a network. Never here: any rule.

/** The real world. `after` returns a function that cancels. Times are Unix milliseconds of this device's clock. */
export const realWorld = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  socket: (url, protocol) => new WebSocket(url, protocol),
  fetch: (path, options) => fetch(path, options),
  store: window.sessionStorage,
  locks: navigator.locks ?? null,
  id: () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(36).padStart(2, "0")).join(""),
  origin: window.location.origin,
};

/** Return the parsed value kept under `key`, or `null`; a value that cannot be read is as good as none. */
export function recall(store, key) {
  try {
    return JSON.parse(store.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** Keep `value` under `key`. A full or forbidden storage is no reason to stop: the tab then forgets on reload. */
export function keep(store, key, value) {
  try {
    if (value === null) store.removeItem(key);
    else store.setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn("This browser keeps nothing for this tab", error);
  }
}
