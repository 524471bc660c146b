// The queue and what is finished.

import { Refused, ask, blob, get, post } from "./api.js";
import { compare } from "./compare.js";
import { $, fill, h, say } from "./dom.js";
import { bring } from "./given.js";
import { empty, show } from "./stage.js";
import { on, replace, state, tell } from "./store.js";

const pictures = new Map(); // thumbnails by the ids of their runs
const chosen = new Set(); // runs to compare
let runs = [];
let timer = 0;

async function refresh() {
  clearTimeout(timer);
  try {
    runs = (await get("/v1/runs?limit=50")).data;
    draw();
  } catch { /* the service is away: it is asked again */ }
  const busy = runs.some(({ state: now }) => now === "queued" || now === "running");
  timer = setTimeout(refresh, busy ? 1500 : 10_000);
}

function draw() {
  for (const id of chosen) if (!runs.some((each) => each.id === id && each.state === "done")) chosen.delete(id);
  const waiting = runs.filter((each) => each.state === "queued" || each.state === "running").reverse();
  const ended = runs.filter((each) => !waiting.includes(each));
  fill($("runs-body"),
    waiting.length ? h("h3", {}, "Queue") : null,
    waiting.length ? h("ol", { class: "runs" }, waiting.map(item)) : null,
    h("h3", {}, "History"),
    ended.length ? h("ol", { class: "runs" }, ended.map(item)) : h("p", { class: "quiet" }, "Finished runs stay here."),
    h("div", { class: "actions" }, h("button", { id: "compare-open", type: "button", disabled: chosen.size !== 2, onclick: () => compare([...chosen].map((id) => runs.find((each) => each.id === id))) }, chosen.size === 2 ? "Compare the two" : "Choose two to compare")));
}

function item(run) {
  const on_stage = state.run?.id === run.id;
  const done = run.state === "done";
  return h("li", { class: "run", data: { state: run.state } },
    h("button", { id: `show-${run.id}`, type: "button", class: "show", aria: { current: String(on_stage), label: `Show ${run.prompt || "run"}, ${word(run)}` }, onclick: () => show(run).then(refresh) },
      thumbnail(run),
      h("span", { class: "about" }, h("span", { class: "prompt" }, run.prompt || "no prompt"), h("span", { class: "quiet" }, `${word(run)} · ${run.frames} frames · ${ago(run.created_at)}`))),
    h("div", { class: "actions" },
      done ? h("label", { class: "plain" }, h("input", { id: `pick-${run.id}`, type: "checkbox", checked: chosen.has(run.id), onchange: (event) => pick(run, event.target.checked) }), "Compare") : null,
      h("button", { id: `use-${run.id}`, type: "button", class: "plain", onclick: () => use(run) }, "Edit"),
      h("button", { id: `drop-${run.id}`, type: "button", class: "plain", onclick: () => drop(run) }, run.state === "queued" || run.state === "running" ? "Cancel" : "Delete")));
}

function pick(run, wanted) {
  if (wanted) chosen.add(run.id);
  else chosen.delete(run.id);
  if (chosen.size > 2) chosen.delete([...chosen][0]);
  draw();
}

function word(run) {
  if (run.state === "queued") return run.position ? `waits, ${run.position} before it` : "waits";
  if (run.state === "running") return `${Math.round(100 * run.progress)} %`;
  return run.state;
}

function thumbnail(run) {
  const image = h("img", { class: "thumb", alt: "", width: 40, height: 40 });
  if (run.state !== "done") return h("span", { class: "thumb empty" });
  if (!pictures.has(run.id)) {
    pictures.set(run.id, blob(`/v1/videos/${run.id}/content?variant=thumbnail`).then((content) => URL.createObjectURL(content), () => null));
  }
  pictures.get(run.id).then((address) => {
    if (address) image.src = address;
  });
  return image;
}

function ago(created) {
  const minutes = Math.max(0, Math.round((Date.now() / 1000 - created) / 60));
  if (minutes < 1) return "now";
  if (minutes < 90) return `${minutes} min ago`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h ago` : `${Math.round(minutes / 1440)} days ago`;
}

/** The spec of a run, as data; a run that it continues from is named by its id. */
export async function specOf(run) {
  const text = await (await ask(`/v1/runs/${run.id}/spec`)).text();
  const { data } = await (await ask("/v1/convert", { method: "POST", yaml: text })).json();
  const from = /^\.\.\/(video_[0-9a-f]{32})\/run$/.exec(data.start?.from ?? "");
  if (from) data.start = { ...data.start, from: from[1] };
  return data;
}

async function use(run) {
  try {
    const spec = await specOf(run);
    await bring(run, spec);
    replace(spec);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message, true);
    return;
  }
  await show(run);
  say("The spec of the run is in the editor.");
}

async function drop(run) {
  const cancel = run.state === "queued" || run.state === "running";
  try {
    await ask(cancel ? `/v1/runs/${run.id}/cancel` : `/v1/runs/${run.id}`, { method: cancel ? "POST" : "DELETE" });
    if (!cancel && state.run?.id === run.id) empty();
    say(cancel ? "Cancelled." : "Deleted.");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message, true);
  }
  refresh();
}

/** The plan of the run on the stage, which says where its states stood. */
async function known() {
  state.runPlan = null;
  const { run } = state;
  draw();
  if (run?.state !== "done") return;
  const plan = await specOf(run).then(({ start, ...spec }) => post("/v1/plan", spec)).catch(() => null);
  if (state.run?.id !== run.id || !plan) return;
  state.runPlan = plan;
  tell("run-plan");
}

export async function begin() {
  on("runs", refresh);
  on("run", known);
  await refresh();
}
