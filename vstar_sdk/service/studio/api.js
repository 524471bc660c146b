// Requests to the service, with its token where it demands one.

import { askToken } from "./login.js";

const KEY = "vstar-token";
let token = sessionStorage.getItem(KEY) ?? "";

/** What the service refused: its message, with the hint. */
export class Refused extends Error {
  constructor(status, told) {
    super(told?.message ?? `the service answered ${status}`);
    this.status = status;
    this.hint = told?.hint ?? "";
    this.code = told?.code ?? "";
  }
}

/** A response that is not an error; asks for a token where one is missing. */
export async function ask(path, { method = "GET", json, yaml, form, headers = {}, signal } = {}) {
  for (;;) {
    const sent = { ...headers };
    if (token) sent.Authorization = `Bearer ${token}`;
    if (json !== undefined) sent["Content-Type"] = "application/json";
    if (yaml !== undefined) sent["Content-Type"] = "application/yaml";
    const body = json !== undefined ? JSON.stringify(json) : yaml ?? form; // a form brings its own Content-Type
    const answer = await fetch(path, { method, headers: sent, body, signal, cache: "no-store" });
    if (answer.status === 401) {
      token = await askToken(token !== "");
      sessionStorage.setItem(KEY, token);
      continue;
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => null);
    throw new Refused(answer.status, told?.error);
  }
}

export const get = async (path) => (await ask(path)).json();
export const post = async (path, json, more = {}) => (await ask(path, { method: "POST", json, ...more })).json();
export const send = async (path, sent, more = {}) => (await ask(path, { method: "POST", ...sent, ...more })).json();
export const blob = async (path) => (await ask(path)).blob();

/** Save a file of the service under a name. */
export async function download(path, name) {
  const address = URL.createObjectURL(await blob(path));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
