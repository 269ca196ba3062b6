// The map of the zoo at any of its runs, and scores over the size of the models.

const chosen = { metric: 0, run: 0, over: 0 };
const zoo = (id) => document.getElementById(id);

// Where every model has been up to a run, as a faint trail, and where it is in that run.
function drawMap() {
  const element = zoo("zoo-map");
  const maps = DATA.maps[chosen.metric];
  zoo("map-run").max = Math.max(0, maps.length - 1);
  zoo("map-run").disabled = maps.length < 2;
  if (!maps.length) {
    Plotly.purge(element);
    zoo("map-when").textContent = "A map takes three models with held-out scores; no run has them.";
    return;
  }
  const now = maps[Math.min(chosen.run, maps.length - 1)];
  const looks = lookOf(maps.flatMap((map) => map.models));
  const at = (map, name) => map.models.indexOf(name);
  const trails = now.models.map((name) => {
    const past = maps.filter((map) => map.run <= now.run && at(map, name) >= 0);
    return {
      x: past.map((map) => map.x[at(map, name)]), y: past.map((map) => map.y[at(map, name)]), mode: "lines", hoverinfo: "skip",
      line: { color: looks.get(name).colour, width: 1.5 }, opacity: 0.5,
    };
  });
  const points = {
    x: now.x, y: now.y, text: now.models.map(escaped), mode: "markers", hovertemplate: "%{text}<extra></extra>", cliponaxis: false,
    marker: { size: 11, color: now.models.map((name) => looks.get(name).colour), symbol: now.models.map((name) => looks.get(name).symbol) },
  };
  const annotations = now.models.map((name, i) => ({
    x: now.x[i], y: now.y[i], text: escaped(name), ...now.place[i], showarrow: true, arrowhead: 0, arrowwidth: 0.75,
    arrowcolor: ink("soft"), standoff: 6,
  }));
  const span = (key) => {
    const values = maps.flatMap((map) => map[key]);
    const pad = 0.14 * (Math.max(...values) - Math.min(...values) || 1);
    return [Math.min(...values) - pad, Math.max(...values) + pad];
  };
  const bare = { showticklabels: false, ticks: "", zeroline: false, showgrid: false, showline: false };
  Plotly.react(element, [...trails, points], layout(element, Math.min(520, Math.max(320, element.clientWidth * 0.6)), {
    annotations, margin: { l: 4, r: 4, t: 12, b: 4 }, hovermode: "closest",
    xaxis: axis({ ...bare, range: span("x") }), yaxis: axis({ ...bare, range: span("y"), scaleanchor: "x" }),
  }), CONFIG);
  const run = DATA.runs[now.run];
  const changes = run.changes.length ? `: ${run.changes.join("; ")}` : "";
  zoo("map-when").textContent = `${run.created.slice(0, 16).replace("T", " ")}${changes}. The two axes hold ${Math.round(100 * now.held)} % of the spread.`;
}

function drawTrend() {
  const element = zoo("trend-figure");
  const over = DATA.over[chosen.over];
  const found = DATA.trends[chosen.over * DATA.metrics.length + chosen.metric];
  const byYear = over.by === "year";
  const kinds = [...new Set(found.modality)];
  const points = kinds.map((kind, k) => {
    const here = found.models.map((_, i) => i).filter((i) => found.modality[i] === kind);
    return {
      x: here.map((i) => found.size[i]), y: here.map((i) => found.score[i]), text: here.map((i) => escaped(found.models[i])), mode: "markers",
      name: escaped(kind || "models"), marker: { size: 10, color: ink(`kind-${k % 6}`), symbol: MARKS[k % MARKS.length] },
      hovertemplate: `%{text}<br>${byYear ? "%{x}" : `%{x:.3s} ${over.words}`}<br>%{y:.3f}<extra></extra>`,
    };
  });
  const line = found.line && {
    x: found.line.x, y: found.line.y, mode: "lines", line: { color: ink("warm"), width: 2 }, hoverinfo: "skip", showlegend: false,
  };
  zoo("trend-note").textContent = found.line
    ? `Slope ${found.line.words.slope} for ${byYear ? "each year" : `ten times the ${over.words}`} (95 % interval ${found.line.words.low} to ${found.line.words.high}).`
    : `A slope takes four models of which that is known and differs; there ${found.models.length === 1 ? "is" : "are"} ${found.models.length}.`;
  Plotly.react(element, line ? [line, ...points] : points, layout(element, 360, {
    margin: { l: 8, r: 14, t: 34, b: 8 }, hovermode: "closest", showlegend: true,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    xaxis: axis({ ...(byYear ? { tickformat: "d" } : { type: "log", dtick: 1 }), automargin: true, zeroline: false, title: { text: over.words, standoff: 8 } }),
    yaxis: axis({ automargin: true, zeroline: false, nticks: 6, title: { text: "mean score with the others", standoff: 8 } }),
  }), CONFIG);
}

function drawSite() {
  drawMap();
  drawTrend();
  document.documentElement.dataset.ready = `${chosen.metric}|${chosen.run}`;
}

chosen.run = Math.max(0, (DATA.maps[0] ?? []).length - 1);
zoo("map-run").max = chosen.run;
zoo("map-run").value = chosen.run;
zoo("metric").addEventListener("change", (e) => { chosen.metric = Number(e.target.value); drawSite(); });
zoo("over").addEventListener("change", (e) => { chosen.over = Number(e.target.value); drawTrend(); });
zoo("map-run").addEventListener("input", (e) => { chosen.run = Number(e.target.value); drawSite(); });
drawSite();
DARK.addEventListener("change", drawSite);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawSite(); } });
