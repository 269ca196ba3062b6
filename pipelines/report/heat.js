// Figure 1: every layer with every layer.

const HINT = "Point at a cell, or move over the cells with the arrow keys.";
const SHOWN = { score: "score", calibrated: "calibrated score", z: "z" };
const heat = { element: document.getElementById("heat"), rows: [], columns: [], cursor: null };

function drawHeat(t, state) {
  const { element } = heat;
  heat.rows = layersOf(t, "a", state.a);
  heat.columns = layersOf(t, "b", state.b);
  heat.table = t;
  leaveCell();
  const variable = t[state.shown];
  const z = heat.rows.map((i) => heat.columns.map((j) => variable[i * NB + j]));
  const look = state.shown === "calibrated" ? {} : t; // calibrated scores are similarities, whatever the metric
  // plotly would want a text for every cell beforehand; one is made when it is pointed at instead.
  const trace = {
    type: "heatmap", z, hoverinfo: "none", colorscale: colours(look), colorbar: colourbar(SHOWN[state.shown]),
  };
  Plotly.react(element, [trace], heatLayout(element, state), CONFIG);
  const hatched = z.some((row) => row.some(Number.isNaN));
  document.getElementById("heat-note").textContent = heatNote(t, state, look, hatched);
}

function heatLayout(element, state) {
  const { rows, columns } = heat;
  const [down, across] = [ticks("a", rows, state.a, element), ticks("b", columns, state.b, element)];
  const fit = fitted(element, down.ticktext, across.ticktext, 34)(rows.length, columns.length);
  heat.fit = fit;
  return layout(element, fit.height, {
    margin: fit.margin,
    xaxis: bareAxis({ ...across, tickangle: -TILT, range: [-0.5, columns.length - 0.5] }),
    yaxis: bareAxis({ ...down, range: [rows.length - 0.5, -0.5] }),
    shapes: [...seams("a", rows), ...seams("b", columns)],
  });
}

function heatNote(t, state, look, hatched) {
  const partial = t.a.length < NA || t.b.length < NB;
  const asked = partial && state.a + state.b === "" ? `This metric was asked for ${t.a.length} of ${NA} layers. ` : "";
  const gaps = hatched ? "Hatched cells have no score; pointing at one says why. " : "";
  return `${heat.rows.length} × ${heat.columns.length} layers; ${alike(look)}. ${asked}${gaps}`;
}

// Frame the cell in row y and column x, and say beside it what it holds.
function showCell(y, x) {
  const { margin, height } = heat.fit;
  const wide = (heat.element.clientWidth - margin.l - margin.r) / heat.columns.length;
  const high = (height - margin.t - margin.b) / heat.rows.length;
  const [left, top] = [margin.l + x * wide, margin.t + y * high];
  const said = hover(heat.table, heat.rows[y], heat.columns[x]);
  heat.cursor = [y, x];
  const frame = document.getElementById("heat-frame");
  Object.assign(frame.style, { left: `${left}px`, top: `${top}px`, width: `${wide}px`, height: `${high}px` });
  const tip = document.getElementById("heat-tip");
  tip.innerHTML = said;
  frame.hidden = tip.hidden = false;
  const room = heat.element.clientWidth - tip.offsetWidth;
  const below = top + high + 8 + tip.offsetHeight < height;
  tip.style.left = `${Math.max(0, Math.min(room, left + wide / 2 - tip.offsetWidth / 2))}px`;
  tip.style.top = `${below ? top + high + 8 : top - 8 - tip.offsetHeight}px`;
  document.getElementById("heat-readout").innerHTML = said.replace(/<br>/g, " · ");
}

function leaveCell() {
  heat.cursor = null;
  document.getElementById("heat-frame").hidden = document.getElementById("heat-tip").hidden = true;
  document.getElementById("heat-readout").textContent = HINT;
}

// The arrow keys move over the cells, from the one last shown.
function moveCell(event) {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (event.key === "Escape") leaveCell();
  if (!step) return;
  event.preventDefault();
  const within = (v, n) => Math.min(n - 1, Math.max(0, v));
  const [y, x] = heat.cursor ?? [-step[0], -step[1]]; // the first key shows the first cell
  showCell(within(y + step[0], heat.rows.length), within(x + step[1], heat.columns.length));
}
