// What chance would score, brains with each other, and models with each other.

// Figure 4.
function drawNull(metric) {
  const { models, regions } = ALIGNED;
  drawHills("null", models, regions, metric.null, metric.mean, modelColour, "mean over subjects of the held-out score",
    (r, m) => `chance ${three(metric.chance[r][m])}, p ${power(metric.log10_p[r][m])}`);
}

// The null of every model as a hill, and what was observed.
function drawHills(id, models, regions, nulls, observedAt, colour, title, told) {
  panels(id, regions).forEach((element, r) => {
    const hills = models.flatMap((model, m) => {
      const found = nulls[r][m];
      if (found === null) return [];
      const most = Math.max(...found.counts);
      const middle = found.counts.map((_, k) => (found.edges[k] + found.edges[k + 1]) / 2);
      return [{
        x: [found.edges[0], ...middle, found.edges[found.edges.length - 1]], y: [m, ...found.counts.map((c) => m - (0.75 * c) / most), m],
        mode: "lines", fill: "toself", fillcolor: `${colour(m)}55`, line: { color: colour(m), width: 1 }, hoverinfo: "skip", name: model,
      }];
    });
    const text = models.map((model, m) => `${escaped(model)}<br>observed <b>${three(observedAt[r][m])}</b><br>${told(r, m)}`);
    const observed = {
      x: observedAt[r], y: models.map((_, m) => m - 0.12), text, mode: "markers", hovertemplate: "%{text}<extra></extra>",
      marker: { size: 10, symbol: "diamond", color: ink("ink"), line: { color: ink("page"), width: 1 } },
    };
    small(element, 70 + 40 * models.length, [...hills, observed], rowsOf(element, models, {
      xaxis: titled(title, { zeroline: true, nticks: 7 }),
    }, 0.9));
  });
}

// Figure 5: brains with each other, and models with brains.
function drawTuring(metric) {
  const { models, regions, subjects } = ALIGNED;
  panels("turing", regions).forEach((element, r) => {
    const names = ["brain with brain", ...models];
    const pairs = metric.brains[r];
    const among = pairs.map((p) => p.score);
    const mean = among.length ? among.reduce((a, b) => a + b, 0) / among.length : null;
    const traces = [dots([{ y: 0, values: among, text: pairs.map((p) => `${escaped(p.pair)}<br><b>${three(p.score)}</b>`) }], ink("warm"), names[0])];
    models.forEach((model, m) => traces.push(dots([{
      y: m + 1, values: metric.held[r][m], text: subjects.map((s, k) => `${escaped(model)} with ${escaped(s)}<br><b>${three(metric.held[r][m][k])}</b>`),
    }], modelColour(m), model)));
    const text = models.map((model, m) => `${escaped(model)}: gap <b>${three(metric.gap[r][m])}</b>`
      + `<br>95 % interval ${three(metric.gap_low[r][m])} to ${three(metric.gap_high[r][m])}`);
    const at = (values) => values.map((v) => (v === null || mean === null ? null : mean + v));
    const sign = metric.direction === "distance" ? -1 : 1;
    const shown = metric.gap[r].map((v) => (v === null ? null : sign * v));
    const [low, high] = sign < 0 ? [metric.gap_high[r].map((v) => v && -v), metric.gap_low[r].map((v) => v && -v)] : [metric.gap_low[r], metric.gap_high[r]];
    traces.push(meanMark(models.map((_, m) => m + 1), at(shown), at(low), at(high), text));
    small(element, 70 + 34 * names.length, traces, rowsOf(element, names, {
      shapes: mean === null ? [] : [{ type: "line", x0: mean, x1: mean, y0: 0, y1: 1, yref: "paper", line: { color: ink("warm"), width: 1.25, dash: "dash" } }],
      xaxis: titled("score", { zeroline: true, nticks: 7 }),
    }));
  });
  const list = document.getElementById("verdicts");
  if (list) {
    list.innerHTML = regions.flatMap((region, r) => models.map((model, m) =>
      `<tr><td>${escaped(region)}</td><td>${escaped(model)}</td><td>${escaped(metric.verdict[r][m] || "no verdict")}</td></tr>`)).join("");
  }
}

// Figure 6: whether layers that agree with other models agree with brains.
function drawUniversality(metric) {
  const { layers, models, regions } = ALIGNED;
  panels("universality", regions).forEach((element, r) => {
    const traces = models.map((model, m) => {
      const at = layers.flatMap((l, k) => (l.model === m ? [k] : []));
      return {
        x: at.map((k) => metric.agreement[k]), y: at.map((k) => metric.brain_agreement[r][k]), name: model, mode: "markers",
        marker: { size: 7, color: modelColour(m), opacity: 0.75 },
        text: at.map((k) => `${escaped(`${model}/${layers[k].layer}`)}<br>models ${three(metric.agreement[k])}, brains <b>${three(metric.brain_agreement[r][k])}</b>`),
        hovertemplate: "%{text}<extra></extra>",
      };
    });
    const [low, high] = [metric.universality_low[r], metric.universality_high[r]];
    const drawn = low === null ? "" : `; draws of models ${fixed(low, 2)} to ${fixed(high, 2)}`;
    small(element, 280, traces, {
      xaxis: titled("agreement with other models", { nticks: 6 }), yaxis: titled("with brains", { nticks: 6 }),
      annotations: [{
        text: `Spearman ${fixed(metric.universality[r] ?? NaN, 2)}, p ${power(metric.log10_universality_p[r])}${drawn}`, x: 0, xref: "paper", xanchor: "left", y: 1, yref: "paper",
        yanchor: "top", showarrow: false, font: { size: 12, color: ink("soft") },
      }],
    });
  });
}

// Where in depth the layers lie that are chosen for each region, in the order of the hierarchy.
function drawHierarchy(metric) {
  drawDepths("hierarchy-figure", ALIGNED.models, ALIGNED.regions, metric.best_depth);
}

function drawDepths(id, models, all, every) {
  const element = document.getElementById(id);
  if (element === null) return;
  const regions = DATA.hierarchy;
  const depths = regions.map((region) => every[all.indexOf(region)]);
  const traces = models.map((model, m) => ({
    x: regions.map((_, r) => r), y: regions.map((_, r) => depths[r][m]), name: model, mode: "lines+markers",
    line: { color: modelColour(m), width: 2, dash: DASHES[Math.floor(m / 3) % 4] }, marker: { size: 7, color: modelColour(m) },
    text: regions.map((region, r) => `${escaped(model)} for ${escaped(region)}<br>depth <b>${three(depths[r][m])}</b>`),
    hovertemplate: "%{text}<extra></extra>",
  }));
  small(element, 300, traces, {
    xaxis: axis({ tickvals: regions.map((_, r) => r), ticktext: regions.map(escaped), showgrid: false, automargin: true }),
    yaxis: titled("mean depth of the chosen layers", { range: [-0.03, 1.03] }),
  });
}
