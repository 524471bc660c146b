// The theme: the system's, or what was chosen. Runs before the page is drawn, so that it never flashes.
(() => {
  const order = ["system", "light", "dark"];
  let chosen = "system";
  try {
    chosen = localStorage.getItem("vstar-theme") ?? "system";
  } catch { /* storage is off: the system's theme */ }
  const show = () => {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${chosen}`;
  };
  show();
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = order[(order.indexOf(chosen) + 1) % order.length];
      try {
        localStorage.setItem("vstar-theme", chosen);
      } catch { /* it lasts as long as the page */ }
      show();
    });
  });
})();
