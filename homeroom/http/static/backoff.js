// When to come back, and when not to: contract section 5. Never here: doing it.

export const POLL_AFTER = 5;
const FIRST_MS = 250;
const SOON = 10;
const SOON_MS = 2_000;
const MOST_MS = 30_000;

/**
 * Full jitter: anything up to a bound that doubles with each failure, up to 2 s while this may be a restart, then up to 30 s.
 * `failures` counts from 1; `random` is in [0, 1).
 */
export function backoff(failures, random) {
  const bound =
    failures <= SOON
      ? Math.min(SOON_MS, FIRST_MS * 2 ** (failures - 1))
      : Math.min(MOST_MS, SOON_MS * 2 ** Math.min(failures - SOON, 16));
  return Math.round(random * bound);
}

const SIGN_IN = "sign-in";
const STOP = "stop";
const CLOSES = {
  1002: [STOP, "The server did not understand this page."],
  1003: [STOP, "The server did not understand this page."],
  1007: [STOP, "The server did not understand this page."],
  1008: [STOP, "The server refused this connection."],
  1009: [STOP, "A message was too large for the server."],
  4400: [STOP, "The server did not understand this page."],
  4401: [SIGN_IN, "Your sign-in has ended."],
  4403: [SIGN_IN, "Your sign-in was withdrawn."],
  4408: [STOP, "The server did not hear from this page in time."],
  4429: [STOP, "Too many connections are open, or too much was sent at once."],
};

/** Return `[what, why]` for a close code: `sign-in`, `stop`, or `again` (come back with cursors). */
export function afterClose(code) {
  return CLOSES[code] ?? ["again", "The connection was lost."];
}

const PASSING = new Set(["rate_limited", "overloaded", "unavailable", "timeout"]);

/** Tell whether a refusal passes by itself, so that the same command is to be sent again. */
export function passes(code) {
  return PASSING.has(code);
}
