import { Client } from "/static/client.js";
import { Outbox } from "/static/outbox.js";
import { Session } from "/static/session.js";
import { equal, FakeWorld, settle, test } from "./check.js";

const USER = { id: "ann", name: "Ann", role: "student" };
const WELCOME = { t: "welcome", conn: "c", user: USER, now: 0, epoch: "e", heartbeat_ms: 30_000, limits: {}, expires: 900_000 };
const ROOM = "room:lobby";

function follower() {
  const told = [];
  const note = (what) => (...args) => told.push([what, ...args]);
  const took = { told, snapshot: note("snapshot"), event: (event, seq) => told.push([seq, event.type]), signal: note("signal"), ended: note("ended"), settled() {}, joined() {} };
  return took;
}

async function start({ streams = [ROOM] } = {}) {
  const world = new FakeWorld();
  world.answers["/api/auth/login"] = [200, { access_token: "t1", refresh_token: "r1", expires: world.now() + 900_000, user: USER }];
  world.answers["/api/auth/refresh"] = () => [200, { access_token: "t2", refresh_token: "r2", expires: world.now() + 900_000, user: USER }];
  const session = new Session(world);
  await session.login("ann", "secret");
  const outbox = new Outbox(world);
  const notices = [];
  const client = new Client(world, session, outbox, (what, detail) => notices.push([what, detail]));
  const followers = Object.fromEntries(streams.map((stream) => [stream, follower()]));
  for (const stream of streams) client.follow(stream, followers[stream]);
  client.start();
  await settle();
  return { world, session, outbox, client, notices, room: followers[ROOM] };
}

function welcome({ world }, pos = null) {
  world.wire.open();
  world.wire.tell(WELCOME);
  for (const { id } of world.wire.of("sub")) world.wire.tell({ t: "ok", id, d: pos ?? { verdict: "snapshot", pos: ["e", 5], state: "S" } });
}

/** Let the pause before the next attempt pass. */
const pause = ({ world, client }) => world.pass(client.status.until - world.now());

const event = (type) => ({ type, at: 1, by: "ann", d: {} });

test("hello carries the token and the client id, and the URL carries neither", async () => {
  const { world, outbox } = await start();
  world.wire.open();
  equal(world.wire.url, "ws://school.test/ws");
  equal(world.wire.protocol, "homeroom.v1.json");
  equal(world.wire.sent[0], { t: "hello", token: "t1", client: outbox.client, agent: "homeroom-page" });
});

test("nothing but hello is sent before welcome", async () => {
  const { world, client } = await start();
  client.command(ROOM, "say", { text: "a" });
  client.hint(ROOM, "typing", { typing: true });
  world.wire.open();
  equal(world.wire.sent.map(({ t }) => t), ["hello"]);
  world.wire.tell(WELCOME);
  equal(world.wire.sent.map(({ t }) => t), ["hello", "sub", "cmd"]);
});

test("a snapshot and the events after it reach the follower once and in order", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.tell({ t: "ev", to: ROOM, seq: 6, e: [event("x.a"), event("x.b")] }, { t: "ev", to: ROOM, seq: 7, e: [event("x.b"), event("x.c")] });
  equal(all.room.told, [["snapshot", "S"], [6, "x.a"], [7, "x.b"], [8, "x.c"]]);
});

test("a reconnect resumes from the cursor", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.tell({ t: "ev", to: ROOM, seq: 6, e: [event("x.a")] });
  all.world.wire.fail(1006);
  await all.world.pass(250);
  all.world.wire.open();
  all.world.wire.tell(WELCOME);
  equal(all.world.wire.of("sub")[0].since, ["e", 6]);
  all.world.wire.tell({ t: "ok", id: all.world.wire.of("sub")[0].id, d: { verdict: "resumed", count: 1, pos: ["e", 7] } }, { t: "ev", to: ROOM, seq: 7, e: [event("x.b")] });
  equal(all.room.told.slice(1), [[6, "x.a"], [7, "x.b"]]);
});

test("a hole in the numbers is fetched from the cursor, and nothing beyond it is taken before", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.tell({ t: "ev", to: ROOM, seq: 8, e: [event("x.late")] });
  equal(all.room.told.length, 1);
  equal(all.world.wire.of("sub").at(-1).since, ["e", 5]);
});

test("a pong that knows of newer events uncovers a hole, unless they arrive in the meantime", async () => {
  const all = await start();
  welcome(all);
  const pong = { t: "pong", n: 1, now: 0, at: { [ROOM]: 6 } };
  all.world.wire.tell(pong, { t: "ev", to: ROOM, seq: 6, e: [event("x.a")] });
  await all.world.pass(3_000);
  equal(all.world.wire.of("sub").length, 1);
  all.world.wire.tell({ ...pong, at: { [ROOM]: 7 } });
  await all.world.pass(3_000);
  equal(all.world.wire.of("sub").at(-1).since, ["e", 6]);
});

