// The page: what was written before is there again, everything is set up, and Run runs.

import { Refused, get, send } from "./api.js";
import { $, say, settled } from "./dom.js";
import * as given from "./given.js";
import * as options from "./options.js";
import * as plan from "./plan.js";
import * as runs from "./runs.js";
import { empty, show } from "./stage.js";
import { edit, on, state, tell } from "./store.js";
import "./story.js";
import { tabs } from "./tabs.js";
import * as timeline from "./timeline.js";
import * as yaml from "./yaml.js";

const DRAFT = "vstar-draft";

function remembered() {
  try {
    const spec = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    return spec && typeof spec === "object" && !Array.isArray(spec) ? spec : { prompt: "" };
  } catch {
    return { prompt: "" };
  }
}

function prompt() {
  const area = $("prompt");
  area.value = state.spec.prompt ?? "";
  area.addEventListener("input", () => edit((spec) => {
    spec.prompt = area.value;
  }, "prompt"));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("run").disabled) run();
  });
  on("spec", (from) => {
    if (from !== "prompt") area.value = state.spec.prompt ?? "";
  });
}

async function run() {
  $("run").disabled = true;
  try {
    const made = await send("/v1/runs", given.sent(state.spec), { headers: { "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) } });
    say(made.position ? `Queued: ${made.position} before it.` : "The run begins.");
    tell("runs");
    $("run").disabled = false;
    await show(made);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(`${error.message} ${error.hint}`, true);
  } finally {
    $("run").disabled = state.plan === null;
  }
}

async function begin() {
  const { status } = await get("/health");
  await get("/v1/models"); // asks for the token where one is needed
  $("service").textContent = status === "ok" ? "ready" : status;
  state.spec = remembered();
  prompt();
  $("studio").hidden = false; // from here on somebody types: nothing may replace the spec
  plan.begin();
  given.begin();
  timeline.begin();
  yaml.begin();
  empty();
  $("run").addEventListener("click", run);
  on("run-plan", () => tell("plan"));
  on("spec", settled(500, () => sessionStorage.setItem(DRAFT, JSON.stringify(state.spec))));
  await options.begin();
  tabs(document.querySelector('[role="tablist"]'), (panel) => {
    if (panel === "yaml") yaml.show();
  });
  tell("spec", "prompt");
  await runs.begin();
}

begin().catch((error) => {
  $("service").textContent = `The studio cannot begin: ${error.message}`;
});
