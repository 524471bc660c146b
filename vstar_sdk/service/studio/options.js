// Everything else that a spec has, as forms made from the schema: what is typed there stands in the spec at once.

import { $, h } from "./dom.js";
import { field, objectFields } from "./form.js";
import { partField, partList } from "./parts.js";
import { kindOf, load, plainText } from "./schema.js";
import { edit, on, state } from "./store.js";

const SECTIONS = ["sampling", "model", "synopsis", "timeline", "output", "finish", "metrics", "expect", "start", "plugins"];
const ELSEWHERE = { start: ["first", "last", "clip", "into", "sha256", "digests"] }; // chosen next to the prompt, or written by the service
const BASICS = ["frames", "size", "fps", "seed"];
let properties = null;

const set = (key, from) => (value) => edit((spec) => {
  if (value === undefined) delete spec[key];
  else spec[key] = value;
}, from);

/** A property of the spec as a field, or as cards where it is a list of parts. */
function control(key, from) {
  const schema = properties[key];
  const items = schema.type === "array" && schema.items?.discriminator ? kindOf(schema.items) : null;
  if (items) return h("div", {}, h("p", { class: "note open" }, plainText(schema.description)), partList(key, items, state.spec[key], state.plan?.parts[key] ?? [], set(key, from)));
  const found = kindOf(schema);
  const about = h("p", { class: "note open" }, plainText(schema.description));
  if (found.kind === "object") return h("div", {}, about, objectFields(found.properties, state.spec[key] ?? {}, (now) => set(key, from)(Object.keys(now).length ? now : undefined), ELSEWHERE[key] ?? []));
  if (found.kind === "part") return h("div", {}, about, partField(key, found, schema, state.spec[key], set(key, from)));
  return field(key, { ...schema, title: titleOf(key) }, state.spec[key], set(key, from));
}

const titleOf = (key) => (key === "fps" ? "Frames a second" : key[0].toUpperCase() + key.slice(1).replaceAll("_", " "));

/** One of the numbers next to the prompt; where it is empty, it shows the plan's. */
function basic(key) {
  const schema = { ...(key === "size" ? { type: "string", description: properties.size.description } : properties[key]), title: titleOf(key) };
  const given = state.spec[key];
  const value = key === "size" && Array.isArray(given) ? given.join("x") : given;
  const made = field(key, schema, value, key === "frames" ? reframed : set(key, "basics"));
  made.dataset.key = key;
  return made;
}

/** Show in empty fields what the plan has decided. */
function decided() {
  const { plan } = state;
  if (!plan) return;
  const known = { frames: plan.frames, size: `${plan.width}x${plan.height}`, fps: plan.fps, seed: plan.seed };
  for (const [key, value] of Object.entries(known)) $("basics").querySelector(`[data-key="${key}"] input`).placeholder = value;
}

function draw() {
  $("basics").replaceChildren(...BASICS.map(basic));
  decided();
  $("parts").replaceChildren(control("regularizers", "parts"));
  const opened = new Set([...$("options").querySelectorAll("details[open]")].map((each) => each.dataset.key));
  $("options").replaceChildren(
    field("negative_prompt", properties.negative_prompt, state.spec.negative_prompt, set("negative_prompt", "options")),
    ...SECTIONS.filter((key) => properties[key]).map((key) => section(key, opened.has(key))));
}

function section(key, open) {
  const place = h("div", { class: "body" });
  const details = h("details", { class: "card", data: { key }, open }, h("summary", {}, h("span", { class: "name" }, titleOf(key))), place);
  const filled = () => {
    if (details.open && !place.children.length) place.append(control(key, "options"));
  };
  details.addEventListener("toggle", filled);
  filled();
  return details;
}

/** Another number of frames: anchors that are frames keep their place in the story. */
function reframed(value) {
  const before = state.plan?.frames;
  edit((spec) => {
    if (value === undefined) delete spec.frames;
    else spec.frames = value;
    const states = spec.synopsis?.states;
    if (!Array.isArray(states) || !before || !(value > 1)) return;
    for (const one of states) if (typeof one.at === "number") one.at = Math.round((one.at * (value - 1)) / (before - 1));
  }, "basics");
}

/** The whole description of the field with the focus; screen readers have it with the field. It stays while a button is pressed, which would move. */
function help(event) {
  const note = event.target.closest(".field")?.querySelector(":scope > .note");
  if (note) $("help").textContent = note.textContent;
}

export async function begin() {
  properties = await load();
  draw();
  $("settings").addEventListener("focusin", help);
  on("spec", (from) => {
    if (!["basics", "parts", "options", "prompt", "caption", "timeline"].includes(from)) draw();
  });
  let usual = "";
  on("plan", () => {
    decided();
    const now = JSON.stringify(state.plan?.parts ?? null);
    if (state.spec.regularizers === undefined && now !== usual && state.plan) $("parts").replaceChildren(control("regularizers", "parts"));
    usual = now;
  });
}
