// Shows /openapi.json and lets people try its doors. What comes from the server is put in as text, never as markup.
// The token stays in this page's memory: a reload forgets it, and it never stands in a URL.

const byId = (id) => document.getElementById(id);
const DEMO = "/api/demo";
const JSON_TYPE = "application/json";
const FORM_TYPE = "multipart/form-data";
const TOLD = ["ETag", "Location", "Retry-After"];
let token = null;

/** Make an element; `children` are nodes or texts. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Turn a text into nodes: what stands between backticks becomes code. */
const prose = (text) => String(text ?? "").split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));

/** Follow `$ref` once. */
const nameOf = (reference) => reference.split("/").at(-1);
const resolve = (document_, schema) => (schema?.$ref ? document_.components.schemas[nameOf(schema.$ref)] : (schema ?? {}));

/** Return the structures that a schema names, at its own level. */
function namesIn(schema) {
  if (schema?.$ref) return [nameOf(schema.$ref)];
  return [...(schema?.anyOf ?? []), ...(schema?.prefixItems ?? []), schema?.items, schema?.additionalProperties].filter((one) => one && typeof one === "object").flatMap(namesIn);
}

/** Say a schema in a few words. */
function words(document_, schema) {
  if (!schema || Object.keys(schema).length === 0) return "anything";
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map((one) => words(document_, one)).join(" or ");
  if (schema.prefixItems) return `[${schema.prefixItems.map((one) => words(document_, one)).join(", ")}]`;
  if (schema.type === "array") return `list of ${words(document_, schema.items)}`;
  if (schema.format === "binary") return "a file";
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "pattern"].filter((key) => key in schema);
  return [schema.type ?? "value", ...bounds.map((key) => `${key} ${schema[key]}`)].join(", ");
}

/** Return what a type takes; the structures in it open, each when it is asked for. `above` are those that it stands in already. */
function typeCell(document_, schema, note, above = []) {
  const told = schema?.anyOf ? schema.anyOf.find((one) => one.description)?.description : undefined;
  const cell = make("td", {}, ...prose([words(document_, schema), note ?? schema?.description ?? told].filter(Boolean).join(". ")));
  for (const name of new Set(namesIn(schema))) {
    if (above.includes(name)) continue;
    const opened = make("details", { class: "type" }, make("summary", {}, name));
    opened.addEventListener("toggle", () => opened.childElementCount > 1 || opened.append(fieldTable(document_, { $ref: `/${name}` }, above)));
    cell.append(opened);
  }
  return cell;
}

/** Make the table of a structure's fields. */
function fieldTable(document_, schema, above = []) {
  const found = resolve(document_, schema);
  const within = schema.$ref ? [...above, nameOf(schema.$ref)] : above;
  const line = ([name, one]) =>
    make("tr", {}, make("th", { scope: "row" }, name), typeCell(document_, one, undefined, within), make("td", {}, (found.required ?? []).includes(name) ? "always" : ""));
  const lines = Object.entries(found.properties ?? {}).map(line);
  const lead = found.description ? [make("p", {}, ...prose(found.description))] : [];
  return make("div", {}, ...lead, lines.length ? make("table", {}, make("tbody", {}, ...lines)) : make("p", {}, words(document_, found)));
}

function rowsOf(document_, operation) {
  const rows = operation.parameters.map((one) => [one.name, one.in, one.schema, one.required, one.description]);
  const body = resolve(document_, (operation.requestBody?.content[JSON_TYPE] ?? operation.requestBody?.content[FORM_TYPE])?.schema);
  for (const [name, schema] of Object.entries(body.properties ?? {})) rows.push([name, "body", schema, (body.required ?? []).includes(name), schema.description]);
  return rows;
}

function inputTable(document_, operation) {
  const rows = rowsOf(document_, operation);
  if (!rows.length) return make("p", {}, "No input.");
  const head = make("tr", {}, ...["name", "in", "takes", "required"].map((text) => make("th", { scope: "col" }, text)));
  const line = ([name, place, schema, required, note]) =>
    make("tr", {}, make("td", {}, name), make("td", {}, place), typeCell(document_, schema, note), make("td", {}, required ? "yes" : ""));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map(line)));
}

/** Say what else an answer comes with. */
const headerWords = (answer) =>
  Object.entries(answer.headers ?? {}).map(([name, header]) => make("p", { class: "header" }, make("code", {}, name), ...prose(`: ${header.description}`)));

/** Make the table of the answers whose status `wanted` takes. */
function answerTable(document_, operation, wanted) {
  const line = ([status, answer]) => {
    const kinds = Object.entries(answer.content ?? {});
    const schema = kinds[0]?.[1].schema;
    const cell = schema && status < "400" ? typeCell(document_, schema, "") : make("td", {});
    cell.prepend(`${kinds.map(([kind]) => kind).join(", ")} `);
    return make("tr", {}, make("th", { scope: "row" }, status), make("td", {}, ...prose(answer.description), ...headerWords(answer)), cell);
  };
  return make("table", {}, make("tbody", {}, ...Object.entries(operation.responses).filter(([status]) => wanted(status)).map(line)));
}

/** Make the field of the body, if there is one: a text that begins as the example, or a file. */
function bodyField(operation) {
  const content = operation.requestBody?.content ?? {};
  if (content[JSON_TYPE]) {
    const input = make("textarea", { "aria-label": "body", spellcheck: "false" });
    input.value = JSON.stringify(content[JSON_TYPE].example ?? {}, null, 2);
    return { input, headers: { "Content-Type": JSON_TYPE }, read: () => input.value };
  }
  if (!content[FORM_TYPE]) return null;
  const input = make("input", { type: "file", name: "file", required: "" });
  const read = () => {
    const form = new FormData();
    form.append("file", input.files[0]);
    return form;
  };
  return { input, label: make("label", {}, "file", input), headers: {}, read };
}

