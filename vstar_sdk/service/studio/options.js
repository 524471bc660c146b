// Everything else that a spec has, as forms made from the schema: what is typed there stands in the spec at once.

import { $, h } from "./dom.js";
import { field } from "./form.js";
import { partList } from "./parts.js";
import { kindOf, load, plainText } from "./schema.js";
import { edit, on, state } from "./store.js";

const SECTIONS = ["sampling", "model", "synopsis", "timeline", "output", "finish", "metrics", "expect", "start", "plugins"];
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
  return field(key, schema, state.spec[key], set(key, from));
}

function draw() {
  $("basics").replaceChildren(...BASICS.map((key) => (key === "frames" ? field(key, properties[key], state.spec[key], reframed) : field(key, properties[key], state.spec[key], set(key, "basics")))));
  $("parts").replaceChildren(control("regularizers", "parts"));
  const opened = new Set([...$("options").querySelectorAll("details[open]")].map((each) => each.dataset.key));
  $("options").replaceChildren(
    field("negative_prompt", properties.negative_prompt, state.spec.negative_prompt, set("negative_prompt", "options")),
    ...SECTIONS.filter((key) => properties[key]).map((key) => section(key, opened.has(key))));
}

function section(key, open) {
  const place = h("div", { class: "body" });
  const details = h("details", { class: "card", data: { key }, open }, h("summary", {}, h("span", { class: "name" }, key)), place);
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

export async function begin() {
  properties = await load();
  draw();
  on("spec", (from) => {
    if (!["basics", "parts", "options", "prompt", "caption", "timeline"].includes(from)) draw();
  });
  let usual = "";
  on("plan", () => {
    const now = JSON.stringify(state.plan?.parts ?? null);
    if (state.spec.regularizers === undefined && now !== usual && state.plan) $("parts").replaceChildren(control("regularizers", "parts"));
    usual = now;
  });
}
