// The page: draws everything for the metric that is chosen, again when the width or the colours change.

const chooser = document.getElementById("metric");

function drawKey() {
  const key = document.getElementById("models-key");
  if (key === null) return;
  key.innerHTML = ALIGNED.models.map((model, m) => `<li><svg width="14" height="10" aria-hidden="true"><circle cx="5" cy="5" r="5"
    fill="${modelColour(m)}"/></svg>${escaped(model)}</li>`).join("");
}

function draw() {
  if (ALIGNED !== null) {
    const metric = ALIGNED.metrics[chooser === null ? 0 : Number(chooser.value)];
    document.querySelectorAll("[data-metric]").forEach((code) => { code.textContent = metric.id; });
    document.querySelectorAll("[data-alike]").forEach((span) => { span.textContent = alike(metric); });
    drawKey();
    drawMatrix(metric);
    drawDepth(metric);
    drawSubjects(metric);
    drawNull(metric);
    drawTuring(metric);
    drawHierarchy(metric);
    drawUniversality(metric);
    fillPairs("pairs", { regions: ALIGNED.regions, pairs: metric.pairs });
  }
  if (ENCODED !== null) drawEncoding();
  if (RELIABLE !== null) drawReliability();
  document.documentElement.dataset.ready = String(innerWidth);
}

if (chooser !== null) chooser.addEventListener("change", draw);
DARK.addEventListener("change", draw);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); } });
draw();
