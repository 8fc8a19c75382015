"use strict";
// A page that is left by the back button after signing out is asked for again, not shown from memory.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