test("an unacknowledged command is sent again with its number after a reconnect, an acknowledged one is not", async () => {
  const all = await start();
  welcome(all);
  const first = all.client.command(ROOM, "say", { text: "a" });
  const second = all.client.command(ROOM, "say", { text: "b" });
  all.world.wire.tell({ t: "ok", id: first.id, d: { id: "6" }, pos: [ROOM, 6] });
  equal((await first.done).pos, [ROOM, 6]);
  all.world.wire.fail(1006);
  await all.world.pass(250);
  all.world.wire.open();
  all.world.wire.tell(WELCOME);
  equal(all.world.wire.of("cmd"), [{ t: "cmd", id: second.id, to: ROOM, do: "say", d: { text: "b" } }]);
  all.world.wire.tell({ t: "ok", id: second.id, pos: [ROOM, 7], again: true });
  equal((await second.done).again, true);
  equal(all.outbox.commands, []);
});

test("commands outlive the tab's reload with their numbers, and numbers go on growing", async () => {
  const { world, client, outbox } = await start();
  const { id } = client.command(ROOM, "say", { text: "a" });
  const kept = JSON.parse(world.store.getItem("homeroom.outbox"));
  const reloaded = new Outbox(world, kept);
  equal(reloaded.client, outbox.client);
  equal(reloaded.commands.map((command) => command.id), [id]);
  if (!(reloaded.number() > id)) throw new Error("a number came twice");
});

test("the commands of somebody else are dropped, never sent in another's name", async () => {
  const { outbox, client } = await start();
  outbox.belongTo("ann");
  client.command(ROOM, "say", { text: "a" });
  outbox.belongTo("ben");
  equal(outbox.commands, []);
});

test("a refusal that passes is answered by sending the same number again after retry_ms", async () => {
  const all = await start();
  welcome(all);
  const { id, done } = all.client.command(ROOM, "say", { text: "a" });
  all.world.wire.tell({ t: "err", id, code: "rate_limited", msg: "slower", retry_ms: 2_000 });
  await all.world.pass(1_900);
  equal(all.world.wire.of("cmd").length, 1);
  await all.world.pass(400);
  equal(all.world.wire.of("cmd").map((frame) => frame.id), [id, id]);
  all.world.wire.tell({ t: "ok", id, pos: [ROOM, 6] });
  equal((await done).pos, [ROOM, 6]);
});

test("while a command waits to be sent again, later ones to the same address wait behind it", async () => {
  const all = await start();
  welcome(all);
  const { id } = all.client.command(ROOM, "say", { text: "a" });
  all.world.wire.tell({ t: "err", id, code: "overloaded", msg: "full", retry_ms: 1_000 });
  all.client.command(ROOM, "say", { text: "b" });
  equal(all.world.wire.of("cmd").length, 1);
  await all.world.pass(1_500);
  equal(all.world.wire.of("cmd").map(({ d }) => d.text), ["a", "a", "b"]);
});

test("a final refusal reaches whoever waits and leaves the outbox", async () => {
  const all = await start();
  welcome(all);
  const { id, done } = all.client.command(ROOM, "say", { text: "a" });
  all.world.wire.tell({ t: "err", id, code: "forbidden", msg: "not yours" });
  const error = await done.catch((refused) => refused);
  equal([error.code, error.message, all.outbox.commands], ["forbidden", "not yours", []]);
});

test("an internal error is tried three times in all, then told", async () => {
  const all = await start();
  welcome(all);
  const { id, done } = all.client.command(ROOM, "say", { text: "a" });
  for (let tries = 0; tries < 3; tries += 1) {
    all.world.wire.tell({ t: "err", id, code: "internal", msg: "incident 7", retry_ms: 100 });
    await all.world.pass(1_000);
  }
  equal(all.world.wire.of("cmd").length, 3);
  equal((await done.catch((refused) => refused)).message, "incident 7");
});

test("pauses double up to two seconds, and after ten failures up to thirty, with full jitter", async () => {
  const all = await start();
  all.world.chance = 0.999999;
  const pauses = [];
  for (let tries = 0; tries < 15; tries += 1) {
    all.world.wire.fail(1006);
    pauses.push(all.client.status.until - all.world.now());
    await pause(all);
  }
  equal(pauses, [250, 500, 1000, ...Array(7).fill(2000), 4000, 8000, 16000, 30000, 30000]);
  all.world.chance = 0;
  all.world.wire.fail(1006);
  equal(all.client.status.until, all.world.now());
});

test("a welcome makes the next pause short again", async () => {
  const all = await start();
  all.world.chance = 0.999999;
  for (let tries = 0; tries < 4; tries += 1) {
    all.world.wire.fail(1006);
    await pause(all);
  }
  welcome(all);
  all.world.wire.fail(1006);
  equal(all.client.status.until - all.world.now(), 250);
});

test("the delay that the server advises is kept", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.tell({ t: "bye", code: 4501, msg: "draining", reconnect_ms: 7_000 });
  all.world.wire.fail(4501);
  equal(all.client.status.until - all.world.now(), 7_000);
});

