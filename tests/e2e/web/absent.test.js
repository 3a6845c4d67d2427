import { Absent } from "/static/absent.js";
import { equal, FakeWorld, settle, test } from "./check.js";

const MISSING = { state: null, gone: "not_found" };

/** Return what the product's own page shows for a room that is not there; `acts` is what it asked for. */
async function absent({ makes = false, create = async () => null } = {}) {
  const html = await (await fetch("/static/index.html")).text();
  const parts = new DOMParser().parseFromString(html, "text/html");
  document.body.replaceChildren(parts.getElementById("absent"), parts.getElementById("composer"));
  const acts = [];
  const page = {
    world: new FakeWorld(),
    room: MISSING,
    makes,
    again: () => acts.push("again"),
    create: () => (acts.push("create"), create()),
  };
  const made = new Absent(page);
  made.draw();
  const [place, button] = ["absent", "absent-make"].map((id) => document.getElementById(id));
  return { absent: made, page, acts, place, button };
}

test("a room that is not there is looked for every five seconds until it is there", async () => {
  const all = await absent();
  equal([all.place.hidden, all.button.hidden], [false, true]);
  await all.page.world.pass(4_999);
  equal(all.acts, []);
  await all.page.world.pass(10_001);
  equal(all.acts, ["again", "again", "again"]);
  all.page.room = { state: {}, gone: null };
  all.absent.draw();
  await all.page.world.pass(60_000);
  equal([all.place.hidden, all.acts.length], [true, 3]);
});

test("a look begins the five seconds anew, and nobody looks for a room that is there or after signing out", async () => {
  const all = await absent();
  await all.page.world.pass(3_000);
  all.absent.look();
  await all.page.world.pass(4_000);
  equal(all.acts, ["again"]);
  all.absent.end();
  await all.page.world.pass(60_000);
  equal(all.acts, ["again"]);
  all.page.room = { state: {}, gone: null };
  all.absent.look();
  equal(all.acts, ["again"]);
});

test("whoever may makes it once, however often the button is pressed, and looks for it when that was refused too", async () => {
  for (const create of [async () => null, async () => Promise.reject(new Error("it is there"))]) {
    const all = await absent({ makes: true, create });
    equal(all.button.hidden, false);
    all.button.click();
    all.button.click();
    await settle();
    equal(all.acts, ["create", "again"]);
  }
});
