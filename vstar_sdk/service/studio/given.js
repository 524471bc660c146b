// What the clip begins and ends with: pictures and videos from this device. They are sent with the spec, and nowhere else.

import { Refused, ask } from "./api.js";
import { $, fill, h, say } from "./dom.js";
import { edit, on, state } from "./store.js";

const PLACES = [
  { place: "begin", title: "Begins with", picture: "first", video: "clip" },
  { place: "end", title: "Ends with", picture: "last", video: "into" },
];
const KEYS = PLACES.flatMap(({ picture, video }) => [picture, video]);
const ACCEPT = "image/png,image/jpeg,image/webp,image/gif,video/mp4,video/quicktime,video/webm,video/x-matroska,.mkv";
const held = new Map(); // by the keys of `start`: the file, and the address of its thumbnail

const isVideo = (file) => !["image/png", "image/jpeg", "image/webp"].includes(file.type);
const named = (key) => state.spec.start?.[key];
const has = (key) => held.has(key) && held.get(key).file.name === named(key);

/** How a spec is sent: as JSON, or as a form where it names files that are here. */
export function sent(spec) {
  const here = KEYS.filter(has);
  if (!here.length) return { json: spec };
  const form = new FormData();
  form.append("spec", JSON.stringify(spec));
  for (const key of here) form.append(key, held.get(key).file);
  return { form };
}

/** Bring the files that a run was given, so that its spec can be run again. */
export async function bring(run, spec) {
  for (const key of KEYS.filter((each) => typeof spec.start?.[each] === "string")) {
    try {
      const content = await (await ask(`/v1/runs/${run.id}/start/${key}`)).blob();
      keep(key, new File([content], spec.start[key], { type: content.type }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // it was never uploaded: the spec names a file of the service
    }
  }
}

function keep(key, file) {
  forget(key);
  held.set(key, { file, address: URL.createObjectURL(file) });
}

function forget(key) {
  if (held.has(key)) URL.revokeObjectURL(held.get(key).address);
  held.delete(key);
}

function choose({ place, title, picture, video }, file) {
  const [key, other] = isVideo(file) ? [video, picture] : [picture, video];
  forget(other);
  keep(key, file);
  edit((spec) => {
    spec.start = { ...(spec.start?.from ? {} : spec.start), [key]: file.name };
    for (const name of [other, `${video}_frames`]) delete spec.start[name];
  }, "given");
  say(`The clip ${title.toLowerCase()} ${file.name}.`);
  $(`${place}-remove`).focus();
}

function remove({ place, title, picture, video }) {
  for (const key of [picture, video]) forget(key);
  edit((spec) => {
    const start = { ...spec.start };
    for (const key of [picture, video]) for (const name of [key, `${key}_frames`]) delete start[name];
    if (KEYS.some((key) => start[key] !== undefined)) spec.start = start;
    else delete spec.start;
  }, "given");
  say(`Removed: what the clip ${title.toLowerCase()} is left to the prompt.`);
  $(`${place}-file`).focus();
}

let drawn = "";

function draw() {
  const now = JSON.stringify(KEYS.map((key) => [named(key), has(key), held.get(key)?.address]));
  if (now === drawn) return;
  drawn = now;
  fill($("given"), PLACES.map(slot));
}

function slot(one) {
  const { place, title, picture, video } = one;
  const key = [picture, video].find((each) => typeof named(each) === "string");
  const heading = h("span", { class: "title", id: `${place}-title` }, title);
  if (!key) {
    const input = h("input", { id: `${place}-file`, type: "file", accept: ACCEPT, aria: { label: `${title}: choose a picture or a video` }, onchange: () => input.files[0] && choose(one, input.files[0]) });
    return h("div", { class: "slot" }, heading, h("label", { class: "file" }, "Choose…", input));
  }
  const name = named(key);
  const about = h("span", { class: "about" }, h("span", { class: "prompt", title: name }, name), has(key) ? null : h("span", { class: "warning" }, "not on this page: choose it again"));
  return h("div", { class: "slot", role: "group", aria: { labelledby: `${place}-title` } }, heading,
    h("div", { class: "chosen" },
      has(key) ? thumbnail(key) : h("span", { class: "thumb empty" }),
      about,
      h("button", { id: `${place}-remove`, type: "button", class: "plain icon", aria: { label: `Remove ${name}` }, onclick: () => remove(one) }, "×")));
}

function thumbnail(key) {
  const { file, address } = held.get(key);
  if (!isVideo(file)) return h("img", { class: "thumb", src: address, alt: "" });
  return h("video", { class: "thumb", src: address, muted: true, preload: "metadata", playsInline: true, tabIndex: -1, aria: { hidden: "true" } });
}

export function begin() {
  on("spec", draw);
  draw();
}
