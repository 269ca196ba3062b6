// Layers with regions: the matrix with its ceilings, the profile over depth, and the scores of every subject.

const DASHES = ["solid", "dash", "dot", "dashdot"];

function modelColour(k) {
  return ink(`kind-${k % 6}`);
}

function titled(text, extra = {}) {
  return axis({ automargin: true, zeroline: false, title: { text, standoff: 8, font: { size: 12 } }, ...extra });
}

function three(value) {
  return fixed(value ?? NaN, 3);
}

// Figure 1.
function drawMatrix(metric) {
  drawLayers("matrix", ALIGNED, metric, { "lower ceiling": metric.lower, "upper ceiling": metric.upper }, "score, mean over subjects");
}

// One row a region, one column a layer, and at the right end the ceilings.
function drawLayers(id, { layers, models, regions }, metric, ends, title) {
  const element = document.getElementById(id);
  const ceilings = Object.keys(ends);
  const gap = layers.length; // a column that stays empty
  const z = regions.map((_, r) => [...metric.score[r], null, ...ceilings.map((name) => ends[name][r])]);
  const names = [...layers.map((l) => (l.layer ? `${models[l.model]}/${l.layer}` : models[l.model])), "", ...ceilings];
  const text = regions.map((region, r) => names.map((name, k) => `${escaped(name)} in ${escaped(region)}<br><b>${three(z[r][k])}</b>`));
  const blocks = models.map((_, m) => layers.flatMap((l, k) => (l.model === m ? [k] : [])));
  // Edges of the columns: those of the ceilings are wide enough to be seen beside many layers.
  const wide = Math.max(1, layers.length / 20);
  const apart = Math.max(0.25, layers.length / 40);
  const x = [...Array(gap + 1).keys(), ...[0, ...ceilings].map((_, k) => gap + apart + k * wide)].map((edge) => edge - 0.5);
  const tickvals = [...blocks.map((ks) => (ks[0] + ks[ks.length - 1]) / 2), ...ceilings.map((_, k) => gap + apart - 0.5 + (k + 0.5) * wide)];
  const line = { color: ink("page"), width: 1.5 };
  const shapes = blocks.slice(1).map((ks) => ({ type: "line", x0: ks[0] - 0.5, x1: ks[0] - 0.5, y0: 0, y1: 1, yref: "paper", line }));
  const height = Math.min(Math.max(26 * regions.length, 60), 700);
  const labels = [...models.map((m) => clipped(m, element, 9)), ...ceilings];
  const down = Math.ceil(labelWidth(element, labels) * Math.sin((TILT * Math.PI) / 180)) + 22;
  Plotly.react(element, [{
    type: "heatmap", x, z, text, hoverongaps: false, colorscale: colours(metric), colorbar: colourbar(title),
    hovertemplate: "%{text}<extra></extra>", ygap: 1,
  }], layout(element, height + 62 + down, {
    margin: { l: Math.ceil(labelWidth(element, regions)) + 12, r: 50, t: 62, b: down, autoexpand: false }, shapes,
    xaxis: bareAxis({ tickvals, ticktext: labels.map(escaped), tickangle: TILT }),
    yaxis: bareAxis({ tickvals: regions.map((_, r) => r), ticktext: regions.map(escaped), autorange: "reversed" }),
  }), CONFIG);
}

// One small chart for every region under `id`, made once.
function panels(id, regions) {
  const holder = document.getElementById(id);
  if (holder === null) return [];
  if (holder.children.length !== regions.length) {
    holder.innerHTML = regions.map((region, r) =>
      `<div><h4>${escaped(region)}</h4><div id="${id}-${r}" class="plot" role="img" aria-label="${escaped(region)}"></div></div>`).join("");
  }
  holder.classList.toggle("single", regions.length === 1);
  return regions.map((_, r) => document.getElementById(`${id}-${r}`));
}

// The band between the two ceilings, along x or along y, with its edges drawn.
function ceilingBand(lower, upper, along) {
  if (lower === null || upper === null) return [];
  const ends = along === "y" ? { x0: lower, x1: upper, y0: 0, y1: 1, yref: "paper" } : { y0: lower, y1: upper, x0: 0, x1: 1, xref: "paper" };
  return [{ type: "rect", ...ends, fillcolor: ink("ceiling"), line: { color: ink("soft"), width: 0.75, dash: "dot" }, layer: "below" }];
}

function small(element, height, traces, extra) {
  Plotly.react(element, traces, layout(element, height, {
    font: { family: DATA.font, size: narrow(element) ? 11 : 12, color: ink("ink") },
    margin: { l: 8, r: 14, t: 12, b: 8 }, hovermode: "closest", ...extra,
  }), { ...CONFIG, displayModeBar: false });
}

