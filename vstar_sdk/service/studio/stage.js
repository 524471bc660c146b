// The stage: what a run is going to be while it is made, and the video when it is done.

import { ask, blob, download, get } from "./api.js";
import { $, h, say } from "./dom.js";
import { follow } from "./events.js";
import { state, tell } from "./store.js";

let leave = null; // ends the stream of the run before
let playing = 0;
let address = "";

/** Show a run: follow it to its end where it has not ended. */
export async function show(run) {
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  state.run = run;
  tell("run");
  if (run.state === "done" || run.error?.code === "not_as_expected") return video(run, signal);
  if (run.state !== "queued" && run.state !== "running") return ended(run);
  const view = progress(run);
  await follow(run.id, (event) => heard(event, run, view, signal), signal);
  if (signal.aborted) return;
  const now = await get(`/v1/runs/${run.id}`).catch(() => null);
  tell("runs");
  if (now === null) return empty(); // it was deleted
  if (now.state === "done") say("The video is done.");
  else say(`The run was not finished: ${now.error?.message ?? now.state}`, now.state === "failed");
  await show(now);
}

/** Nothing is on the stage. */
export function empty() {
  leave?.abort();
  state.run = null;
  $("stage").replaceChildren(h("p", { class: "hint" }, "Write a prompt, look at the plan, press Run. The clip appears here while it is made."));
  tell("run");
}

function progress(run) {
  cancelAnimationFrame(playing);
  const canvas = h("canvas", { class: "picture", width: run.width, height: run.height, role: "img", aria: { label: "Preview of the clip" } });
  const bar = h("progress", { max: 1, value: 0, aria: { label: "Progress of the run" } });
  const words = h("p", { class: "words" }, run.position ? `Waits: ${run.position} before it` : "Begins");
  const cancel = h("button", { type: "button", onclick: () => stop(run) }, "Cancel");
  $("stage").replaceChildren(h("div", { class: "frame" }, canvas), h("div", { class: "transport" }, words, bar, cancel));
  return { canvas, bar, words, busy: false };
}

async function heard(event, run, view, signal) {
  if (signal.aborted) return;
  if (event.kind === "run_start") tell("runs");
  if (event.kind === "stage") view.words.textContent = STAGES[event.stage] ?? event.stage;
  if (event.kind === "synopsis") tell("synopsis", event);
  if (event.kind === "warning") say(event.message);
  if (event.kind === "decoded") view.words.textContent = `Decoding ${event.done} of ${event.total}`;
  if (event.kind !== "step") return;
  view.bar.value = event.step / event.steps;
  view.words.textContent = `Step ${event.step} of ${event.steps} · ${seconds(event.eta)} left`;
  if (view.busy) return;
  view.busy = true;
  try {
    await preview(run, view);
  } catch { /* the run went on meanwhile: the next step has another */ }
  view.busy = false;
}

const STAGES = { synopsis: "Writing the key states", load: "Loading the model", encode: "Reading the text", sample: "Sampling", decode: "Decoding", expect: "Comparing" };

/** The preview's frames as a loop. */
async function preview(run, view) {
  const answer = await ask(`/v1/runs/${run.id}/preview`);
  const frames = Number(answer.headers.get("Vstar-Frames"));
  const columns = Number(answer.headers.get("Vstar-Columns"));
  const sheet = await createImageBitmap(await answer.blob());
  const width = sheet.width / columns;
  const height = sheet.height / Math.ceil(frames / columns);
  const own = Math.min(1, run.width / 8 / width); // latents were enlarged to squares; the browser enlarges more smoothly
  Object.assign(view.canvas, { width: Math.round(width * own), height: Math.round(height * own) });
  const pen = view.canvas.getContext("2d");
  const rate = frames / run.seconds;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  cancelAnimationFrame(playing);
  const draw = (now) => {
    const frame = still ? 0 : Math.floor((now / 1000) * rate) % frames;
    pen.drawImage(sheet, (frame % columns) * width, Math.floor(frame / columns) * height, width, height, 0, 0, view.canvas.width, view.canvas.height);
    tell("time", frame / frames);
    if (!still) playing = requestAnimationFrame(draw);
  };
  draw(0);
}

async function video(run, signal) {
  const content = await blob(`/v1/videos/${run.id}/content`).catch(() => null);
  cancelAnimationFrame(playing);
  if (signal.aborted) return;
  if (content === null) return message("This run wrote no MP4. Its files are below.", run);
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(content);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const player = h("video", { class: "picture", src: address, loop: true, muted: true, autoplay: !still, controls: true, playsInline: true, aria: { label: `Video: ${run.prompt}` } });
  const report = () => {
    if (player.isConnected && player.duration) tell("time", player.currentTime / player.duration);
    if (player.isConnected) playing = requestAnimationFrame(report);
  };
  $("stage").replaceChildren(h("div", { class: "frame" }, player), transport(run));
  report();
}

/** Move the video to a part of it, from 0 to 1. */
export function seek(part) {
  const player = $("stage").querySelector("video");
  if (!player?.duration) return;
  player.pause();
  player.currentTime = part * player.duration;
}

function transport(run) {
  const files = h("details", { class: "menu" }, h("summary", {}, "Files"));
  files.addEventListener("toggle", async () => {
    if (!files.open || files.children.length > 1) return;
    const names = (await get(`/v1/runs/${run.id}/files`)).data;
    files.append(h("ul", {}, names.map((name) => h("li", {}, h("button", {
      type: "button", class: "plain", onclick: () => download(`/v1/runs/${run.id}/files/${name.split("/").map(encodeURIComponent).join("/")}`, name.split("/").at(-1)),
    }, name)))));
  }, { once: false });
  return h("div", { class: "transport" },
    h("p", { class: "words" }, `${run.frames} frames · ${run.width}×${run.height} · ${seconds(run.seconds)}`),
    files,
    h("button", { type: "button", class: "strong", onclick: () => download(`/v1/videos/${run.id}/content`, `${run.id}.mp4`) }, "Download MP4"));
}

function ended(run) {
  cancelAnimationFrame(playing);
  const said = run.state === "cancelled" ? "This run was cancelled." : `This run failed: ${run.error?.message ?? ""}`;
  message(said, run, run.error?.hint);
}

function message(text, run, hint = "") {
  $("stage").replaceChildren(h("div", { class: "hint", role: "status" }, h("p", {}, text), hint ? h("p", { class: "quiet" }, hint) : null));
}

async function stop(run) {
  try {
    await ask(`/v1/runs/${run.id}/cancel`, { method: "POST" });
    say("Cancelled.");
  } catch (error) {
    say(error.message, true);
  }
}

export const seconds = (number) => (number < 10 ? `${number.toFixed(1)} s` : number < 120 ? `${Math.round(number)} s` : `${Math.round(number / 60)} min`);
