// Figure 2: the profile over layers.

function drawProfile(t, a, b) {
  const element = document.getElementById("profile");
  const [rows, columns] = [layersOf(t, "a", a), layersOf(t, "b", b)];
  const x = rows.map((_, k) => k);
  const traces = columns.map((j, k) => ({
    x, y: rows.map((i) => t.score[i * NB + j]), mode: "lines", hoverinfo: "none",
    line: { width: 1, color: colourAt(k / Math.max(1, columns.length - 1)) },
  }));
  const chosen = profile(t, rows, columns);
  if (chosen.length) {
    const there = chosen.map((c) => c.k);
    traces.push({
      x: [...there, ...[...there].reverse()], y: [...chosen.map((c) => c.low), ...chosen.map((c) => c.high).reverse()],
      fill: "toself", fillcolor: ink("band"), mode: "lines", line: { width: 0 }, hoverinfo: "skip",
    });
    traces.push({
      x: there, y: chosen.map((c) => c.score), mode: "lines+markers", line: { width: 2.5, color: ink("warm") },
      text: chosen.map((c) => c.text), hovertemplate: "%{text}<extra></extra>",
    });
  }
  const titled = (text, standoff) => ({ automargin: true, title: { text: escaped(text), standoff, font: { size: 12.5 } } });
  const rangemode = t.direction === "distance" ? "normal" : "tozero";
  const depth = { ...ticks("a", rows, a, element), tickangle: -TILT, showgrid: false, zeroline: false };
  Plotly.react(element, traces, layout(element, narrow(element) ? 320 : 400, {
    margin: { l: 8, r: 12, t: 16, b: 8 },
    hovermode: "closest",
    xaxis: axis({ ...depth, ...titled(`layer of ${a}`, 12) }),
    yaxis: axis({ rangemode, nticks: 6, ...titled(`score with ${b}`, 8) }),
  }), CONFIG);
}

// For each layer of a: the layer of b that one half of the samples chooses, as the other half scores it.
function profile(t, rows, columns) {
  const sign = t.direction === "distance" ? -1 : 1;
  const found = [];
  rows.forEach((i, k) => {
    const open = columns.filter((j) => Number.isFinite(t.score_select[i * NB + j] + t.score_holdout[i * NB + j]));
    if (!open.length) return;
    const j = open.reduce((best, j) =>
      sign * t.score_select[i * NB + j] > sign * t.score_select[i * NB + best] ? j : best);
    const [score, se] = [t.score_holdout[i * NB + j], t.se_holdout[i * NB + j]];
    const half = (t.t_holdout ?? NaN) * se;
    const text = title(i, j) + measured(score, se, t.t_holdout);
    found.push({ k, score, low: score - half, high: score + half, text });
  });
  return found;
}
