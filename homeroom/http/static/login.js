// The way in: a demo person by one press, or login and password. Never here: tokens (session.js).

import { button, byId, make, say, show } from "./dom.js";

const ROLES = { super_admin: "Head of school", admin: "Administration", teacher: "Teacher", student: "Student", parent: "Parent" };

const HUES = 7;

/** What to call a role. */
export const roleName = (role) => ROLES[role] ?? role;

export class Door {
  #session;
  #entered;
  #demo = null;

  /** `entered()` is called when somebody has come in. */
  constructor(session, entered) {
    this.#session = session;
    this.#entered = entered;
    byId("login").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try(byId("login-name").value.trim(), byId("login-password").value);
    });
    byId("door-other").addEventListener("click", () => this.#offer(null));
  }

  /** The demo's people by id, to show their names; empty outside the demo. */
  get names() {
    return new Map((this.#demo?.people ?? []).map(({ id, name }) => [id, name]));
  }

  /** Ask once whether this is a demo. */
  async look() {
    this.#demo ??= await this.#session.open("/api/demo").catch(() => null);
    return this.#demo;
  }

  /** Show the way in, saying `why` it is shown; the person named by `wanted`, if it is one of the demo, comes in at once. */
  async open(why = "", wanted = null) {
    await this.look();
    byId("hall").hidden = true;
    byId("door").hidden = false;
    this.#complain(why);
    this.#offer(this.#demo);
    if (wanted && this.#demo?.people.some(({ id }) => id === wanted)) await this.#try(wanted, this.#demo.password);
    else if (wanted) this.#complain(`Nobody here is called ${wanted}.`);
  }

  #offer(demo) {
    show(byId("demo"), demo !== null);
    show(byId("login"), demo === null);
    say(byId("door-lead"), demo ? "A demonstration school is running." : "Sign in to your school.");
    byId("demo-people").replaceChildren(...(demo?.people ?? []).map((person) => make("li", {}, this.#choice(person))));
    if (!demo) byId("login-name").focus();
  }

  #choice({ id, name, role }) {
    const choose = () => this.#try(id, this.#demo.password);
    const choice = button("", choose, { className: "person" });
    choice.append(avatar(id, name), make("span", { className: "person-name" }, name), make("span", { className: "hushed small" }, roleName(role)));
    return choice;
  }

  async #try(login, password) {
    this.#busy(true);
    this.#complain("");
    try {
      await this.#session.login(login, password);
      byId("login-password").value = "";
      this.#entered();
    } catch (error) {
      this.#complain(explain(error));
      if (!byId("login").hidden) byId("login-password").select();
    } finally {
      this.#busy(false);
    }
  }

  #busy(busy) {
    for (const control of byId("door").querySelectorAll("button")) control.disabled = busy;
  }

  #complain(text) {
    say(byId("door-error"), text);
    show(byId("door-error"), text !== "");
  }
}

function explain(error) {
  if (error.status === 401) return "This login and password do not belong together.";
  if (error.status === 429) return "Too many attempts. Please wait a little and try again.";
  return error.message;
}

/** Make the round picture of a person: initials on a colour that follows from the id. */
export function avatar(id, name) {
  const words = name.split(/\s+/).filter(Boolean);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "").join("");
  const hue = [...id].reduce((hash, char) => Math.imul(hash ^ char.codePointAt(0), 16777619) >>> 0, 2166136261) % HUES;
  return make("span", { className: `avatar hue-${hue}`, "aria-hidden": "true" }, initials.toUpperCase());
}
