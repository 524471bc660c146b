// Events of a run as the service streams them: over fetch, because an EventSource cannot send a token.

import { ask } from "./api.js";

/** Call `heard` for every event of a run until it ends; after a broken connection it continues where it was. */
export async function follow(run, heard, signal) {
  let last = null;
  for (;;) {
    try {
      const headers = last === null ? {} : { "Last-Event-ID": last };
      const answer = await ask(`/v1/runs/${run}/events`, { headers, signal });
      if (answer.status === 204) return;
      for await (const { id, data } of blocks(answer.body)) {
        last = id;
        heard(JSON.parse(data));
      }
    } catch (error) {
      if (signal.aborted || error.status) return;
      await new Promise((later) => setTimeout(later, 1000));
    }
  }
}

/** The events in a body: `id` and `data`. */
async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value.replaceAll("\r\n", "\n");
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const fields = Object.fromEntries(
        text.slice(0, end).split("\n").filter((line) => !line.startsWith(":")).map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
        }),
      );
      text = text.slice(end + 2);
      if (fields.data) yield fields;
    }
  }
}
