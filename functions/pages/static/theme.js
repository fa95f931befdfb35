// Before anything is drawn: the theme that was chosen, else the system's.
(() => {
  "use strict";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be switched off
    }
  };
  const apply = () => {
    const chosen = stored();
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = document.getElementById("theme-name");
    button.hidden = false;
    const tell = (theme) => {
      name.textContent = theme;
      button.title = `Theme: ${theme}`;
    };
    tell(stored() || "system");
    button.addEventListener("click", () => {
      const next = { system: "dark", dark: "light", light: "system" }[stored() || "system"];
      try {
        if (next === "system") localStorage.removeItem("theme");
        else localStorage.setItem("theme", next);
      } catch {
        return;
      }
      tell(next);
      apply();
    });
  });
})();
