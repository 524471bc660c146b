// One state of the run on the stage made again, with the caption and the anchor that stand in the editor.

import { Refused, post } from "./api.js";
import { say } from "./dom.js";
import { show } from "./stage.js";
import { state, tell } from "./store.js";

/** Whether a state can be made again, and what the button says of it. */
export function redoable(index) {
  if (state.run?.state !== "done") return { able: false, why: "Show a finished run first" };
  const made = state.runPlan?.states;
  if (!made) return { able: false, why: "The states of the run are not known" };
  if (made.length !== state.plan.states.length || state.runPlan.frames !== state.plan.frames) {
    return { able: false, why: "The run on the stage has another number of states or frames" };
  }
  const span = made[index].rules;
  if (span[0] === 0 && span[1] === state.plan.frames - 1) return { able: false, why: "The state rules all frames: run the story again" };
  return { able: true, why: `Make state ${index + 1} again and keep the other frames` };
}

export async function redo(index) {
  const made = state.runPlan.states;
  const now = state.plan.states;
  const wanted = { state: index + 1 };
  if (now[index].caption !== made[index].caption) wanted.caption = now[index].caption;
  if (now[index].anchor !== made[index].anchor) wanted.at = now[index].anchor;
  const others = now.some((each, at) => at !== index && (each.caption !== made[at].caption || each.anchor !== made[at].anchor));
  try {
    const run = await post(`/v1/runs/${state.run.id}/redo`, wanted);
    say(others ? `State ${index + 1} is made again; what you changed in other states is not part of it.` : `State ${index + 1} is made again.`);
    tell("runs");
    await show(run);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(`${error.message} ${error.hint}`, true);
  }
}
