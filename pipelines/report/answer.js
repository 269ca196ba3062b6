// The answer to what a study asks: small charts, of points with their intervals or of a matrix.

function drawAnswer() {
  DATA.answer.forEach((chart, k) => {
    const element = document.getElementById(`answer-${k}`);
    if (chart.heat) drawCells(element, chart);
    else drawPoints(element, chart);
  });
}

// Models in the order in which they first stand keep their colour; a line without points belongs to the series before.
function seriesLook(series) {
  const names = [...new Set(series.map((one) => one.name))];
  return (one) => {
    const k = names.indexOf(one.name);
    return { colour: ink(`kind-${k % 6}`), dash: ["solid", "dash", "dot", "dashdot"][Math.floor(k / 6) % 4] };
  };
}

function drawPoints(element, chart) {
  const look = seriesLook(chart.series);
  const seen = new Set();
  const traces = chart.series.map((one) => {
    const { colour, dash } = look(one);
    const bare = one.low.length === 0; // a fitted line
    const first = !seen.has(one.name);
    seen.add(one.name);
    const half = (ends, sign) => ends.map((end, k) => (end === null ? 0 : sign * (end - one.y[k])));
    return {
      x: one.x, y: one.y, name: escaped(one.name), legendgroup: one.name, showlegend: first,
      mode: bare ? "lines" : one.line ? "lines+markers" : "markers",
      line: { width: bare ? 1.5 : 2, color: colour, dash }, marker: { size: one.line ? 5 : 9, color: colour },
      ...(bare ? { hoverinfo: "skip" } : {
        error_y: {
          type: "data", symmetric: false, array: half(one.high, 1), arrayminus: half(one.low, -1), color: colour, thickness: 1, width: 2,
        },
        text: one.y.map((_, k) => pointText(one, k)), hovertemplate: "%{text}<extra></extra>",
      }),
    };
  });
  const named = chart.x === "" && chart.series.some((one) => one.text.length);
  const labels = named ? chart.series.filter((one) => one.text.length).flatMap((one) => one.x.map((x, k) => [x, one.text[k]])) : [];
  const x = chart.log ? { type: "log" } : named
    ? { tickvals: labels.map(([at]) => at), ticktext: labels.map(([, text]) => escaped(text).replace(" to ", "<br>to ")), tickangle: -TILT, showgrid: false }
    : chart.x === "depth" ? { tickvals: [0, 0.5, 1], ticktext: ["first", "depth", "last"], showgrid: false } : { nticks: 5 };
  const entries = Math.min(seen.size, 14);
  Plotly.react(element, traces, layout(element, 300 + 18 * entries, {
    font: { family: DATA.font, size: 11, color: ink("ink") },
    margin: { l: 8, r: 14, t: named ? 44 : 10, b: 8 },
    hovermode: "closest",
    showlegend: seen.size > 1,
    // Long labels would lie over a legend below them.
    legend: { orientation: "h", x: 0, ...(named ? { y: 1.02, yanchor: "bottom" } : { y: -0.2, yanchor: "top" }) },
    xaxis: axis({ automargin: true, zeroline: false, title: { text: named || chart.x === "depth" ? "" : escaped(chart.x), standoff: 8 }, ...x }),
    yaxis: axis({ automargin: true, zeroline: chart.zero, nticks: 6, title: { text: escaped(chart.y), standoff: 8 }, ...(chart.zero && { rangemode: "tozero" }) }),
  }), { ...CONFIG, displayModeBar: false });
}

function pointText(one, k) {
  const name = escaped(one.text[k] ?? one.name);
  if (one.low[k] === null || one.low[k] === undefined) return `${name}<br>${fixed(one.y[k], 3)}`;
  return `${name}<br><b>${fixed(one.y[k], 3)}</b><br>95 % interval ${fixed(one.low[k], 3)} to ${fixed(one.high[k], 3)}`;
}

function drawCells(element, chart) {
  const { values, rows, columns, best, alike: near, distance } = chart.heat;
  const sides = chart.x === "";
  const few = rows.length * columns.length <= 36;
  const shownTicks = (names) => {
    const step = Math.max(1, Math.ceil(names.length / 12));
    const at = names.map((_, k) => k).filter((k) => k % step === 0);
    return { tickvals: at, ticktext: at.map((k) => escaped(names[k])) };
  };
  const frame = best && {
    type: "rect", x0: best[1] - 0.5, x1: best[1] + 0.5, y0: best[0] - 0.5, y1: best[0] + 0.5, line: { color: ink("warm"), width: 3 },
  };
  const traces = [{
    type: "heatmap", z: values, colorscale: colours({ direction: distance ? "distance" : "similarity" }), colorbar: colourbar("score"),
    text: values.map((row, i) => row.map((v, j) => `${escaped(rows[i])} × ${escaped(columns[j])}<br>${v === null ? "no pair" : fixed(v, 3)}`)),
    hovertemplate: "%{text}<extra></extra>",
  }];
  if (near.length) {
    traces.push({
      x: near.map(([, j]) => j), y: near.map(([i]) => i), mode: "markers", hoverinfo: "skip",
      marker: { size: 4, color: ink("page"), line: { color: ink("ink"), width: 1 } },
    });
  }
  const written = few && !near.length ? values.flatMap((row, i) => row.map((v, j) => ({
    x: j, y: i, text: v === null ? "–" : fixed(v, 2), showarrow: false, bgcolor: ink("page"), opacity: 0.85, font: { size: 11, color: ink("ink") },
  }))) : [];
  Plotly.react(element, traces, layout(element, 330, {
    font: { family: DATA.font, size: 11, color: ink("ink") },
    margin: { l: 8, r: 8, t: 44, b: 8 },
    annotations: written,
    shapes: frame ? [frame] : [],
    xaxis: bareAxis({ ...shownTicks(columns), tickangle: -TILT, automargin: true, title: sides ? {} : { text: escaped(chart.x), standoff: 4 } }),
    yaxis: bareAxis({ ...shownTicks(rows), automargin: true, autorange: "reversed", title: sides ? {} : { text: escaped(chart.y), standoff: 4 } }),
  }), { ...CONFIG, displayModeBar: false });
}
