// The figures of an audit. Ink, axes and layout are the report's (look.js).

const FAMILIES = ["pairs of samples", "neighbours", "units and directions", "held-out samples"];
const SYMBOLS = ["circle", "diamond", "square", "cross"];
const ROUND = [1, 10, 100, 1000, 10000].flatMap((k) => [k, 2 * k, 5 * k]);
const REMOVED = { x: "X alone", y: "Y alone", both: "both" };

function colour(k) {
  return ink(`kind-${k}`);
}

// An axis title that stands as close as the labels allow.
function titled(text, extra = {}) {
  return axis({ automargin: true, zeroline: false, title: { text, standoff: 8, font: { size: 12.5 } }, ...extra });
}

const BELOW = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" };

function panel(element, traces, extra) {
  Plotly.react(element, traces, layout(element, 300, {
    margin: { l: 8, r: 12, t: 34, b: 8 }, hovermode: "closest", showlegend: true, legend: BELOW, ...extra,
  }), CONFIG);
}

// Figure 1: every metric on the way from chance to identity.
function drawAgreement() {
  const element = document.getElementById("agreement-figure");
  const rows = [...DATA.agreement].reverse();
  const place = (row) => rows.indexOf(row);
  const traces = FAMILIES.map((family, k) => {
    const here = rows.filter((row) => row.family === family && row.adjusted !== null);
    const text = here.map((row) => `${escaped(row.name)}<br><b>${fixed(row.adjusted, 3)}</b> of the way`
      + `<br>95 % interval ${fixed(row.adjusted_low ?? NaN, 3)} to ${fixed(row.adjusted_high ?? NaN, 3)}`);
    return {
      x: here.map((row) => row.adjusted), y: here.map(place), text, name: family, mode: "markers",
      hovertemplate: "%{text}<extra></extra>", cliponaxis: false,
      marker: { size: 9, symbol: SYMBOLS[k], color: colour(k) },
      error_x: {
        symmetric: false, array: here.map((row) => row.adjusted_high - row.adjusted), thickness: 1.5, width: 3,
        arrayminus: here.map((row) => row.adjusted - row.adjusted_low), color: colour(k),
      },
    };
  }).filter((trace) => trace.x.length);
  const label = rows.map((row) => escaped(row.name));
  const least = Math.min(0, ...rows.map((row) => row.adjusted_low ?? row.adjusted ?? 0));
  const end = (x) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: ink("soft"), width: 1 } });
  const off = rows.filter((row) => row.adjusted === null).map((row) => ({
    x: 0, y: place(row), text: "all chance", showarrow: false, xanchor: "left", xshift: 8,
    font: { size: 11.5, color: ink("soft") },
  }));
  Plotly.react(element, traces, layout(element, 84 + 25 * rows.length, {
    margin: { l: Math.ceil(labelWidth(element, rows.map((row) => row.name))) + 14, r: 14, t: 34, b: 44 },
    hovermode: "closest", showlegend: true, legend: BELOW, shapes: [end(0), end(1)], annotations: off,
    xaxis: titled("chance = 0, identity = 1", { range: [Math.max(least - 0.03, -0.5), 1.04], nticks: 7 }),
    yaxis: bareAxis({ tickvals: rows.map(place), ticktext: label, range: [-0.7, rows.length - 0.3], showgrid: true }),
  }), CONFIG);
}

// Figure 2: how few units, or components, hold how much of the variance.
function drawDominance() {
  for (const side of ["x", "y"]) {
    const { units, components } = DATA.dominance[side];
    const line = (curve, name, k, dash, symbol) => ({
      x: curve.k, y: curve.share, name, mode: curve.k.length < 30 ? "lines+markers" : "lines",
      line: { color: colour(k), width: 2, dash }, marker: { size: 6, symbol },
      hovertemplate: `%{x} ${name} hold %{y:.1%}<extra></extra>`,
    });
    panel(document.getElementById(`dominance-${side}`), [
      line(units, "units", 0, "solid", "circle"), line(components, "components", 1, "dash", "diamond"),
    ], {
      xaxis: titled("leading units or components", { type: "log", tickvals: ROUND, ticktext: ROUND.map(String) }),
      yaxis: titled("share of the variance", { range: [0, 1.03], tickformat: ".0%" }),
    });
  }
}

// Figure 3: scores without the units of largest variance.
function drawOutliers() {
  DATA.outliers.forEach((found, m) => {
    const place = (k) => found.top.indexOf(k);
    const dashes = { x: "solid", y: "dash", both: "dot" };
    const traces = Object.keys(REMOVED).map((side, i) => {
      const { k, score, low, high } = found[side];
      return {
        x: k.map((value) => place(value) + (i - 1) * 0.06), y: score, name: REMOVED[side], mode: "lines+markers",
        line: { color: colour(i), width: 2, dash: dashes[side] }, marker: { size: 7, symbol: SYMBOLS[i] },
        error_y: {
          symmetric: false, array: high.map((v, j) => v - score[j]), arrayminus: low.map((v, j) => score[j] - v),
          color: colour(i), thickness: 1.2, width: 2,
        },
        text: k.map((value, j) => `${value} units less of ${REMOVED[side]}<br><b>${fixed(score[j] ?? NaN, 3)}</b>`),
        hovertemplate: "%{text}<extra></extra>",
      };
    });
    const { both } = found;
    traces.push({
      x: both.k.map(place), y: both.null_mean, name: "chance", mode: "lines", hoverinfo: "skip",
      line: { color: ink("soft"), width: 1, dash: "longdash" },
    });
    panel(document.getElementById(`outliers-${m}`), traces, {
      xaxis: titled("units removed", { tickvals: found.top.map(place), ticktext: found.top.map(String), showgrid: false }),
      yaxis: titled("score", { rangemode: "tozero", nticks: 6 }),
    });
  });
}

// Figure 4: scores of fewer samples.
function drawSize() {
  DATA.size.forEach((found, m) => {
    const { size, mean, sd, null_mean: chance } = found;
    const text = size.map((n, i) => `${n} samples<br><b>${fixed(mean[i] ?? NaN, 3)}</b>`
      + (sd[i] === null ? "" : ` ± ${fixed(sd[i], 3)}`) + `<br>chance ${short(chance[i] ?? NaN)}`);
    panel(document.getElementById(`size-${m}`), [
      {
        x: size, y: mean, name: "mean ± sd", mode: "lines+markers", text, hovertemplate: "%{text}<extra></extra>",
        line: { color: colour(0), width: 2 }, marker: { size: 7 },
        error_y: { array: sd, color: colour(0), thickness: 1.2, width: 3 },
      },
      {
        x: size, y: chance, name: "chance", mode: "lines+markers", line: { color: ink("soft"), width: 1.2, dash: "dash" },
        marker: { size: 4 }, hoverinfo: "skip",
      },
    ], {
      xaxis: titled("samples", { type: "log", tickvals: size, ticktext: size.map(String), showgrid: false }),
      yaxis: titled("score", { rangemode: "tozero", nticks: 6 }),
    });
  });
}

function draw() {
  drawAgreement();
  drawDominance();
  drawOutliers();
  drawSize();
  document.documentElement.dataset.ready = String(innerWidth);
}

DARK.addEventListener("change", draw);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); } });
draw();
