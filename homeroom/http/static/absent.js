// In the place of a room that is not there: says so, lets those make it who may, and looks again from time to time.
// Never here: who may (rights.js), and the room itself.

import { byId, say, show } from "./dom.js";
import { isAbsent } from "./rights.js";

const AGAIN_MS = 5_000;

export class Absent {
  #page;
  #later = null;
  #making = false;

  /** `page`: `{world, room, makes, again, create}`, see app.js; `again()` asks for the room once more, `create()` makes it. */
  constructor(page) {
    this.#page = page;
    byId("absent-make").onclick = () => this.#make();
  }

  /** Draw, and see that it is looked for again while it is not there. */
  draw() {
    const absent = isAbsent(this.#page.room);
    const held = byId("absent").contains(document.activeElement);
    show(byId("absent"), absent);
    show(byId("absent-make"), this.#page.makes);
    say(byId("absent-why"), this.#page.makes ? "Whoever is at this school can come into it then." : "A teacher makes it. It shows here as soon as it is there.");
    if (absent) this.#later ??= this.#page.world.after(AGAIN_MS, () => this.look());
    else this.end();
    if (held && !absent) byId("composer-text").focus();
  }

  /** Look whether it is there now. */
  look() {
    this.end();
    if (!isAbsent(this.#page.room)) return;
    this.#page.again();
    this.draw();
  }

  /** Look no longer. */
  end() {
    this.#later?.();
    this.#later = null;
  }

  async #make() {
    if (this.#making) return; // and not disabled meanwhile: that would take the focus away
    this.#making = true;
    await this.#page.create().catch(() => null); // the notice has told it; somebody else may have made it meanwhile
    this.#making = false;
    this.look();
  }
}
