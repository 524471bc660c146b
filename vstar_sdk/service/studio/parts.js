// Parts: one chosen by its name, and lists of them; those of plugins are grouped by their plugin.

import { fresh, h } from "./dom.js";
import { objectFields } from "./form.js";
import { plainText } from "./schema.js";

const nameOf = (value) => (typeof value === "string" ? value : value?.use);

/** The options of a select: the core's parts first, then each plugin's. */
function choices(names, chosen) {
  const groups = new Map([["built in", []]]);
  for (const name of names) {
    const slash = name.indexOf("/");
    const group = slash < 0 ? "built in" : name.slice(0, slash);
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return [...groups].map(([label, inside]) => h("optgroup", { label }, inside.map((name) => h("option", { value: name, selected: name === chosen }, name))));
}

/** A part that is chosen, with its options. */
export function partField(label, found, schema, value, change) {
  const id = fresh("part");
  const place = h("div", {});
  const draw = (now) => {
    const name = nameOf(now);
    place.replaceChildren(...(name && found.names.includes(name) ? [options(found, name, now, change)] : []));
  };
  const select = h("select", { id, aria: { label } }, h("option", { value: "" }, "default"), choices(found.names, nameOf(value)));
  select.addEventListener("change", () => {
    const now = select.value === "" ? undefined : { use: select.value };
    draw(now);
    change(now);
  });
  draw(value);
  return h("div", { class: "part" }, select, place);
}

function options(found, name, value, change) {
  const definition = found.of(name);
  const about = h("p", { class: "note open" }, plainText(definition.description));
  const given = typeof value === "object" ? value : {};
  return h("div", {}, about, objectFields(definition.properties, given, (now) => change({ ...now, use: name })));
}

/**
 * A list of parts as cards.
 *
 * `values`: undefined where the spec says nothing; `usual`: the names that count then.
 */
export function partList(label, found, values, usual, change) {
  let now = (values ?? usual.map((use) => ({ use }))).map((each) => (typeof each === "string" ? { use: each } : each));
  const open = new Set();
  const place = h("ol", { class: "cards" });
  const told = () => change(now.map((each) => ({ ...each })));
  const move = (index, by) => {
    const [moved] = now.splice(index, 1);
    now.splice(index + by, 0, moved);
    draw();
    told();
    place.children[index + by].querySelector("summary").focus();
  };
  const draw = () => place.replaceChildren(...now.map((each, index) => {
    const card = h("details", { class: "card", open: open.has(each.use) },
      h("summary", {}, h("span", { class: "name" }, each.use), h("span", { class: "quiet brief" }, brief(each))),
      h("div", { class: "body" },
        options(found, each.use, each, (given) => {
          now[index] = given;
          card.querySelector(".brief").textContent = brief(given);
          told();
        }),
        h("div", { class: "actions" },
          h("button", { type: "button", class: "plain", disabled: index === 0, onclick: () => move(index, -1), aria: { label: `Move ${each.use} up` } }, "Up"),
          h("button", { type: "button", class: "plain", disabled: index === now.length - 1, onclick: () => move(index, 1), aria: { label: `Move ${each.use} down` } }, "Down"),
          h("button", { type: "button", class: "plain", onclick: () => { now.splice(index, 1); draw(); told(); add.focus(); }, aria: { label: `Remove ${each.use}` } }, "Remove"))));
    card.addEventListener("toggle", () => (card.open ? open.add(each.use) : open.delete(each.use)));
    return h("li", {}, card);
  }), ...(now.length ? [] : [h("li", { class: "quiet none" }, "None.")]));
  const add = h("select", { aria: { label: `Add to ${label}` } }, h("option", { value: "" }, "Add…"), choices(found.names, null));
  add.addEventListener("change", () => {
    if (!add.value) return;
    now = [...now, { use: add.value }];
    open.add(add.value);
    add.value = "";
    draw();
    told();
    place.lastElementChild.querySelector("input, select, summary").focus();
  });
  draw();
  return h("div", { class: "parts" }, place, add);
}

/** The options that differ from their defaults, in a few words. */
function brief(value) {
  return Object.entries(value).filter(([name]) => name !== "use").map(([name, one]) => `${name} ${typeof one === "object" ? JSON.stringify(one) : one}`).join(" · ");
}
