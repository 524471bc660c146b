// What the page is about: the spec in the editor, its plan, and the run on the stage. Who shows one of them listens.

export const state = {
  spec: { prompt: "a volcano wakes up" },
  plan: null, // as /v1/plan has it; null while it is not known
  run: null, // on the stage, as /v1/runs has it
  runSpec: null, // the spec that it was made with
};

const listeners = new Map();

/** Call a function when a topic changes: "spec", "plan", "run", "runs", "time". */
export function on(topic, heard) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(heard);
}

export function tell(topic, ...what) {
  for (const heard of listeners.get(topic) ?? []) heard(...what);
}

/** Change the spec. `from` names who did it, so that it does not draw itself again while somebody types there. */
export function edit(change, from = "") {
  change(state.spec);
  tell("spec", from);
}

export function replace(spec, from = "") {
  state.spec = spec;
  tell("spec", from);
}
