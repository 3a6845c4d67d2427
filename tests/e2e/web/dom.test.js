import { fill, make } from "/static/dom.js";
import { buildMessage } from "/static/message.js";
import { openMessage } from "/static/chat.js";
import { equal, test } from "./check.js";

const PLAN = { key: ({ id }) => id, stamp: ({ text = "" }) => text, build: ({ id, text = "" }) => make("li", {}, make("button", { "aria-label": "b" }, id + text)) };
const texts = (list) => [...list.children].map((child) => child.textContent);

test("a list is filled in order, whatever comes, goes, changes and moves", () => {
  const list = make("ol");
  const rounds = [["a", "b", "c"], ["c", "a"], ["x", "a", "y", "c", "z"], [], ["z"], ["a", "z", "b"], ["b", "a"]];
  for (const [round, ids] of rounds.entries()) {
    for (const change of ["", String(round)]) {
      fill(list, ids.map((id) => ({ id, text: change })), PLAN);
      equal(texts(list), ids.map((id) => id + change));
    }
  }
});

test("what does not change stays the same element, and what changes keeps the focus", () => {
  const list = make("ol");
  document.body.append(list);
  fill(list, [{ id: "a" }, { id: "b" }], PLAN);
  const [first] = list.children;
  list.children[1].querySelector("button").focus();
  fill(list, [{ id: "n" }, { id: "a" }, { id: "b", text: "!" }], PLAN);
  equal([list.children[1] === first, document.activeElement.textContent], [true, "b!"]);
  list.remove();
});

test("whatever people write is text: no element, no attribute, no script comes of it", () => {
  const evil = '<img src=x onerror="window.harmed = 1"><script>window.harmed = 1</script>"\'><svg onload=alert(1)>';
  const message = openMessage({ id: "1", n: 1, at: 1, by: "e", name: evil, text: evil, reactions: { "<b>": [evil] }, file: { name: evil, size: 1, type: "a/b", url: "javascript:alert(1)" }, reply_to: "1" });
  const item = { message, name: evil, quote: { name: evil, text: evil }, me: "x", nameOf: (user) => user, seen: evil, may: { edit: true, retract: true } };
  const element = buildMessage(item, {});
  document.body.append(element);
  equal([...element.querySelectorAll("img, script, svg, b, a, iframe")].length, 0);
  equal(element.querySelector(".text").textContent, evil);
  equal(window.harmed ?? null, null);
  element.remove();
});
