// Two runs side by side, in step, with what differs in their specs.

import { ask, blob } from "./api.js";
import { $, h } from "./dom.js";

/** Open the comparison of two finished runs. */
export async function compare(pair) {
  const [contents, specs] = await Promise.all([
    Promise.all(pair.map((run) => blob(`/v1/videos/${run.id}/content`))),
    Promise.all(pair.map(resolved)),
  ]);
  const addresses = contents.map((content) => URL.createObjectURL(content));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const players = addresses.map((src, index) => h("video", { class: "picture", src, loop: true, muted: true, autoplay: !still, playsInline: true, aria: { label: `Video ${"AB"[index]}` } }));
  const position = h("input", { type: "range", min: 0, max: 1000, value: 0, aria: { label: "Position in both videos" } });
  const play = h("button", { type: "button", class: "strong", onclick: () => toggle(players, play) }, still ? "Play" : "Pause");
  position.addEventListener("input", () => {
    for (const each of players) {
      each.pause();
      if (each.duration) each.currentTime = (position.value / 1000) * each.duration;
    }
    play.textContent = "Play";
  });
  players[0].addEventListener("timeupdate", () => {
    const [first, second] = players;
    if (first.duration && !first.paused) position.value = (1000 * first.currentTime) / first.duration;
    if (second.duration && Math.abs(first.currentTime - second.currentTime) > 0.15) second.currentTime = Math.min(first.currentTime, second.duration);
  });
  const rows = differences(...specs);
  const dialog = $("compare");
  dialog.replaceChildren(
    h("div", { class: "top" }, h("h2", { id: "compare-title" }, "Compare"), h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Close")),
    h("div", { class: "pair" }, pair.map((run, index) => h("figure", {}, players[index], h("figcaption", {}, h("strong", {}, "AB"[index]), ` ${run.prompt}`)))),
    h("div", { class: "transport" }, play, position),
    rows.length
      ? h("table", {}, h("thead", {}, h("tr", {}, ["What differs", "A", "B"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows.map(([path, a, b]) => h("tr", {}, h("th", { scope: "row" }, path), h("td", {}, a), h("td", {}, b)))))
      : h("p", { class: "quiet" }, "Their specs are the same."));
  dialog.addEventListener("close", () => {
    addresses.forEach((address) => URL.revokeObjectURL(address));
    dialog.replaceChildren();
  }, { once: true });
  dialog.showModal();
}

/** The spec of a run with every default filled in. */
async function resolved(run) {
  const yaml = await (await ask(`/v1/runs/${run.id}/files/spec.yaml`)).text();
  const { data } = await (await ask("/v1/convert", { method: "POST", yaml })).json();
  delete data.start?.sha256;
  return data;
}

function toggle(players, button) {
  const begin = players[0].paused;
  for (const each of players) begin ? each.play() : each.pause();
  button.textContent = begin ? "Pause" : "Play";
}

/** Paths at which two values differ, with both in a few words. */
export function differences(a, b, path = "") {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  const both = [a, b].every((each) => typeof each === "object" && each !== null);
  if (!both || Array.isArray(a) !== Array.isArray(b)) return [[path, shown(a), shown(b)]];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences(a[key], b[key], Array.isArray(a) ? `${path}[${key}]` : path ? `${path}.${key}` : key));
}

const shown = (value) => (value === undefined ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value));
