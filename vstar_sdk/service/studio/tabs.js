// Tabs: one panel at a time; arrow keys go from tab to tab.

import { $ } from "./dom.js";

/** Set up a list of tabs; `shown` is called with the id of the panel that appears. */
export function tabs(list, shown) {
  const all = [...list.querySelectorAll('[role="tab"]')];
  const choose = (tab) => {
    for (const each of all) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      $(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    shown(tab.getAttribute("aria-controls"));
  };
  for (const [index, tab] of all.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const next = all[(index + by + all.length) % all.length];
      next.focus();
      choose(next);
    });
  }
}
