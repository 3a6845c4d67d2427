// Making and finding elements. Text goes in as text and never as markup: there is no other way in this file.

/** Return the element with this id. */
export const byId = (id) => document.getElementById(id);

/** Make an element; `props` are properties, or attributes where the name has a dash or is `role`; children may be text or `null`. */
export function make(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Make a button that calls `press`. */
export const button = (text, press, props = {}) => make("button", { type: "button", onclick: press, ...props }, text);

/** Show or hide, touching the document only when that changes something. */
export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Set the text, touching the document (and what a screen reader says) only when it changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make the children of `parent` those of `items`, in order: `build(item)` makes one, and makes it anew only when `stamp(item)`
 * has changed. What stays the same stays in place, with its focus.
 */
export function fill(parent, items, { key, stamp, build }) {
  const wanted = new Set(items.map((item) => String(key(item))));
  for (const child of [...parent.children]) if (!wanted.has(child.dataset.key)) child.remove();
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const child = refresh(old.get(String(key(item))), item, { key, stamp, build });
    if (place?.parentNode !== parent) place = place && child; // it was the one that has just been made anew
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** Return `child` as it is when `item` has not changed, else the element made anew, which stands in its place. */
function refresh(child, item, { key, stamp, build }) {
  const mark = stamp(item);
  if (child?.stamp === mark) return child;
  const fresh = build(item);
  fresh.dataset.key = String(key(item));
  fresh.stamp = mark;
  if (child) swap(child, fresh);
  return fresh;
}

/** Replace an element; a focus inside it goes to the same place in the new one. */
function swap(old, fresh) {
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  if (!held) return;
  const label = held.getAttribute("aria-label");
  const twin = [...fresh.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === label);
  (twin ?? fresh.querySelector("[tabindex]") ?? fresh).focus();
}