/** Make the form that sends the request. */
function tryForm(document_, method, path, operation) {
  const form = make("form", { class: "try" });
  const fields = operation.parameters.map((one) => {
    const input = make("input", { name: one.name, ...(one.required ? { required: "" } : {}), ...(one.example ? { placeholder: one.example } : {}) });
    form.append(make("label", {}, `${one.name} (${one.in})`, input));
    return [one, input];
  });
  const body = bodyField(operation);
  if (body) form.append(body.label ?? body.input);
  const output = make("pre", { role: "status", hidden: "" });
  form.append(make("button", { type: "submit" }, `Send ${method.toUpperCase()}`), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = "…";
    output.textContent = await send(method, path, fields, body).catch((error) => `No answer: ${error.message}`);
  });
  return form;
}

async function send(method, path, fields, body) {
  const query = new URLSearchParams();
  const headers = { Accept: "application/json" };
  let address = path;
  for (const [one, input] of fields) {
    if (one.in === "path") address = address.replace(`{${one.name}}`, encodeURIComponent(input.value));
    else if (input.value && one.in === "query") query.set(one.name, input.value);
    else if (input.value) headers[one.name] = input.value;
  }
  if (token) headers.Authorization = `Bearer ${token}`;
  Object.assign(headers, body?.headers);
  const text = [...query].length ? `${address}?${query}` : address;
  const response = await fetch(text, { method: method.toUpperCase(), headers, body: body?.read(), cache: "no-store", credentials: "omit" });
  const told = TOLD.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}\n`);
  return `${response.status} ${response.headers.get("content-type")}\n${told.join("")}\n${pretty(await response.text())}`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function door(document_, path, method, operation) {
  const inside = make("div", { class: "inside" });
  const details = make(
    "details",
    { id: operation.operationId },
    make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), make("span", { class: "path" }, path), make("span", { class: "words" }, ...prose(operation.summary))),
    inside,
  );
  if (operation.deprecated) details.querySelector(".path").append(make("span", { class: "old" }, " another name"));
  details.dataset.find = `${method} ${path} ${operation.summary} ${operation.tags}`.toLowerCase();
  details.addEventListener("toggle", () => {
    if (inside.childElementCount) return;
    const proof = !operation.security?.length ? "Open to everybody." : operation.security.some((one) => !Object.keys(one).length) ? "A token is welcome." : "Needs a token.";
    inside.append(make("p", {}, proof), ...(operation.description ? [make("p", {}, ...prose(operation.description))] : []), make("h3", {}, "Input"), inputTable(document_, operation));
    inside.append(tryForm(document_, method, path, operation));
    inside.append(make("h3", {}, "Answer"), answerTable(document_, operation, (status) => status < "400"));
    inside.append(make("details", {}, make("summary", {}, "Errors"), answerTable(document_, operation, (status) => status >= "400")));
  });
  return details;
}

function show(document_) {
  byId("title").textContent = `${document_.info.title} API ${document_.info.version}`;
  byId("lead").replaceChildren(...prose(document_.info.description));
  if (DEMO in document_.paths) tellDemo();
  for (const { name, description } of document_.tags) {
    const section = make("section", { id: `chapter-${name}` }, make("h2", {}, name), make("p", {}, ...prose(description)));
    byId("contents").append(make("li", {}, make("a", { href: `#chapter-${name}` }, name)));
    for (const [path, methods] of Object.entries(document_.paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.tags.includes(name)) section.append(door(document_, path, method, operation));
    byId("doors").append(section);
  }
  goTo();
}

/** Open the door, or go to the chapter, that the address names. */
function goTo() {
  const found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!found) return;
  if (found.localName === "details") found.open = true;
  found.scrollIntoView();
}

/** In the demo, say who one can be and with which password. */
async function tellDemo() {
  const { people, password } = await (await fetch(DEMO)).json();
  const roles = [...new Map(people.map((person) => [person.role, person.id]).reverse()).values()].reverse();
  byId("demo").append("This is a demo: log in as ", ...roles.flatMap((id, at) => [at ? ", " : "", make("code", {}, id)]), " with the password ", make("code", {}, password), ".");
  byId("demo").hidden = false;
}

function filter() {
  const wanted = byId("find").value.trim().toLowerCase();
  for (const details of document.querySelectorAll("details[data-find]")) details.hidden = !details.dataset.find.includes(wanted);
  for (const section of document.querySelectorAll("main section")) {
    section.hidden = !section.querySelector("details[data-find]:not([hidden])");
    document.querySelector(`#contents a[href="#${CSS.escape(section.id)}"]`).parentElement.hidden = section.hidden;
  }
}

async function logIn(event) {
  event.preventDefault();
  const { login, password } = Object.fromEntries(new FormData(event.target));
  const body = JSON.stringify({ login, password });
  const response = await fetch("/api/auth/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const answer = await response.json();
  token = response.ok ? answer.access_token : null;
  byId("who").className = response.ok ? "" : "error";
  byId("who").textContent = response.ok ? `${answer.user.name}, ${answer.user.role}` : answer.detail;
}

byId("login").addEventListener("submit", (event) => logIn(event).catch((error) => (byId("who").textContent = error.message)));
byId("find").addEventListener("input", filter);
addEventListener("hashchange", goTo);
fetch("/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((error) => (byId("lead").textContent = `The description cannot be read: ${error.message}`));
