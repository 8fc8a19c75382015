"use strict";
// A page that is left by the back button after signing out is asked for again, not shown from memory.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
// Boxes with something to copy have a button where the browser lets pages write to the clipboard.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => navigator.clipboard.writeText(button.previousElementSibling.textContent).then(() => { button.textContent = button.dataset.done; }));
  }
});
