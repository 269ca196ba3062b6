// The page of the history alone.

bindHistory();
drawHistory();
DARK.addEventListener("change", drawHistory);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawHistory(); } });
document.documentElement.dataset.ready = "true";
