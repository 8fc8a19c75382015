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
// A sender opens into its addresses below it, and closes again; without this script the link leads to a page of them.
document.addEventListener("htmx:afterSwap", (event) => {
  const place = event.target.closest(".into");
  if (place) place.hidden = false;
  const drawer = event.target;
  if (drawer.id !== "drawer") return;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close";
  close.textContent = "✕";
  close.addEventListener("click", () => drawer.close());
  drawer.prepend(close);
  if (!drawer.open) drawer.showModal();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-unfold]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !window.htmx) return;
  const open = link.getAttribute("aria-expanded") !== "true";
  link.setAttribute("aria-expanded", String(open));
  const place = link.closest("tbody").querySelector(".into");
  if (place.textContent.trim()) place.hidden = !open;
});
