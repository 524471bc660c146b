// The timeline: a ruler, the frames that each state rules, and anchors to drag or to move by keys.

import { $, h } from "./dom.js";
import { room, spans, written } from "./spans.js";
import { seek } from "./stage.js";
import { on, state } from "./store.js";
import { pin } from "./story.js";

let anchors = [];
let held = -1; // the anchor that is dragged

const track = h("div", { class: "track" });
const ruler = h("div", { class: "ruler", aria: { hidden: "true" } });
const head = h("div", { class: "playhead", hidden: true, aria: { hidden: "true" } });

const hold = () => (typeof state.spec.timeline === "object" ? state.spec.timeline?.interpolation === "hold" : false);
const percent = (frame) => `${(100 * (frame + 0.5)) / state.plan.frames}%`;

function draw() {
  const states = state.plan?.states;
  $("timeline").hidden = !state.plan;
  if (!state.plan) return;
  drawRuler(state.plan.frames, state.plan.fps);
  if (!states) {
    track.replaceChildren(head);
    return;
  }
  if (held >= 0) return;
  anchors = states.map((each) => each.anchor);
  const focused = track.contains(document.activeElement) ? document.activeElement.id : "";
  track.replaceChildren(...states.map((_, index) => h("div", { class: "span", data: { tone: String(index % 6) } })), ...states.map(handle), head);
  place(states.map((each) => each.rules));
  if (focused) $(focused)?.focus({ preventScroll: true });
}

/** Put spans and handles where the anchors are. */
function place(rules) {
  const { frames, states } = state.plan;
  const bands = track.querySelectorAll(".span");
  const handles = track.querySelectorAll(".anchor");
  anchors.forEach((anchor, index) => {
    const [first, last] = rules[index];
    bands[index].style.left = `${(100 * first) / frames}%`;
    bands[index].style.width = `${(100 * Math.max(0, last - first + 1)) / frames}%`;
    bands[index].hidden = last < first;
    const [least, most] = room(anchors, index, frames);
    const one = handles[index];
    one.style.left = percent(anchor);
    one.setAttribute("aria-valuemin", least);
    one.setAttribute("aria-valuemax", most);
    one.setAttribute("aria-valuenow", anchor);
    one.setAttribute("aria-valuetext", `frame ${anchor}, rules frames ${written([first, last])}: ${states[index].caption}`);
  });
}

function handle(one, index) {
  return h("div", {
    id: `anchor-${index}`, class: "anchor", role: "slider", tabIndex: 0, data: { tone: String(index % 6) }, title: one.caption,
    aria: { label: `Anchor of state ${index + 1}`, orientation: "horizontal" },
    onkeydown: (event) => keyed(event, index),
    onpointerdown: (event) => grabbed(event, index),
    onpointermove: (event) => dragged(event, index),
    onpointerup: () => released(),
    onpointercancel: () => released(),
  }, h("span", { class: "number" }, String(index + 1)));
}

/** Move an anchor as far as its neighbours let it. */
function move(index, frame) {
  const [least, most] = room(anchors, index, state.plan.frames);
  const there = Math.min(most, Math.max(least, frame));
  if (there === anchors[index]) return false;
  anchors[index] = there;
  place(spans(anchors, state.plan.frames, hold()));
  return true;
}

const keep = () => pin(state.plan.states.map((each, index) => ({ ...each, anchor: anchors[index] })), "timeline");

function keyed(event, index) {
  const leap = Math.max(1, Math.round(state.plan.frames / 10));
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -leap, PageUp: leap, Home: -Infinity, End: Infinity };
  if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (move(index, anchors[index] + steps[event.key])) keep();
}

function grabbed(event, index) {
  if (event.button !== 0) return;
  held = index;
  event.currentTarget.setPointerCapture(event.pointerId);
  event.currentTarget.focus();
  event.preventDefault();
}

function dragged(event, index) {
  if (held !== index) return;
  const { left, width } = track.getBoundingClientRect();
  move(index, Math.floor(((event.clientX - left) / width) * state.plan.frames));
}

function released() {
  if (held < 0) return;
  held = -1;
  if (anchors.some((anchor, index) => anchor !== state.plan.states[index].anchor)) keep();
}

function drawRuler(frames, fps) {
  const step = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].find((each) => frames / each <= 12) ?? 1024;
  const marks = [];
  for (let frame = 0; frame < frames; frame += step) {
    const mark = h("span", { title: `${(frame / fps).toFixed(2)} s` }, String(frame));
    mark.style.left = percent(frame);
    marks.push(mark);
  }
  ruler.replaceChildren(...marks);
}

export function begin() {
  const label = h("p", { class: "keys quiet" }, "Drag an anchor, or move it with the arrow keys. Click the ruler to seek.");
  $("timeline").replaceChildren(h("div", { class: "rail" }, ruler, track), label);
  ruler.addEventListener("click", (event) => {
    const { left, width } = ruler.getBoundingClientRect();
    seek((event.clientX - left) / width);
  });
  on("plan", draw);
  on("run", () => {
    head.hidden = true;
  });
  on("time", (part) => {
    head.hidden = false;
    head.style.left = `${100 * part}%`;
  });
  draw();
}
