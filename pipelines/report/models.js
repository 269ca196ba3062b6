// Figures 3 and 4: the matrix of models, and the map.

const TREE = 90; // pixels

function bestOf(t, a, b) {
  return t.best.find((pair) => modelOf("a", pair.a) === a && modelOf("b", pair.b) === b);
}

function bestText(t, pair) {
  const chance = `<br>z ${short(pair.z ?? NaN)}, p ${power(pair.log10_p)}`;
  return title(pair.a, pair.b) + measured(pair.score, pair.se, t.t_holdout) + chance;
}

// Models in the order of the clustering; those that stand on one side only follow as they came.
function ordered(t, side) {
  const here = DATA.models[side];
  return [...t.order.filter((m) => here.includes(m)), ...here.filter((m) => !t.order.includes(m))];
}

// What a cell of the matrix has room for: the score with its error, or two digits.
function insideCell(pair, side, digits) {
  if (side < 68) return fixed(pair.score, 2);
  return `<b>${fixed(pair.score, digits)}</b><br>± ${fixed(pair.se, digits)}`;
}

// The tree of the clustering, to the right of the rows; `width` is that of the cells, in pixels.
function branches(t, width) {
  const across = (height) => 1 + (8 + TREE * height) / width;
  return t.merges.map(([places, heights]) => ({
    type: "path", xref: "paper", yref: "y", line: { color: ink("soft"), width: 1 },
    path: places.map((y, k) => `${k ? "L" : "M"}${across(heights[k])},${y}`).join(" "),
  }));
}

function drawMatrix(t, choose) {
  const element = document.getElementById("matrix");
  const [rows, columns] = [ordered(t, "a"), ordered(t, "b")];
  const pairs = rows.map((a) => columns.map((b) => bestOf(t, a, b)));
  const z = pairs.map((row) => row.map((pair) => pair?.score ?? null));
  const why = (a, b) => (a === b ? "a model with itself" : "no held-out score for this pair");
  const text = pairs.map((row) => row.map((pair) => (pair ? bestText(t, pair) : "")));
  const label = (models) => models.map((m) => clipped(m, element));
  const beside = narrow(element) ? 4 : TREE + 12;
  const { margin, height, side } = fitted(element, label(rows), label(columns), 96, beside)(rows.length, columns.length);
  const digits = Math.max(2, ...t.best.map((pair) => Math.min(3, decimals(pair.se)))); // one number of decimals for all
  const inside = (pair) => (pair ? insideCell(pair, side, digits) : "");
  const shown = side > 34 ? pairs.map((row) => row.map(inside)) : undefined;
  const traces = [{
    type: "heatmap", z, customdata: text, text: shown, texttemplate: shown ? "%{text}" : "", xgap: 2, ygap: 2,
    hovertemplate: "%{customdata}<extra></extra>", hoverongaps: false,
    colorscale: colours(t), colorbar: colourbar("held-out score"),
  }, {
    type: "heatmap", z: z.map((row) => row.map((v) => (v === null ? 0 : null))), showscale: false, hoverongaps: false,
    text: rows.map((a) => columns.map((b) => why(a, b))), hovertemplate: "%{text}<extra></extra>", xgap: 2, ygap: 2,
    colorscale: [[0, ink("panel")], [1, ink("panel")]],
  }];
  const labels = (models) => ({
    tickvals: models.map((_, k) => k), ticktext: label(models).map(escaped),
  });
  Plotly.react(element, traces, layout(element, height, {
    margin,
    xaxis: bareAxis({ ...labels(columns), tickangle: -TILT }),
    yaxis: bareAxis({ ...labels(rows), range: [rows.length - 0.5, -0.5] }),
    shapes: narrow(element) ? [] : branches(t, side * columns.length),
  }), CONFIG);
  element.removeAllListeners("plotly_click");
  element.on("plotly_click", ({ points: [{ pointIndex: [y, x] }] }) => choose(rows[y], columns[x]));
}

function drawMap(t) {
  const element = document.getElementById("map");
  const note = document.getElementById("map-note");
  element.hidden = t.map === null;
  if (t.map === null) {
    note.textContent = "A map needs at least three models that were all compared with each other.";
    return;
  }
  const { models, x, y, nearest, place } = t.map;
  const kinds = [...new Set(models.map((m) => DATA.modality[m] ?? ""))];
  const edges = nearest.map((j, i) => ({
    x: [x[i], x[j]], y: [y[i], y[j]], mode: "lines", hoverinfo: "skip", line: { color: ink("rule"), width: 1.5 },
    showlegend: false,
  }));
  const points = kinds.map((kind, k) => {
    const at = models.map((_, i) => i).filter((i) => (DATA.modality[models[i]] ?? "") === kind);
    const take = (list) => at.map((i) => list[i]);
    return {
      x: take(x), y: take(y), text: take(models).map(escaped), name: escaped(kind),
      mode: "markers", cliponaxis: false, showlegend: kinds.length > 1, hovertemplate: "%{text}<extra></extra>",
      marker: { size: 11, color: ink(`kind-${k % 6}`), line: { color: ink("page"), width: 1.5 } },
    };
  });
  const annotations = models.map((m, i) => ({
    x: x[i], y: y[i], text: escaped(m), ...place[i], showarrow: true, arrowhead: 0, arrowwidth: 0.75,
    arrowcolor: ink("soft"), standoff: 6,
  }));
  const bare = { showticklabels: false, ticks: "", zeroline: false, showgrid: false, showline: false };
  Plotly.react(element, [...edges, ...points], layout(element, narrow(element) ? 340 : 440, {
    annotations, margin: { l: 20, r: 20, t: 40, b: 28 }, showlegend: kinds.length > 1, hovermode: "closest",
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    xaxis: axis(bare), yaxis: axis({ ...bare, scaleanchor: "x" }),
  }), CONFIG);
  note.textContent = `The two axes hold ${Math.round(t.map.held * 100)} % of the spread.`;
}
