// Fields made from a schema. `change(value)` is called with a value, or undefined where the field is left to its default.

import { fresh, h } from "./dom.js";
import { partField } from "./parts.js";
import { fits, kindOf, plainText, resolved, wordOf } from "./schema.js";

/** A labelled field. */
export function field(name, given, value, change) {
  const schema = resolved(given);
  const found = kindOf(given);
  const label = schema.title && !schema.title.includes(".") ? schema.title : name;
  const text = plainText(schema.description);
  const id = fresh("field");
  const note = text ? h("p", { id: `${id}-note`, class: "note", title: text }, text) : null;
  const make = FIELDS[found.kind] ?? FIELDS.any;
  const control = make({ id, label, note, schema, found, value, change });
  if (control.group) {
    return h("fieldset", { class: "field group", aria: note ? { describedby: note.id } : {} }, h("legend", {}, label), control.group, note);
  }
  if (note) control.setAttribute("aria-describedby", note.id);
  const caption = h("label", { for: id }, label);
  const row = found.kind === "boolean" ? h("div", { class: "check" }, control, caption) : [caption, control];
  return h("div", { class: "field" }, row, note);
}

/** The fields of an object, in its order; `left` are not shown. */
export function objectFields(properties, value, change, left = ["use"]) {
  const now = { ...value };
  return h("div", { class: "fields" }, Object.entries(properties).filter(([name]) => !left.includes(name)).map(([name, schema]) =>
    field(name, schema, now[name], (given) => {
      if (given === undefined) delete now[name];
      else now[name] = given;
      change({ ...now });
    }),
  ));
}

