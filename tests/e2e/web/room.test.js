import { openRoom, reduceRoom, Room } from "/static/room.js";
import { Sending } from "/static/sending.js";
import { Outbox } from "/static/outbox.js";
import { equal, FakeWorld, plain, test } from "./check.js";

const EMPTY = { title: "Lobby", visibility: "open", owner: "", created: 1, members: {}, invited: {}, barred: {}, chat: { messages: [], posted: 0, mode: "open", slow: 0, pins: [], muted: {}, reads: {} } };
const say = (id, text, by = "ann") => ({ type: "room.message_posted", at: id, by, d: { id: String(id), n: id, text } });

/** Compare our states with those of the server's own reducer; called with histories from outside. */
window.compareHistories = (histories) =>
  histories.flatMap(({ seed, start, steps }) => {
    const state = openRoom(start);
    for (const [step, { event, view }] of steps.entries()) {
      reduceRoom(state, event);
      if (view && plain(state) !== plain(openRoom(view))) return [{ seed, step, event, found: plain(state), expected: plain(openRoom(view)) }];
    }
    return [];
  });

function room() {
  const world = new FakeWorld();
  const opened = new Room(world, () => null);
  opened.snapshot(structuredClone(EMPTY));
  return { world, room: opened };
}

test("an event of a kind that is not known yet changes nothing", () => {
  const state = openRoom(EMPTY);
  reduceRoom(state, { type: "room.repainted", at: 1, by: "x", d: { colour: "blue" } });
  equal(state, openRoom(EMPTY));
});

test("people and emoji may be called like properties of objects", () => {
  const state = openRoom(structuredClone(EMPTY));
  reduceRoom(state, { type: "room.joined", at: 1, by: "__proto__", d: { user: "__proto__", role: "member" } });
  reduceRoom(state, say(1, "a"));
  reduceRoom(state, { type: "room.reaction_changed", at: 1, by: "x", d: { id: "1", emoji: "constructor", users: ["__proto__"] } });
  equal([...state.members.keys()], ["__proto__"]);
  equal([...state.chat.messages[0].reactions], [["constructor", ["__proto__"]]]);
});

test("messages that leave the window are kept as older ones, and events still reach them", () => {
  const { room: opened } = room();
  for (let id = 1; id <= 60; id += 1) opened.event(say(id, `m${id}`), id);
  equal([opened.messages.length, opened.older.length, opened.messages[0].id], [60, 10, "1"]);
  opened.event({ type: "room.message_retracted", at: 61, by: "ann", d: { id: "1" } }, 61);
  equal([opened.messages[0].text, opened.messages[0].retracted], ["", "ann"]);
});

test("a page of history joins what is held without a double", () => {
  const { room: opened } = room();
  opened.event(say(7, "seven"), 7);
  opened.takeOlder({ messages: [{ id: "5", n: 5, at: 5, by: "ann", text: "five" }, { id: "7", n: 7, at: 7, by: "ann", text: "seven" }], more: true });
  equal(opened.messages.map(({ id }) => id), ["5", "7"]);
  equal(opened.hasOlder, true);
});

test("typing ends by itself, and with the message", async () => {
  const { world, room: opened } = room();
  opened.signal({ type: "room.typing", d: { user: "ben", typing: true } });
  equal(opened.typists(), ["ben"]);
  await world.pass(6_001);
  equal(opened.typists(), []);
  opened.signal({ type: "room.typing", d: { user: "ben", typing: true } });
  opened.event(say(1, "a", "ben"), 1);
  equal(opened.typists(), []);
});

test("who is not told of again after a reconnect has left", async () => {
  const { world, room: opened } = room();
  for (const user of ["ann", "ben"]) opened.signal({ type: "room.presence", d: { user, status: "online" } });
  opened.joined();
  opened.signal({ type: "room.presence", d: { user: "ann", status: "busy" } });
  equal([...opened.presence.keys()], ["ann", "ben"]);
  await world.pass(5_000);
  equal([...opened.presence].map(([user, { status }]) => [user, status]), [["ann", "busy"]]);
});

function sending() {
  const outbox = new Outbox(new FakeWorld());
  const lines = new Sending(outbox, "room:lobby");
  const shown = (messages, seq) => lines.list(messages, seq, "ann").map(({ d, why }) => (why ? `${d.text}!` : d.text));
  return { outbox, lines, shown, put: (text, seq = 0) => outbox.put("room:lobby", "say", { text }, seq) };
}
const message = (id, text, by = "ann") => ({ id: String(id), by, text, reply_to: null });

test("a message is shown once when its event comes before its acknowledgement", () => {
  const { outbox, lines, shown, put } = sending();
  const command = put("hello");
  equal(shown([], 0), ["hello"]);
  equal(shown([message(1, "hello")], 1), []);
  outbox.strike(command.id);
  lines.done({ command, answer: { d: { id: "1" } } });
  equal(shown([message(1, "hello")], 1), []);
});

test("a message is shown all the time when its acknowledgement comes before its event", () => {
  const { outbox, lines, shown, put } = sending();
  const command = put("hello");
  outbox.strike(command.id);
  lines.done({ command, answer: { d: { id: "1" } } });
  equal(shown([], 0), ["hello"]);
  equal(shown([message(1, "hello")], 1), []);
});

test("two equal messages are two: one in the stream leaves one on its way", () => {
  const { outbox, lines, shown, put } = sending();
  const first = put("hello");
  put("hello");
  outbox.strike(first.id);
  lines.done({ command: first, answer: { d: { id: "1" } } });
  equal(shown([message(1, "hello")], 1), ["hello"]);
  equal(shown([message(1, "hello"), message(2, "hello")], 2), []);
});

test("what was said before, by others, or elsewhere hides nothing that is on its way", () => {
  const { shown, put } = sending();
  put("hello", 5);
  equal(shown([message(5, "hello"), message(6, "hello", "ben"), message(7, "other")], 7), ["hello"]);
});

test("a refused message stays in sight with the reason until it is dropped", () => {
  const { outbox, lines, shown, put } = sending();
  const command = put("hello");
  outbox.strike(command.id);
  equal(lines.refused({ command, error: new Error("muted") }), true);
  equal(shown([], 0), ["hello!"]);
  lines.drop(lines.list([], 0, "ann")[0].key);
  equal(shown([], 0), []);
});
