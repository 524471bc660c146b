// Which frames the states rule, while an anchor is dragged; afterwards the plan says it.

/** First and last frame of each state. `hold`: a state rules until the next anchor; else the nearer anchor does, the later of two. */
export function spans(anchors, frames, hold) {
  const rules = anchors.map(() => [frames, -1]);
  for (let frame = 0; frame < frames; frame += 1) {
    let ruler = 0;
    for (let k = 1; k < anchors.length; k += 1) {
      const from = hold ? anchors[k] : (anchors[k - 1] + anchors[k]) / 2;
      if (frame >= from) ruler = k;
    }
    rules[ruler] = [Math.min(rules[ruler][0], frame), Math.max(rules[ruler][1], frame)];
  }
  return rules;
}

/** The frames that a state's anchor may have: strictly between its neighbours'. */
export function room(anchors, index, frames) {
  return [index === 0 ? 0 : anchors[index - 1] + 1, index === anchors.length - 1 ? frames - 1 : anchors[index + 1] - 1];
}

/** Ranges as a person writes them: "0-3, 8". */
export const written = ([first, last]) => (first === last ? `${first}` : `${first}–${last}`);
