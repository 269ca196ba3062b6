// What moved since the baseline: the largest change of every two models, and scores before and after.

function drawMoved() {
  const element = document.getElementById("moved-figure");
  if (!element) return;
  const rows = [...DATA.moved].reverse();
  const between = (row, cut) => row.model_a === row.model_b ? `within ${cut(row.model_a)}` : `${cut(row.model_a)} ${DATA.joined} ${cut(row.model_b)}`.trim();
  const names = rows.map((row) => `${between(row, String)} · ${row.name}`);
  const small = narrow(element);
  const lines = rows.map((row) => small ? [between(row, (name) => clipped(name, element, 11)), clipped(row.name, element, 22)] : [`${between(row, String)} · ${row.name}`]);
  const place = rows.map((_, k) => k);
  const text = rows.map((row, k) => `${escaped(names[k])}<br>${escaped(row.largest.a)}<br>${escaped(row.largest.b)}`
    + `<br>${fixed(row.largest.before, 3)} → ${fixed(row.largest.after, 3)}: <b>${fixed(row.largest.change, 3)}</b>`
    + `<br>95 % interval ${fixed(row.largest.low ?? NaN, 3)} to ${fixed(row.largest.high ?? NaN, 3)}`
    + `<br>${row.drifted} of ${row.tested} scores drifted`);
  const colour = rows.map((row) => ink(row.drifted ? "warm" : "accent"));
  const line = (x, dash) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: ink("soft"), width: 1, dash } });
  const trace = {
    x: rows.map((row) => row.largest.change), y: place, text, mode: "markers", hovertemplate: "%{text}<extra></extra>",
    marker: { size: 9, color: colour, symbol: rows.map((row) => (row.drifted ? "diamond" : "circle")) },
    error_x: {
      symmetric: false, array: rows.map((row) => (row.largest.high ?? row.largest.change) - row.largest.change), thickness: 1.5, width: 3,
      arrayminus: rows.map((row) => row.largest.change - (row.largest.low ?? row.largest.change)), color: ink("soft"),
    },
  };
  Plotly.react(element, [trace], layout(element, 90 + (small ? 34 : 26) * rows.length, {
    margin: { l: Math.ceil(labelWidth(element, lines.flat())) + 14, r: 14, t: 30, b: 44 },
    hovermode: "closest",
    shapes: [line(0, "solid"), line(DATA.limit, "dot"), line(-DATA.limit, "dot")],
    xaxis: axis({ automargin: true, zeroline: false, nticks: 6, title: { text: "change", standoff: 8 } }),
    yaxis: bareAxis({ tickvals: place, ticktext: lines.map((words) => words.map(escaped).join("<br>")), range: [-0.7, rows.length - 0.3], showgrid: true }),
  }), CONFIG);
}

function drawScatter() {
  const element = document.getElementById("scatter-figure");
  if (!element) return;
  const points = (drifted, name, colour, symbol) => {
    const here = DATA.scattered.filter((row) => row[3] === drifted);
    return {
      x: here.map((row) => row[0]), y: here.map((row) => row[1]), text: here.map((row) => escaped(row[2])), mode: "markers", name,
      marker: { size: 7, color: ink(colour), symbol, opacity: 0.75 },
      hovertemplate: "%{text}<br>%{x:.3f} → %{y:.3f}<extra></extra>",
    };
  };
  const values = DATA.scattered.flatMap((row) => [row[0], row[1]]);
  const ends = [Math.min(...values), Math.max(...values)];
  const pad = 0.04 * (ends[1] - ends[0] || 1);
  const range = [ends[0] - pad, ends[1] + pad];
  const side = Math.min(element.clientWidth, 460);
  Plotly.react(element, [points(false, "steady", "accent", "circle"), points(true, "drifted", "warm", "diamond")].filter((t) => t.x.length),
    layout(element, side, {
      width: side,
      margin: { l: 8, r: 12, t: 34, b: 8 }, hovermode: "closest", showlegend: true,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      shapes: [{ type: "line", x0: range[0], y0: range[0], x1: range[1], y1: range[1], layer: "below", line: { color: ink("soft"), width: 1, dash: "dot" } }],
      xaxis: axis({ automargin: true, zeroline: false, nticks: 6, range, title: { text: "baseline", standoff: 8 } }),
      yaxis: axis({ automargin: true, zeroline: false, nticks: 6, range, title: { text: "now", standoff: 8 } }),
    }), CONFIG);
}

function drawDrift() {
  drawMoved();
  drawScatter();
  drawHistory();
}

bindHistory();
drawDrift();
DARK.addEventListener("change", drawDrift);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawDrift(); } });
document.documentElement.dataset.ready = "true";
