import { claimOutbox } from "/static/outbox.js";
import { equal, FakeWorld, test } from "./check.js";

function tab(stored = null) {
  const world = new FakeWorld();
  world.locks = navigator.locks;
  world.id = () => crypto.randomUUID();
  world.after = (ms, run) => (setTimeout(run, ms), () => null);
  if (stored) world.store.setItem("homeroom.outbox", stored);
  return world;
}

test("a tab that is a copy of another takes a client id of its own", async () => {
  const first = tab();
  const { outbox, twin } = await claimOutbox(first);
  outbox.put("room:lobby", "say", { text: "a" }, 0);
  const copy = await claimOutbox(tab(first.store.getItem("homeroom.outbox")));
  equal([twin, copy.twin, copy.outbox.client === outbox.client, copy.outbox.commands], [false, true, false, []]);
});

test("a tab that was reloaded takes up its client id and its commands", async () => {
  const kept = JSON.stringify({ client: `web-${crypto.randomUUID()}`, user: "ann", next: 8, commands: [{ id: 7, to: "room:lobby", do: "say", d: {}, seq: 0 }] });
  const { outbox, twin } = await claimOutbox(tab(kept));
  equal([twin, outbox.client, outbox.commands.length, outbox.number()], [false, JSON.parse(kept).client, 1, 8]);
});
