// The key states: those that the plan has, as rows; a change of one writes all of them into the spec.

import { $, fill, h, say, settled } from "./dom.js";
import { spans, written } from "./spans.js";
import { edit, on, state, tell } from "./store.js";
import { redo, redoable } from "./redo.js";

/** Write states into the spec: captions with their anchors. */
export function pin(states, from = "") {
  const { plan } = state;
  const rules = spans(states.map((each) => each.anchor), plan.frames, state.spec.timeline?.interpolation === "hold");
  plan.states = states.map((each, index) => ({ ...each, rules: rules[index] })); // until the plan says it
  edit((spec) => {
    const before = typeof spec.synopsis === "object" && spec.synopsis?.states && typeof spec.synopsis.states === "object" ? spec.synopsis : {};
    const style = before.style ?? plan.style;
    spec.synopsis = { use: "states", states: states.map(({ caption, anchor }) => ({ caption, at: anchor })), ...(style ? { style } : {}) };
  }, from);
  tell("plan");
}

/** Let the spec's writer write the states again. */
function unpin() {
  edit((spec) => {
    delete spec.synopsis;
  });
  say("The states are written from the prompt again.");
}

const pinned = () => typeof state.spec.synopsis === "object" && state.spec.synopsis?.states !== null && typeof state.spec.synopsis?.states === "object";

export function draw() {
  const states = state.plan?.states;
  if (!states) {
    const text = state.plan ? "A language model writes the key states when the run begins." : "";
    fill($("states"), text ? h("p", { class: "quiet" }, text) : null);
    return;
  }
  if (patched(states)) return;
  fill($("states"),
    h("ol", { class: "states", aria: { label: "Key states" } }, states.map(row)),
    h("div", { class: "actions" },
      h("button", { id: "add-state", type: "button", class: "plain", onclick: add }, "Add a state"),
      pinned() && state.spec.prompt ? h("button", { id: "unpin", type: "button", class: "plain", onclick: unpin }, "Write from the prompt") : null));
}

/** Bring rows up to date that are there already, and leave the one alone where somebody types. */
function patched(states) {
  const rows = [...$("states").querySelectorAll(".state")];
  if (rows.length !== states.length || Boolean($("unpin")) !== Boolean(pinned() && state.spec.prompt)) return false;
  for (const [index, one] of rows.entries()) {
    const input = one.querySelector("input");
    if (input !== document.activeElement) input.value = states[index].caption;
    one.querySelector(".rules").textContent = `frames ${written(states[index].rules)}`;
    const can = redoable(index);
    Object.assign($(`redo-${index}`), { disabled: !can.able, title: can.why });
  }
  return true;
}

function row(one, index, all) {
  const keep = (caption) => {
    if (!caption.trim() || caption === state.plan.states[index]?.caption) return;
    pin(state.plan.states.map((each, at) => (at === index ? { ...each, caption } : each)), "caption");
  };
  const typed = settled(400, keep);
  const can = redoable(index);
  return h("li", { class: "state", data: { tone: String(index % 6) } },
    h("span", { class: "number", aria: { hidden: "true" } }, String(index + 1)),
    h("input", { id: `caption-${index}`, type: "text", value: one.caption, maxLength: 1000, aria: { label: `Caption of state ${index + 1}` }, oninput: (event) => typed(event.target.value), onchange: (event) => keep(event.target.value) }),
    h("span", { class: "rules quiet" }, `frames ${written(one.rules)}`),
    h("button", { id: `redo-${index}`, type: "button", class: "plain", disabled: !can.able, title: can.why, aria: { label: `Redo state ${index + 1}` }, onclick: () => redo(index) }, "Redo"),
    h("button", { id: `remove-${index}`, type: "button", class: "plain icon", disabled: all.length === 1, aria: { label: `Remove state ${index + 1}` }, onclick: () => pin(state.plan.states.filter((_, at) => at !== index)) }, "×"));
}

/** A new state in the widest gap. */
function add() {
  const { states, frames } = state.plan;
  const ends = [...states.map((each) => each.anchor), frames];
  let place = 0;
  for (let k = 1; k < states.length; k += 1) if (ends[k + 1] - ends[k] > ends[place + 1] - ends[place]) place = k;
  const anchor = Math.floor((ends[place] + ends[place + 1]) / 2);
  if (anchor === states[place].anchor) return say("There is no frame left for another state.", true);
  pin([...states.slice(0, place + 1), { caption: states[place].caption, anchor }, ...states.slice(place + 1)]);
  const input = $(`caption-${place + 1}`);
  input.focus();
  input.select();
}

/** The states that a language model has written while the run was under way. */
function heard({ synopsis, timeline }) {
  if (!state.plan || state.plan.states) return;
  const rules = spans(timeline.anchors, state.plan.frames, timeline.interpolation === "hold");
  state.plan.states = synopsis.states.map(({ caption }, index) => ({ caption, anchor: timeline.anchors[index], rules: rules[index] }));
  tell("plan");
}

on("plan", draw);
on("run", draw);
on("synopsis", heard);
