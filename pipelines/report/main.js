// What is chosen, and redrawing what depends on it.

const state = { metric: 0, a: "", b: "", shown: "score" };
const control = (id) => document.getElementById(id);

// The pair that the profile shows: the one chosen for the heat map; or else the best of those that fit, of different
// kinds of models where there are such.
function pair(t) {
  if (state.a !== "" && state.b !== "") return [state.a, state.b];
  const sign = t.direction === "distance" ? -1 : 1;
  const kind = (model) => DATA.modality[model] ?? "";
  const fits = (chosen, model) => chosen === "" || chosen === model;
  const open = t.best
    .map((best) => ({ score: sign * best.score, a: modelOf("a", best.a), b: modelOf("b", best.b) }))
    .filter(({ a, b }) => fits(state.a, a) && fits(state.b, b))
    .sort((u, v) => (kind(v.a) !== kind(v.b)) - (kind(u.a) !== kind(u.b)) || v.score - u.score);
  if (open.length) return [open[0].a, open[0].b];
  const a = state.a || DATA.models.a[0];
  return [a, state.b || DATA.models.b.find((m) => m !== a) || DATA.models.b[0]];
}

// A variable that a metric does not have cannot be chosen.
function offer(t) {
  for (const option of control("shown").options) option.disabled = t[option.value].every(Number.isNaN);
  if (control("shown").selectedOptions[0].disabled) state.shown = control("shown").value = "score";
}

async function draw() {
  const t = await table(state.metric);
  offer(t);
  const [a, b] = pair(t);
  drawHeat(t, state);
  drawProfile(t, a, b);
  control("profile-pair").textContent = `${a} with ${b}`;
  drawMatrix(t, choose);
  drawMap(t);
  document.querySelectorAll("[data-metric]").forEach((span) => (span.textContent = t.id));
  document.documentElement.dataset.ready = `${state.metric}|${state.a}|${state.b}|${state.shown}`;
}

// What the size and the colours of the page decide.
function redraw() {
  draw();
  drawAnswer();
  drawTraits();
  drawRun();
}

async function drawAll() {
  await draw();
  await fillTable(state);
}

function choose(a, b) {
  state.a = control("model-a").value = a;
  state.b = control("model-b").value = b;
  draw();
  control("heat").scrollIntoView({ behavior: "smooth", block: "center" });
}

function bind() {
  control("metric").addEventListener("change", (e) => { state.metric = Number(e.target.value); drawAll(); });
  control("model-a").addEventListener("change", (e) => { state.a = e.target.value; draw(); });
  control("model-b").addEventListener("change", (e) => { state.b = e.target.value; draw(); });
  control("shown").addEventListener("change", (e) => { state.shown = e.target.value; draw(); });
  for (const id of ["scope", "every-metric", "others"]) control(id).addEventListener("change", () => fillTable(state));
  let typing;
  control("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => fillTable(state), 120);
  });
  control("previous").addEventListener("click", () => { ranked.page -= 1; drawTable(); });
  control("next").addEventListener("click", () => { ranked.page += 1; drawTable(); });
  document.querySelectorAll("#ranked th").forEach((th) =>
    th.querySelector("button").addEventListener("click", () => sortBy(th.dataset.key)));
  heat.element.addEventListener("keydown", moveCell);
  DARK.addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
  document.querySelectorAll("button.copy").forEach((button) => button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(control(button.dataset.copies).textContent);
    button.textContent = "Copied";
  }));
}

async function start() {
  bind();
  drawAnswer();
  drawTraits();
  drawRun();
  await drawAll();
  heat.element.on("plotly_hover", ({ points: [{ pointIndex: [y, x] }] }) => showCell(y, x));
  heat.element.on("plotly_unhover", leaveCell);
}

// For a reader who wants the numbers behind the figures in the console.
window.consilience = { DATA, table, cell, hover, fixed, rounded, short, power, state };
start();
