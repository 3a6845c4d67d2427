// How the connection stands, in words that a person understands. Never here: connecting.

import { byId, say, show } from "./dom.js";

const SHORT = {
  idle: () => "Not connected",
  connecting: () => "Connecting…",
  connected: () => "Connected",
  waiting: (status, seconds) => (status.polling ? "Slow connection" : seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…"),
  stopped: () => "Not connected",
  "signed-out": () => "Signed out",
};
const PATIENCE_MS = 1_500;

export class ConnectionView {
  #client;
  #now;
  #since = 0;

  constructor(client, now) {
    this.#client = client;
    this.#now = now;
    byId("banner-button").addEventListener("click", () => client.hurry());
  }

  /** Draw; called on each change and once a second. */
  draw() {
    const { status } = this.#client;
    if (status.phase === "connected") this.#since = 0;
    else this.#since ||= this.#now();
    const seconds = Math.ceil((status.until - this.#now()) / 1000);
    byId("connection").dataset.phase = status.polling ? "polling" : status.phase;
    say(byId("connection-text"), SHORT[status.phase](status, seconds));
    this.#drawBanner(status, seconds);
  }

  /** A short break shows in the corner alone; the banner comes when it lasts, or when nothing happens by itself any more. */
  #drawBanner(status, seconds) {
    const lasts = this.#since > 0 && this.#now() - this.#since > PATIENCE_MS;
    show(byId("banner"), status.phase === "stopped" || (lasts && status.phase !== "signed-out"));
    show(byId("banner-button"), status.phase === "stopped" || status.phase === "waiting");
    say(byId("banner-text"), explain(status, seconds));
  }
}

function explain({ phase, why, polling }, seconds) {
  if (polling) return "No live connection. Messages still arrive and leave, a little later.";
  if (phase === "stopped") return `${why} Reload the page, or try again.`;
  const when = phase === "waiting" && seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again…";
  return `${why || "The server cannot be reached."} ${when} What you write is kept and sent then.`;
}
