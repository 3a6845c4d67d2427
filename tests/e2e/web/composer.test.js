import { Composer } from "/static/composer.js";
import { equal, FakeWorld, test } from "./check.js";

const ENDED = { why: "This room has ended. It can still be read.", final: true };
const MUTED = { why: "You are muted for a while.", final: false };
const FREE = { why: "", final: false };
const MINE = { id: "1", by: "ann", name: "Ann", text: "mine" };

/** Return a composer in the product's own form, in a room of which `stand(barrier)` tells whether one may write; `acts` is what it did. */
async function composer() {
  const html = await (await fetch("/static/index.html")).text();
  document.body.replaceChildren(new DOMParser().parseFromString(html, "text/html").getElementById("composer"));
  const acts = [];
  let barrier = FREE;
  const page = {
    world: new FakeWorld(),
    room: { messages: [MINE], name: (user) => user },
    me: "ann",
    act: (verb, d) => acts.push([verb, d]),
    hint: () => null,
    wrote: () => null,
    blocked: () => barrier,
  };
  const made = new Composer(page);
  const stand = (found) => ((barrier = found), made.draw());
  const [field, send, why] = ["composer-text", "composer-send", "composer-why"].map((id) => document.getElementById(id));
  return { composer: made, acts, stand, field, send, why };
}

const enter = (field) => field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true }));

test("in a room that has ended the composer is disabled and says why, also beside a draft, and opens again in another", async () => {
  const { acts, stand, field, send, why } = await composer();
  field.value = "a draft";
  stand(ENDED);
  equal([field.disabled, send.disabled, why.textContent, field.value], [true, true, ENDED.why, "a draft"]);
  equal(field.getAttribute("aria-describedby").split(" ").includes(why.id), true);
  enter(field);
  equal(acts, []);
  stand(FREE);
  equal([field.disabled, send.disabled, why.textContent], [false, false, ""]);
  enter(field);
  equal(acts, [["say", { text: "a draft" }]]);
});

test("an edit that was begun before the end is given up", async () => {
  const { composer: made, acts, stand, field } = await composer();
  made.edit(MINE);
  field.value = "changed";
  stand(ENDED);
  equal([field.value, document.getElementById("composer-about").hidden, field.disabled], ["", true, true]);
  enter(field);
  equal(acts, []);
});

test("who is muted for a while may go on with a draft and read why it does not go out", async () => {
  const { acts, stand, field, send, why } = await composer();
  stand(MUTED);
  equal([field.disabled, send.disabled, why.textContent, field.placeholder], [false, true, "", MUTED.why]);
  field.value = "later";
  stand(MUTED);
  equal([field.disabled, send.disabled, why.textContent], [false, true, MUTED.why]);
  enter(field);
  equal(acts, []);
});
