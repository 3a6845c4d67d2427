// Shows /openapi.json and lets people try its doors. What comes from the server is put in as text, never as markup.
// The token stays in this page's memory: a reload forgets it, and it never stands in a URL.

const byId = (id) => document.getElementById(id);
const DEMO = "/api/demo";
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
const resolve = (document_, schema) =>
  schema?.$ref ? document_.components.schemas[schema.$ref.split("/").at(-1)] : (schema ?? {});

/** Say a schema in a few words. */
function words(document_, schema) {
  if (!schema || Object.keys(schema).length === 0) return "anything";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map((one) => words(document_, one)).join(" or ");
  if (schema.type === "array") return `list of ${words(document_, schema.items)}`;
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "pattern"].filter((key) => key in schema);
  return [schema.type ?? "value", ...bounds.map((key) => `${key} ${schema[key]}`)].join(", ");
}

/** Return a body to start from: what is required, and the defaults. */
function sample(document_, schema, depth = 0) {
  const found = resolve(document_, schema);
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum[0];
  if (found.anyOf) return sample(document_, found.anyOf[0], depth);
  if (found.type === "object" && depth < 3) {
    const names = found.required ?? [];
    return Object.fromEntries(names.map((name) => [name, sample(document_, found.properties?.[name], depth + 1)]));
  }
  return { array: [], string: "", integer: found.minimum ?? 0, number: 0, boolean: false }[found.type] ?? null;
}

function rowsOf(document_, operation) {
  const rows = operation.parameters.map((one) => [one.name, one.in, words(document_, one.schema), one.required, one.description]);
  const body = resolve(document_, operation.requestBody?.content["application/json"]?.schema);
  for (const [name, schema] of Object.entries(body.properties ?? {}))
    rows.push([name, "body", words(document_, schema), (body.required ?? []).includes(name), schema.description]);
  return rows;
}

function inputTable(document_, operation) {
  const rows = rowsOf(document_, operation);
  if (!rows.length) return make("p", {}, "No input.");
  const head = make("tr", {}, ...["name", "in", "takes", "required"].map((text) => make("th", { scope: "col" }, text)));
  const line = ([name, place, takes, required, note]) =>
    make("tr", {}, make("td", {}, name), make("td", {}, place), make("td", {}, ...prose([takes, note].filter(Boolean).join(". "))), make("td", {}, required ? "yes" : ""));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map(line)));
}

/** Make the table of the answers whose status `wanted` takes. */
function answerTable(document_, operation, wanted) {
  const line = ([status, answer]) => {
    const [kind, content] = Object.entries(answer.content ?? {})[0] ?? ["", {}];
    return make("tr", {}, make("th", { scope: "row" }, status), make("td", {}, ...prose(answer.description)), make("td", {}, kind, " ", content.schema ? words(document_, content.schema) : ""));
  };
  return make("table", {}, make("tbody", {}, ...Object.entries(operation.responses).filter(([status]) => wanted(status)).map(line)));
}

/** Make the form that sends the request. */
function tryForm(document_, method, path, operation) {
  const form = make("form", { class: "try" });
  const fields = operation.parameters.map((one) => {
    const input = make("input", { name: one.name, ...(one.required ? { required: "" } : {}), ...(one.example ? { placeholder: one.example } : {}) });
    form.append(make("label", {}, `${one.name} (${one.in})`, input));
    return [one, input];
  });
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const body = schema ? make("textarea", { "aria-label": "body", spellcheck: "false" }) : null;
  if (body) {
    body.value = JSON.stringify(sample(document_, schema), null, 2);
    form.append(body);
  }
  const output = make("pre", { role: "status", hidden: "" });
  form.append(make("button", { type: "submit" }, `Send ${method.toUpperCase()}`), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = "…";
    output.textContent = await send(method, path, fields, body?.value).catch((error) => `No answer: ${error.message}`);
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
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = [...query].length ? `${address}?${query}` : address;
  const response = await fetch(text, { method: method.toUpperCase(), headers, body, cache: "no-store", credentials: "omit" });
  return `${response.status} ${response.headers.get("content-type")}\n\n${pretty(await response.text())}`;
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
  details.dataset.find = `${method} ${path} ${operation.summary} ${operation.tags}`.toLowerCase();
  details.addEventListener("toggle", () => {
    if (inside.childElementCount) return;
    const proof = operation.security ? "Needs a token." : "Open to everybody.";
    inside.append(make("p", {}, proof), make("h3", {}, "Input"), inputTable(document_, operation));
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
  for (const { name } of document_.tags) {
    const section = make("section", {}, make("h2", {}, name));
    for (const [path, methods] of Object.entries(document_.paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.tags.includes(name)) section.append(door(document_, path, method, operation));
    byId("doors").append(section);
  }
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
fetch("/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((error) => (byId("lead").textContent = `The description cannot be read: ${error.message}`));
