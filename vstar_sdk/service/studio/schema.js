// The JSON Schema of specs, taken apart into what a form needs to know.

import { get } from "./api.js";

let whole = null;

export async function load() {
  whole = await get("/schema");
  return whole.properties;
}

/** A schema with its reference replaced by what it names. */
export function resolved(schema) {
  if (!schema.$ref) return schema;
  const name = schema.$ref.slice("#/$defs/".length).replaceAll("~1", "/").replaceAll("~0", "~");
  const { $ref, ...rest } = schema;
  return { ...resolved(whole.$defs[name]), ...rest };
}

/** What may stand there besides null. */
function alternatives(schema) {
  const one = resolved(schema);
  const several = one.anyOf ?? one.oneOf;
  if (!several || one.properties || one.discriminator) return [one];
  return several.flatMap(alternatives).filter((each) => each.type !== "null");
}

const numeric = (schema) => schema.type === "integer" || schema.type === "number";

/** The kind of field that a schema asks for, and what it has to know. */
export function kindOf(given) {
  const schema = resolved(given);
  if (schema.discriminator) return { kind: "part", names: Object.keys(schema.discriminator.mapping), of: (name) => partOf(schema, name) };
  const choices = alternatives(schema);
  if (choices.length > 1) return several(choices);
  const [only] = choices;
  if (only !== schema && only.discriminator) return kindOf(only);
  if (only.const !== undefined) return { kind: "enum", values: [only.const] };
  if (only.enum) return { kind: "enum", values: only.enum };
  if (only.type === "boolean") return { kind: "boolean" };
  if (numeric(only)) return { kind: "number", least: only.minimum, most: only.maximum, whole: only.type === "integer" };
  if (only.type === "string") return { kind: "text", pattern: only.pattern, most: only.maxLength };
  if (Array.isArray(only.items)) return { kind: "tuple", items: only.items };
  if (only.items) return { kind: "list", items: only.items };
  if (only.properties) return { kind: "object", properties: only.properties, required: only.required ?? [] };
  if (only.type === "object") return { kind: "mapping", values: typeof only.additionalProperties === "object" ? only.additionalProperties : {} };
  return { kind: "any" };
}

/** Numbers and texts share one field; anything else is chosen first. */
function several(choices) {
  if (choices.every((each) => each.enum || each.const !== undefined)) {
    return { kind: "enum", values: choices.flatMap((each) => each.enum ?? [each.const]) };
  }
  if (choices.every((each) => numeric(each) || each.type === "string")) {
    const texts = choices.filter((each) => each.type === "string");
    return texts.length ? { kind: "moment" } : { kind: "number" };
  }
  return { kind: "union", choices: grouped(choices) };
}

/** Numbers and texts of a union as one choice. */
function grouped(choices) {
  const simple = choices.filter((each) => numeric(each) || each.type === "string");
  const others = choices.filter((each) => !simple.includes(each));
  return simple.length ? [simple.length > 1 ? { anyOf: simple } : simple[0], ...others] : others;
}

/** The definition of a part by its name. */
function partOf(schema, name) {
  return resolved({ $ref: schema.discriminator.mapping[name] });
}

/** Whether a value could be of a kind. */
export function fits(found, value) {
  switch (found.kind) {
    case "number": return typeof value === "number";
    case "text": return typeof value === "string";
    case "moment": return typeof value === "number" || typeof value === "string";
    case "boolean": return typeof value === "boolean";
    case "enum": return found.values.includes(value);
    case "tuple":
    case "list": return Array.isArray(value);
    case "object":
    case "mapping":
    case "part": return typeof value === "object" && value !== null && !Array.isArray(value);
    default: return true;
  }
}

/** A choice of a union in a word. */
export function wordOf(schema) {
  const found = kindOf(schema);
  const words = { number: "number", text: "text", moment: "one value", boolean: "yes or no", tuple: "pair", list: "list", mapping: "by key", object: "in detail", enum: "choice" };
  return words[found.kind] ?? "other";
}

/** What a description says, without the marks of documentation. */
export const plainText = (text) => (text ?? "").replaceAll("``", "").replaceAll("`", "").replaceAll("\n", " ");
