// Figure 1: every layer with every layer.

const HINT = "Point at a cell, or move over the cells with the arrow keys.";
const SHOWN = { score: "score", calibrated: "calibrated score", z: "z" };
const heat = { element: document.getElementById("heat"), rows: [], columns: [], cursor: null };

function drawHeat(t, state) {
  const { element } = heat;
  heat.rows = layersOf(t, "a", state.a);
  heat.columns = layersOf(t, "b", state.b);
  heat.table = t;
  heat.cursor = null;
  const variable = t[state.shown];
  const z = heat.rows.map((i) => heat.columns.map((j) => variable[i * NB + j]));
  const text = heat.rows.map((i) => heat.columns.map((j) => hover(t, i, j)));
  const grid = { type: "heatmap", text, hovertemplate: "%{text}<extra></extra>", hoverongaps: false };
  const traces = [
    { ...grid, z, colorscale: state.shown === "score" ? colours(t) : colours({}), colorbar: colourbar(SHOWN[state.shown]) },
  ];
  if (z.some((row) => row.some(Number.isNaN))) {
    // Without colour, so that the hatching of the background shows; it is there to be pointed at.
    const clear = [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]];
    const empty = z.map((row) => row.map((v) => (Number.isNaN(v) ? 0 : null)));
    traces.push({ ...grid, z: empty, colorscale: clear, showscale: false });
  }
  if (element.data) Plotly.Fx.unhover(element);
  Plotly.react(element, traces, heatLayout(element, state), CONFIG);
  document.getElementById("heat-readout").textContent = HINT;
  document.getElementById("heat-note").textContent = heatNote(t, state);
}

function heatLayout(element, state) {
  const { rows, columns } = heat;
  const [down, across] = [ticks("a", rows, state.a, element), ticks("b", columns, state.b, element)];
  const { margin, height } = fitted(element, down.ticktext, across.ticktext, 34)(rows.length, columns.length);
  return layout(element, height, {
    margin,
    xaxis: bareAxis({ ...across, tickangle: -TILT }),
    yaxis: bareAxis({ ...down, autorange: "reversed" }),
    shapes: [...seams("a", rows), ...seams("b", columns)],
  });
}

function heatNote(t, state) {
  const left = [NA - t.a.length, NB - t.b.length];
  const all = state.a === "" && state.b === "";
  const missing = all && (left[0] || left[1]) ? `This metric was asked for ${t.a.length} of ${NA} layers. ` : "";
  const toward = state.shown === "score" ? alike(t) : "larger is more alike";
  const hatched = heat.element.data.length > 1 ? "Hatched cells have no score; pointing at one says why. " : "";
  return `${heat.rows.length} × ${heat.columns.length} layers; ${toward}. ${missing}${hatched}`;
}

// The arrow keys move over the cells; what they meet is read out, and shown as pointing at it would.
function moveCursor(event) {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  const [r, c] = heat.cursor ?? [0, 0];
  const limit = (v, n) => Math.min(n - 1, Math.max(0, v));
  heat.cursor = heat.cursor
    ? [limit(r + step[0], heat.rows.length), limit(c + step[1], heat.columns.length)]
    : [0, 0];
  const [y, x] = heat.cursor;
  Plotly.Fx.hover(heat.element, { xval: x, yval: y }, "xy");
  readOut(y, x);
}

function readOut(y, x) {
  const said = hover(heat.table, heat.rows[y], heat.columns[x]);
  document.getElementById("heat-readout").innerHTML = said.replace(/<br>/g, " · ");
}