test("a close that says our side must change first is not answered by coming back", async () => {
  for (const code of [1002, 1003, 1007, 1009, 4400, 4408, 4429]) {
    const all = await start();
    welcome(all);
    all.world.wire.fail(code);
    await all.world.pass(120_000);
    equal([code, all.world.sockets.length, all.client.status.phase], [code, 1, "stopped"]);
  }
});

test("a revoked login ends in signing in", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.fail(4403);
  equal(all.client.status.phase, "signed-out");
});

test("an expired token is renewed once and the connection opened again", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.fail(4401);
  await all.world.pass(0);
  all.world.wire.open();
  equal(all.world.wire.of("hello")[0].token, "t2");
  all.world.wire.fail(4401);
  await all.world.pass(60_000);
  equal([all.world.sockets.length, all.client.status.phase], [2, "signed-out"]);
});

test("the token is replaced in the running connection a minute before it ends", async () => {
  const all = await start();
  welcome(all);
  const alive = () => all.world.wire.tell({ t: "pong", n: 1, now: 0, at: {} });
  for (let passed = 0; passed < 839_000; passed += 5_000) {
    await all.world.pass(5_000 - (passed === 0 ? 1_000 : 0));
    alive();
  }
  equal(all.world.wire.of("auth").length, 0);
  await all.world.pass(1_500);
  equal(all.world.wire.of("auth").map(({ token }) => token), ["t2"]);
});

test("a server that no longer answers pings is left", async () => {
  const all = await start();
  welcome(all);
  await all.world.pass(20_000);
  equal(all.world.wire.of("ping").length, 1);
  await all.world.pass(10_000);
  equal([all.world.sockets[0].closed, all.client.status.phase === "connected"], [true, false]);
});

test("coming back from another tab asks for a sign of life at once", async () => {
  const all = await start();
  welcome(all);
  all.client.hurry();
  equal(all.world.wire.of("ping").length, 1);
});

test("a stream that ended is told so, and not subscribed again", async () => {
  const all = await start();
  welcome(all);
  all.world.wire.tell({ t: "gone", to: ROOM, code: "forbidden" });
  equal(all.room.told.at(-1), ["ended", "forbidden"]);
});

test("after five failures the sync endpoint is polled until the socket is back", async () => {
  const all = await start();
  all.world.answers["/api/realtime/sync"] = ({ path }) => {
    const known = path.includes("since=");
    const found = known ? { verdict: "resumed", pos: ["e", 7], seq: 6, events: [event("x.a"), event("x.b")] } : { verdict: "snapshot", pos: ["e", 5], state: "S" };
    all.world.answers["/api/realtime/sync"] = known ? () => new Promise(() => {}) : all.world.answers["/api/realtime/sync"];
    return [200, { cursor: "C", streams: { [ROOM]: found }, more: false }];
  };
  for (let failures = 0; failures < 5; failures += 1) {
    equal(all.world.asked.some(({ path }) => path.includes("sync")), false);
    all.world.wire.fail(1006);
    if (failures < 4) await pause(all);
  }
  await all.world.pass(600);
  equal(all.room.told, [["snapshot", "S"], [6, "x.a"], [7, "x.b"]]);
  equal(all.client.status.polling, true);
  await all.world.pass(4_000);
  all.world.wire.open();
  all.world.wire.tell(WELCOME);
  equal(all.world.wire.of("sub")[0].since, ["e", 7]);
  equal(all.client.status.polling, false);
});

test("while polling, a stream that is refused is asked for again after five seconds and not at once", async () => {
  const all = await start();
  all.world.answers["/api/realtime/sync"] = [200, { cursor: "C", streams: { [ROOM]: { verdict: "refused", code: "not_found" } }, more: false }];
  for (let failures = 0; failures < 5; failures += 1) {
    all.world.wire.fail(1006);
    if (failures < 4) await pause(all);
  }
  await all.world.pass(4_900);
  equal(all.room.told, [["ended", "not_found"]]);
  await all.world.pass(200);
  equal(all.room.told.length, 2);
});

test("while polling, what no socket has carried goes by REST with a key, and what one has carried waits for one", async () => {
  const all = await start();
  welcome(all);
  all.client.command(ROOM, "say", { text: "carried" });
  all.world.answers["/api/realtime/sync"] = [200, { cursor: "C", streams: {}, more: false }];
  all.world.answers["/api/rooms/lobby/messages"] = [201, { data: { id: "9" }, pos: [ROOM, 9] }];
  all.world.wire.fail(1006);
  const { id, done } = all.client.command(ROOM, "say", { text: "fresh" });
  for (let failures = 0; failures < 4; failures += 1) {
    await pause(all);
    all.world.wire.fail(1006);
  }
  await settle();
  equal((await done).d.id, "9");
  const posts = all.world.asked.filter(({ path }) => path === "/api/rooms/lobby/messages");
  equal(posts.map(({ body, headers }) => [body.text, headers["Idempotency-Key"]]), [["fresh", `${all.outbox.client}-${id}`]]);
  equal(all.outbox.commands.map(({ d }) => d.text), ["carried"]);
});
