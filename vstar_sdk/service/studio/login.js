// The token of a service that can be reached from other machines. It stays in this tab.

import { $, h } from "./dom.js";

let asking = null;

/** Ask for the token; `wrong`: the last one was not it. One dialog serves all requests that wait. */
export function askToken(wrong) {
  asking ??= new Promise((told) => {
    const field = h("input", { id: "token", type: "password", autocomplete: "off", required: true, aria: { describedby: "token-note" } });
    const form = h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          $("login").close();
          asking = null;
          told(field.value.trim());
        },
      },
      h("h2", { id: "login-title" }, "This service needs a token"),
      h("label", { for: "token" }, "Token"),
      field,
      h("p", { id: "token-note", class: wrong ? "wrong" : "quiet", role: "status" },
        wrong ? "That was not the token. Try again." : "Whoever runs the service has it. It is kept until this tab closes."),
      h("button", { class: "primary" }, "Continue"),
    );
    $("login").replaceChildren(form);
    $("login").addEventListener("cancel", (event) => event.preventDefault());
    if (!$("login").open) $("login").showModal();
    field.focus();
  });
  return asking;
}
