// The spec as YAML, both ways; the service reads and writes it.

import { Refused, ask, post } from "./api.js";
import { $, h, say, settled } from "./dom.js";
import { on, replace, state } from "./store.js";

const area = h("textarea", { id: "yaml-text", class: "code", spellcheck: false, rows: 24, aria: { label: "The spec as YAML", describedby: "yaml-note" } });
const note = h("p", { id: "yaml-note", class: "quiet", role: "status" });
let dirty = false;

/** Write the spec into the text. */
export async function show() {
  if (dirty) return;
  const { yaml } = await post("/v1/convert", state.spec);
  if (dirty) return; // somebody typed meanwhile
  area.value = yaml === "{}\n" ? "" : yaml;
  note.textContent = "Changes here and in the form are the same spec.";
  note.className = "quiet";
}

const read = settled(500, async () => {
  const text = area.value;
  try {
    const answer = await ask("/v1/convert", { method: "POST", yaml: text || "{}" });
    if (area.value !== text) return; // what was typed meanwhile is read next
    dirty = false;
    note.textContent = "Read.";
    note.className = "quiet";
    replace((await answer.json()).data, "yaml");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    note.textContent = error.message;
    note.className = "wrong";
  }
});

export function begin() {
  $("yaml").append(
    area, note,
    h("div", { class: "actions" },
      h("button", { type: "button", class: "plain", onclick: copy }, "Copy"),
      h("button", { type: "button", class: "plain", onclick: save }, "Save spec.yaml"),
      h("label", { class: "plain file" }, "Open…", h("input", { type: "file", accept: ".yaml,.yml,.json", onchange: open }))));
  area.addEventListener("input", () => {
    dirty = true;
    read();
  });
  on("spec", (from) => {
    if (from !== "yaml" && !$("yaml").hidden) {
      dirty = false;
      show();
    }
  });
}

async function copy() {
  try {
    await navigator.clipboard.writeText(area.value);
    say("Copied.");
  } catch {
    area.select(); // the browser allows it only on pages that came encrypted
    say("Press Ctrl+C to copy.");
  }
}

function save() {
  const address = URL.createObjectURL(new Blob([area.value], { type: "application/yaml" }));
  h("a", { href: address, download: "spec.yaml" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

async function open(event) {
  const [file] = event.target.files;
  if (!file) return;
  area.value = await file.text();
  event.target.value = "";
  dirty = true;
  read();
}
