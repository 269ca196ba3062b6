// Figure 1: every layer with every layer.

const SHOWN = { score: "score", calibrated: "calibrated score", z: "z" };
const MARGIN = { l: 8, r: 8, t: 62, b: 8 };
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
  Plotly.react(element, traces, heatLayout(element, state), CONFIG);
  document.getElementById("heat-note").textContent = heatNote(t, state);
}

function heatLayout(element, state) {
  const { rows, columns } = heat;
  const room = element.clientWidth - (narrow(element) ? 100 : 190);
  const side = Math.min(room / columns.length, 34);
  const height = Math.min(Math.max(side * rows.length, 120), 900) + MARGIN.t + 100;
  const square = rows.length / columns.length < 4 && columns.length / rows.length < 4;
  return layout(element, height, {
    margin: MARGIN,
    xaxis: axis({
      ...ticks("b", columns, state.b, element), tickangle: -40, automargin: true, showgrid: false, zeroline: false,
      ticks: "", constrain: "domain",
    }),
    yaxis: axis({
      ...ticks("a", rows, state.a, element), autorange: "reversed", automargin: true, showgrid: false, zeroline: false,
      ticks: "", ...(square ? { scaleanchor: "x", constrain: "domain" } : {}),
    }),
    shapes: [...seams("a", rows), ...seams("b", columns)],
  });
}

function heatNote(t, state) {
  const left = [NA - t.a.length, NB - t.b.length];
  const all = state.a === "" && state.b === "";
  const missing = all && (left[0] || left[1]) ? `This metric was asked for ${t.a.length} of ${NA} layers. ` : "";
  const toward = state.shown === "score" ? alike(t) : "larger is more alike";
  return `${heat.rows.length} × ${heat.columns.length} layers; ${toward}. ${missing}`;
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
  const curve = Number.isNaN(heat.element.data[0].z[y][x]) ? 1 : 0;
  Plotly.Fx.hover(heat.element, [{ curveNumber: curve, pointNumber: [y, x] }]);
}

function readOut(event) {
  const [y, x] = event.points[0].pointIndex ?? event.points[0].pointNumber;
  const said = hover(heat.table, heat.rows[y], heat.columns[x]);
  document.getElementById("heat-readout").innerHTML = said.replace(/<br>/g, " · ");
}