const shown = (value) => (value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
const hintOf = (schema) => (schema.default !== undefined && schema.default !== null ? shown(schema.default) : schema.examples ? `e.g. ${shown(schema.examples[0])}` : "default");

const FIELDS = {
  number({ id, schema, found, value, change }) {
    const input = h("input", { id, type: "number", step: found.whole ? 1 : "any", value: shown(value), placeholder: hintOf(schema) });
    if (found.least !== undefined) input.min = found.least;
    if (found.most !== undefined) input.max = found.most;
    input.addEventListener("input", () => change(input.value === "" ? undefined : Number(input.value)));
    return input;
  },
  text({ id, schema, found, value, change }) {
    const input = h("input", { id, type: "text", value: shown(value), placeholder: hintOf(schema) });
    if (found.most) input.maxLength = found.most;
    input.addEventListener("input", () => change(input.value === "" ? undefined : input.value));
    return input;
  },
  moment({ id, schema, value, change }) {
    const input = h("input", { id, type: "text", value: shown(value), placeholder: hintOf(schema) });
    input.addEventListener("input", () => {
      const text = input.value.trim();
      change(text === "" ? undefined : Number.isFinite(Number(text)) ? Number(text) : text);
    });
    return input;
  },
  boolean({ id, schema, value, change }) {
    const input = h("input", { id, type: "checkbox", checked: value ?? schema.default ?? false });
    input.addEventListener("change", () => change(input.checked));
    return input;
  },
  enum({ id, schema, found, value, change }) {
    const none = schema.default !== undefined && schema.default !== null ? `default: ${shown(schema.default)}` : "default";
    const input = h("select", { id }, h("option", { value: "" }, none), found.values.map((each, index) => h("option", { value: index, selected: each === value }, shown(each))));
    input.addEventListener("change", () => change(input.value === "" ? undefined : found.values[Number(input.value)]));
    return input;
  },
  tuple({ label, schema, found, value, change }) {
    const usual = Array.isArray(schema.default) ? schema.default : [];
    const now = [...(value ?? [])];
    const parts = found.items.map((item, index) => {
      const { least, most, whole } = kindOf(item);
      const input = h("input", { type: "number", step: whole ? 1 : "any", min: least ?? "", max: most ?? "", value: shown(now[index]), placeholder: shown(usual[index]), aria: { label: `${label}, ${index + 1} of ${found.items.length}` } });
      input.addEventListener("input", () => {
        now[index] = input.value === "" ? undefined : Number(input.value);
        const full = found.items.map((_, at) => now[at] ?? usual[at]);
        change(now.every((each) => each === undefined) || full.some((each) => each === undefined) ? undefined : full);
      });
      return input;
    });
    return { group: h("div", { class: "row" }, parts) };
  },
  list({ label, found, value, change }) {
    const now = [...(value ?? [])];
    const place = h("div", { class: "list" });
    const draw = () => place.replaceChildren(
      ...now.map((each, index) => h("div", { class: "row" },
        field(`${label} ${index + 1}`, { ...resolved(found.items), title: `${index + 1}`, description: "" }, each, (given) => {
          now[index] = given;
          change(now.filter((one) => one !== undefined));
        }),
        h("button", { type: "button", class: "plain", aria: { label: `Remove ${label} ${index + 1}` }, onclick: () => { now.splice(index, 1); draw(); change(now.length ? [...now] : undefined); } }, "×"))),
      h("button", { type: "button", class: "plain", onclick: () => { now.push(undefined); draw(); place.querySelectorAll("input, select")[now.length - 1]?.focus(); } }, `Add to ${label.toLowerCase()}`),
    );
    draw();
    return { group: place };
  },
  mapping({ label, found, value, change }) {
    let rows = Object.entries(value ?? {});
    const place = h("div", { class: "list" });
    const told = () => change(rows.length ? Object.fromEntries(rows.filter(([key, one]) => key !== "" && one !== undefined)) : undefined);
    const draw = () => place.replaceChildren(
      ...rows.map((row, index) => h("div", { class: "row" },
        h("input", { type: "text", class: "key", value: row[0], placeholder: "key", aria: { label: `${label}, key ${index + 1}` }, oninput: (event) => { row[0] = event.target.value.trim(); told(); } }),
        field(`${label} ${row[0]}`, { ...resolved(found.values), title: "value", description: "" }, row[1], (given) => { row[1] = given; told(); }),
        h("button", { type: "button", class: "plain", aria: { label: `Remove ${label} ${row[0]}` }, onclick: () => { rows = rows.filter((each) => each !== row); draw(); told(); } }, "×"))),
      h("button", { type: "button", class: "plain", onclick: () => { rows.push([String(rows.length), undefined]); draw(); } }, `Add to ${label.toLowerCase()}`),
    );
    draw();
    return { group: place };
  },
  object({ found, value, change }) {
    return { group: objectFields(found.properties, value ?? {}, (given) => change(Object.keys(given).length ? given : undefined), []) };
  },
  part({ label, found, schema, value, change }) {
    return { group: partField(label, found, schema, value, change) };
  },
  union({ id, label, schema, found, value, change }) {
    const chosen = value === undefined ? -1 : found.choices.findIndex((each) => fits(kindOf(each), value));
    const place = h("div", { class: "list" });
    const draw = (index, now) => place.replaceChildren(...(index < 0 ? [] : [field(label, { ...found.choices[index], title: label, description: "", default: undefined, examples: found.choices[index].examples ?? schema.examples }, now, change)]));
    const usual = schema.default !== undefined && schema.default !== null ? `default: ${shown(schema.default)}` : "default";
    const select = h("select", { id, aria: { label: `${label}: how it is written` } }, h("option", { value: -1 }, usual), found.choices.map((each, index) => h("option", { value: index, selected: index === chosen }, wordOf(each))));
    select.addEventListener("change", () => { draw(Number(select.value), undefined); change(undefined); });
    draw(chosen, value);
    return { group: h("div", { class: "union" }, select, place) };
  },
  /** JSON where it is some, else a text. */
  any({ id, schema, value, change }) {
    const input = h("input", { id, type: "text", value: shown(value), placeholder: hintOf(schema) });
    input.addEventListener("input", () => {
      const text = input.value.trim();
      try {
        change(text === "" ? undefined : JSON.parse(text));
      } catch {
        change(text);
      }
    });
    return input;
  },
};
