// Paints the chosen theme before the first frame, so that a dark page never flashes white.
// src/lib/theme.ts writes the choice; without one the system decides.
(function () {
  var choice = "system";
  try {
    choice = window.localStorage.getItem("studio.theme") || "system";
  } catch {
    // Storage may be blocked; the system's theme is then used.
  }
  var dark = choice === "dark" || (choice === "system" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
