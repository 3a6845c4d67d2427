import { barrier, isAbsent, mayDo, mayMake } from "/static/rights.js";
import { openRoom } from "/static/room.js";
import { equal, test } from "./check.js";

const NOW = 1_000;
const ANN = { id: "ann", role: "student" };
const TIA = { id: "tia", role: "teacher" };
const ADA = { id: "ada", role: "admin" };
const MESSAGE = { id: "1", by: "ann", text: "Hello", retracted: "" };

function room(chat = {}, more = {}) {
  const members = { ann: { role: "member" }, mod: { role: "moderator" } };
  const base = { messages: [], posted: 0, mode: "open", slow: 0, pins: [], muted: {}, reads: {} };
  return { state: openRoom({ title: "Lobby", owner: "", members, invited: {}, barred: {}, ended: 0, chat: { ...base, ...chat }, ...more }), gone: null };
}

test("nothing speaks against writing in a room that goes on, or is not there yet", () => {
  equal(barrier(room(), ANN, NOW), { why: "", final: false });
  equal(barrier({ state: null, gone: null }, ANN, NOW), { why: "", final: false });
});

test("nobody writes in a room that has ended, whatever the role, and waiting does not help", () => {
  for (const user of [ANN, TIA, ADA]) {
    const { why, final } = barrier(room({ mode: "announce" }, { ended: 5 }), user, NOW);
    equal([why, final], ["This room has ended. It can still be read.", true]);
    equal(mayDo(room({}, { ended: 5 }), user, MESSAGE), { answer: false, edit: false, retract: false });
  }
});

test("what ends by itself is said and is not final", () => {
  equal(barrier(room({ muted: { ann: NOW + 1 } }), ANN, NOW), { why: "You are muted for a while.", final: false });
  equal(barrier(room({ muted: { ann: NOW } }), ANN, NOW).why, "");
  equal(barrier(room({ mode: "announce" }), ANN, NOW).why, "Only staff write here at the moment.");
  equal(barrier(room({ mode: "moderated" }), ANN, NOW).why, "Only moderators write here at the moment.");
  for (const mode of ["announce", "moderated"]) equal(barrier(room({ mode }), TIA, NOW).why, "");
  equal(barrier(room({ mode: "moderated" }), { id: "mod", role: "student" }, NOW).why, "");
});

test("who may not see the room any more can do nothing in it", () => {
  equal(barrier({ state: null, gone: "forbidden" }, ANN, NOW), { why: "You cannot see this room any more.", final: true });
  equal(mayDo({ ...room(), gone: "forbidden" }, ANN, MESSAGE).answer, false);
});

test("a room that is not there is told from one that may not be seen any more, and staff make it", () => {
  equal(barrier({ state: null, gone: "not_found" }, ANN, NOW), { why: "There is no room here yet.", final: true });
  equal([isAbsent({ state: null, gone: "not_found" }), isAbsent({ state: null, gone: "forbidden" })], [true, false]);
  equal(isAbsent({ ...room(), gone: "not_found" }), false);
  equal([ANN, TIA, ADA].map(mayMake), [false, true, true]);
});

test("one edits and deletes what is one's own, and moderators delete what others wrote", () => {
  equal(mayDo(room(), ANN, MESSAGE), { answer: true, edit: true, retract: true });
  equal(mayDo(room(), ANN, { ...MESSAGE, retracted: "ann" }).edit, false);
  equal(mayDo(room(), TIA, MESSAGE), { answer: true, edit: false, retract: false });
  for (const user of [ADA, { id: "mod", role: "student" }]) equal(mayDo(room(), user, MESSAGE).retract, true);
});
