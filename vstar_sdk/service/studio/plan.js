// The plan: what the spec in the editor would do, asked anew whenever it changes; memory and time a little later.

import { Refused, send } from "./api.js";
import { $, fill, h, settled } from "./dom.js";
import { sent } from "./given.js";
import { seconds } from "./stage.js";
import { edit, on, state, tell } from "./store.js";

let asked = 0;

const worth = () => Boolean(state.spec.prompt?.trim()) || typeof state.spec.synopsis?.states === "object";

const ask = settled(250, async (mine) => {
  if (!worth()) return none();
  try {
    const plan = await send("/v1/plan", sent(state.spec));
    if (mine !== asked) return;
    plan.costs = undefined;
    state.plan = plan;
    draw();
    tell("plan");
    costs(mine);
  } catch (error) {
    if (mine === asked) refused(error);
  }
});

/** Memory and time take longer: they are counted on the model's networks. */
const costs = settled(700, async (mine) => {
  const told = await send("/v1/plan?costs=true", sent(state.spec)).catch(() => null);
  if (mine !== asked || !told) return;
  state.plan.costs = told.costs;
  draw();
});

function none() {
  state.plan = null;
  $("run").disabled = true;
  $("plan-body").replaceChildren(h("p", { class: "quiet" }, "Write a prompt: the plan follows it."));
  tell("plan");
}

function refused(error) {
  $("run").disabled = true;
  if (!(error instanceof Refused)) error = { message: "The service does not answer.", hint: "Is it running?" };
  $("plan-body").replaceChildren(h("div", { class: "wrong", role: "alert" }, h("p", {}, error.message.replaceAll(/spec:\d+:\d+: /g, "")), error.hint ? h("p", { class: "quiet" }, error.hint) : null));
}

function draw() {
  const { plan } = state;
  $("run").disabled = false;
  const pairs = [
    ["Clip", `${plan.final.frames} frames · ${plan.final.width}×${plan.final.height} · ${plan.final.fps} fps · ${seconds(plan.final.frames / plan.final.fps)}`],
    ["Model", plan.model],
    ["Sampling", `${plan.steps} steps · ${plan.scheduler} · guidance ${plan.guidance}`],
    ["Attention", plan.parts.regularizers.join(", ") || "unchanged"],
    plan.kept ? ["Kept", `frames ${plan.kept.frames} of an earlier run`] : null,
    plan.start.length ? ["Given", plan.start.map((each) => `${each.key}: ${frames(each.frames)}`).join(" · ")] : null,
    ["Memory", memory(plan.costs)],
    ["Time", time(plan.costs)],
  ].filter(Boolean);
  fill($("plan-body"),
    h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    plan.kept ? h("button", { type: "button", class: "plain", onclick: () => edit((spec) => delete spec.start, "plan") }, "Make all frames again") : null,
    h("details", { class: "more" }, h("summary", {}, "What each attention does"), h("pre", {}, plan.attention)),
    ...plan.warnings.map((text) => h("p", { class: "warning" }, text)));
}

const frames = (written) => (written === "" ? "read by the model" : `${/^\d+$/.test(written) ? "frame" : "frames"} ${written}`);

function memory(costs) {
  if (costs === undefined) return "estimating…";
  return costs?.peak_bytes ? `${bytes(costs.peak_bytes)} on ${costs.device}` : "not known for this model";
}

function time(costs) {
  if (costs === undefined) return "estimating…";
  if (costs?.seconds) return `about ${seconds(costs.seconds)}`;
  return costs?.operations ? `${operations(costs.operations)}; the first run measures it` : "the first run measures it";
}

function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, number)) / 10));
  return `${Number((number / 1024 ** power).toPrecision(3))} ${units[power]}`;
}

function operations(number) {
  const units = ["", "k", "M", "G", "T", "P", "E"];
  const power = Math.min(6, Math.floor(Math.log10(Math.max(1, number)) / 3));
  return `${Number((number / 1000 ** power).toPrecision(3))} ${units[power]}FLOP`;
}

export function begin() {
  on("spec", () => {
    asked += 1; // what was asked before is answered too late
    ask(asked);
  });
  none();
}