// Figure 2: the mean over subjects along the depth of every model, under the ceilings.
function drawDepth(metric) {
  const { layers, models, regions } = ALIGNED;
  panels("depth", regions).forEach((element, r) => {
    const traces = models.map((model, m) => {
      const at = layers.flatMap((l, k) => (l.model === m ? [k] : []));
      return {
        x: at.map((k) => layers[k].depth), y: at.map((k) => metric.score[r][k]), name: model, mode: at.length > 1 ? "lines+markers" : "markers",
        line: { color: modelColour(m), width: 2, dash: DASHES[Math.floor(m / 3) % 4] }, marker: { size: 4, color: modelColour(m) },
        text: at.map((k) => `${escaped(`${model}/${layers[k].layer}`)}<br><b>${three(metric.score[r][k])}</b>`),
        hovertemplate: "%{text}<extra></extra>",
      };
    });
    small(element, regions.length === 1 ? 330 : 230, traces, {
      shapes: ceilingBand(metric.lower[r], metric.upper[r], "x"),
      xaxis: axis({ tickvals: [0, 0.5, 1], ticktext: ["first", "depth", "last"], automargin: true, showgrid: false, zeroline: false, range: [-0.03, 1.03] }),
      yaxis: titled("", { nticks: 6, zeroline: true, range: spanned([...metric.score[r], metric.lower[r], metric.upper[r], 0]) }),
    });
  });
}

// Shapes do not widen an axis by themselves.
function spanned(values) {
  const known = values.filter((v) => v !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
}

// A row of marks for every name, from the top down; `above` is the room over the first.
function rowsOf(element, names, extra, above = 0.6) {
  const labels = names.map((name) => escaped(clipped(name, element, 16)));
  return { yaxis: bareAxis({ tickvals: names.map((_, k) => k), ticktext: labels, range: [names.length - 0.4, -above], automargin: true }), ...extra };
}

function dots(rows, colour, name) {
  const flat = rows.flatMap(({ y, values, text }) => values.map((x, s) => ({ x, y: y + jitter(s, values.length), text: text[s] })))
    .filter((dot) => dot.x !== null);
  return {
    x: flat.map((d) => d.x), y: flat.map((d) => d.y), text: flat.map((d) => d.text), mode: "markers", name,
    marker: { size: 7, color: colour, opacity: 0.55, line: { color: ink("page"), width: 0.75 } }, hovertemplate: "%{text}<extra></extra>",
  };
}

function jitter(k, count) {
  return count > 1 ? 0.36 * (k / (count - 1) - 0.5) : 0;
}

function meanMark(y, mean, low, high, text) {
  return {
    x: mean, y, text, mode: "markers", hovertemplate: "%{text}<extra></extra>",
    marker: { size: 10, symbol: "diamond", color: ink("ink"), line: { color: ink("page"), width: 1 } },
    error_x: {
      symmetric: false, array: high.map((v, k) => (v ?? NaN) - mean[k]), arrayminus: low.map((v, k) => mean[k] - (v ?? NaN)),
      color: ink("ink"), thickness: 1.5, width: 4,
    },
  };
}

// Figure 3: the held-out score of every subject, and the mean over them.
function drawSubjects(metric) {
  const { models, regions, subjects } = ALIGNED;
  panels("subjects", regions).forEach((element, r) => {
    const traces = models.map((model, m) => dots([{
      y: m, values: metric.held[r][m],
      text: subjects.map((s, k) => `${escaped(s)}: ${escaped(`${model}/${metric.chosen[r][m][k]}`)}<br><b>${three(metric.held[r][m][k])}</b>`),
    }], modelColour(m), model));
    const text = models.map((model, m) => `${escaped(model)}, mean of subjects<br><b>${three(metric.mean[r][m])}</b>`
      + `<br>95 % interval ${three(metric.low[r][m])} to ${three(metric.high[r][m])}<br>p ${power(metric.log10_p[r][m])}`
      + `<br>${three(metric.normalised[r][m])} of the lower ceiling`);
    traces.push(meanMark(models.map((_, m) => m), metric.mean[r], metric.low[r], metric.high[r], text));
    const all = [...metric.held[r].flat(), ...metric.low[r], ...metric.high[r], metric.lower[r], metric.upper[r], 0];
    small(element, 60 + 34 * models.length, traces, rowsOf(element, models, {
      shapes: ceilingBand(metric.lower[r], metric.upper[r], "y"), xaxis: titled("score", { zeroline: true, range: spanned(all), nticks: 7 }),
    }));
  });
}
