// Elements. Text from outside only ever becomes a text node or an attribute that holds no code.

/** An element with properties, `on…` listeners, `aria`/`data` groups and children (nodes, texts, null). */
export function h(name, given = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "aria") for (const [a, v] of Object.entries(value)) element.setAttribute(`aria-${a}`, v);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "class") element.className = value;
    else if (key === "role" || key === "for" || key === "list") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

let count = 0;
/** An id that no element has. */
export const fresh = (stem) => `${stem}-${++count}`;

/** Say something in the live region. */
export function say(text, wrong = false) {
  const place = $("said");
  place.textContent = text;
  place.classList.toggle("wrong", wrong);
}

/** A function that runs once nothing has called it for some milliseconds. */
export function settled(milliseconds, done) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => done(...given), milliseconds);
  };
}

/** Replace children without losing the focus where an element with the same id comes back. */
export function fill(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.id : "";
  parent.replaceChildren(...children.flat().filter(Boolean));
  if (focused) $(focused)?.focus({ preventScroll: true });
}
