// Who is here, how they are, and how oneself wants to be seen. Never here: the protocol.

import { byId, fill, make, say } from "./dom.js";
import { avatar } from "./login.js";

const STATUS = { online: "Online", busy: "Busy", dnd: "Do not disturb", away: "Away", offline: "Offline" };
const ORDER = Object.keys(STATUS);
const PARTS = { owner: "Owner", moderator: "Moderator", member: "" };
const ACTIVITY_MS = 800;

export class Roster {
  #page;
  #mine = null;
  #settle = null;

  /** `page`: `{world, room, me, name, self}`, see app.js; `self(verb, d)` acts on one's own presence and gives what it became. */
  constructor(page) {
    this.#page = page;
    byId("me-status").onchange = ({ target }) => this.#choose(target.value);
    byId("me-activity").oninput = ({ target }) => this.#doing(target.value.trim());
  }

  /** Ask how one stands oneself; on each connection, for it may have changed elsewhere. */
  async look() {
    this.#take(await this.#page.self("mine", {}));
  }

  /** Draw the list. */
  draw() {
    const { room, me } = this.#page;
    if (!room.state) return say(byId("me-name"), this.#page.name);
    const members = [...room.state.members].map(([user, member]) => this.#row(user, member));
    members.sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.name.localeCompare(b.name));
    const here = members.filter(({ status }) => status !== "offline").length;
    say(byId("roster-title"), `Here: ${here} of ${members.length}`);
    fill(byId("members"), members, { key: ({ user }) => user, stamp: JSON.stringify, build });
    say(byId("me-name"), room.name(me));
  }

  #row(user, { name, role }) {
    const { status = "offline", activity = "" } = this.#page.room.presence.get(user) ?? {};
    const self = user === this.#page.me;
    const hidden = self && this.#mine?.hidden;
    return { user, name: name || user, part: PARTS[role] ?? role, status, activity, self, hidden };
  }

  async #choose(choice) {
    const { self } = this.#page;
    if (choice === "invisible") return this.#take(await self("hide", {}));
    const hidden = this.#mine?.hidden;
    const chosen = await self("set", { status: choice });
    return this.#take(hidden ? await self("show", {}) : chosen);
  }

  #doing(activity) {
    this.#settle?.();
    this.#settle = this.#page.world.after(ACTIVITY_MS, async () => this.#take(await this.#page.self("set", { activity })));
  }

  #take(mine) {
    if (!mine) return;
    this.#mine = mine;
    byId("me-status").value = mine.hidden ? "invisible" : mine.chosen === "offline" ? "online" : mine.chosen;
    const field = byId("me-activity");
    if (document.activeElement !== field) field.value = mine.activity;
    this.draw();
  }
}

function build({ user, name, part, status, activity, self, hidden }) {
  const seen = hidden ? "Invisible to others" : STATUS[status];
  const face = avatar(user, name);
  face.append(make("span", { className: `dot ${status}` }));
  return make(
    "li",
    { className: status === "offline" ? "member gone" : "member" },
    face,
    make(
      "div",
      { className: "member-text" },
      make("p", { className: "member-name" }, name, self ? make("span", { className: "hushed small" }, " (you)") : null, part ? make("span", { className: "part" }, part) : null),
      make("p", { className: "hushed small member-note" }, activity ? `${seen} · ${activity}` : seen),
    ),
  );
}
