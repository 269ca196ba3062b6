// Reliability: what was told apart in the repeat left out, what of the dissimilarities comes again, and which are they.

function drawReliability() {
  drawDecoding();
  drawAgain();
  drawSquares("rdms", RELIABLE.rdm_of_mean, "dissimilarity", "distance");
  drawSquares("confusions", RELIABLE.confusion, "share taken for", "similarity");
}

function drawDecoding() {
  const { regions, subjects, repeats, chance } = RELIABLE;
  panels("decoding", regions).forEach((element, r) => {
    const each = RELIABLE.accuracy_repeat[r];
    const traces = [dots(subjects.map((subject, s) => ({
      y: s, values: each[s], text: repeats.map((repeat, k) => `${escaped(subject)}, ${escaped(repeat)} left out<br><b>${three(each[s][k])}</b>`),
    })), modelColour(0), "repeats")];
    const text = subjects.map((subject, s) => `${escaped(subject)}, mean of repeats<br><b>${three(RELIABLE.accuracy[r][s])}</b><br>p ${power(RELIABLE.log10_accuracy_p[r][s])}`);
    traces.push(diamonds(RELIABLE.accuracy[r], text));
    small(element, 74 + 44 * subjects.length, traces, rowsOf(element, subjects, {
      shapes: [{ type: "line", x0: chance, x1: chance, y0: 0, y1: 1, yref: "paper", line: { color: ink("warm"), width: 1.25, dash: "dash" } }],
      xaxis: titled("share of stimuli told apart", { range: [-0.02, 1.02], zeroline: true, nticks: 6 }),
    }));
  });
}

function drawAgain() {
  const { regions, subjects } = RELIABLE;
  panels("again", regions).forEach((element, r) => {
    const row = (name) => RELIABLE[name][r];
    const bars = {
      x: subjects.flatMap((_, s) => [row("rdm_lower")[s], row("rdm_upper")[s], null]), y: subjects.flatMap((_, s) => [s, s, null]),
      mode: "lines", line: { color: ink("ceiling"), width: 16 }, hoverinfo: "skip", name: "noise ceiling",
    };
    const pairs = {
      x: row("rdm_pairs"), y: subjects.map((_, s) => s), mode: "markers", name: "two repeats", hovertemplate: "%{text}<extra></extra>",
      marker: { size: 9, color: modelColour(0) },
      text: subjects.map((subject, s) => `${escaped(subject)}, two repeats<br><b>${three(row("rdm_pairs")[s])}</b><br>p ${power(RELIABLE.log10_rdm_p[r][s])}`),
    };
    const text = subjects.map((subject, s) => `${escaped(subject)}, reliability of the mean<br><b>${three(row("rdm")[s])}</b><br>ceiling of one repeat ${three(row("rdm_lower")[s])} to ${three(row("rdm_upper")[s])}`);
    const all = ["rdm", "rdm_pairs", "rdm_lower", "rdm_upper"].flatMap(row);
    small(element, 74 + 44 * subjects.length, [bars, pairs, diamonds(row("rdm"), text)], rowsOf(element, subjects, {
      xaxis: titled("agreement of dissimilarities", { zeroline: true, range: spanned([...all, 0]), nticks: 6 }),
    }));
  });
}

function diamonds(x, text) {
  return {
    x, y: x.map((_, s) => s), text, mode: "markers", name: "mean", hovertemplate: "%{text}<extra></extra>",
    marker: { size: 11, symbol: "diamond", color: ink("ink"), line: { color: ink("page"), width: 1 } },
  };
}

// Stimuli with stimuli, a square a region; without names where there are too many to be read.
function drawSquares(id, squares, title, direction) {
  const { regions, stimuli } = RELIABLE;
  if (squares === null) return;
  panels(id, regions).forEach((element, r) => {
    const labels = stimuli.length <= MOST_TICKS ? stimuli.map((stimulus) => clipped(stimulus, element)) : [];
    const { margin, height } = fitted(element, labels, labels, 44, 8)(stimuli.length, stimuli.length);
    const named = { tickvals: labels.map((_, k) => k), ticktext: labels.map(escaped) };
    const text = stimuli.map((a, i) => stimuli.map((b, j) => `${escaped(a)}, ${escaped(b)}<br><b>${three(squares[r][i][j])}</b>`));
    Plotly.react(element, [{
      type: "heatmap", z: squares[r], text, hovertemplate: "%{text}<extra></extra>", hoverongaps: false,
      colorscale: colours({ direction }), colorbar: colourbar(title), xgap: labels.length ? 1 : 0, ygap: labels.length ? 1 : 0,
    }], layout(element, height, {
      margin, xaxis: bareAxis({ ...named, tickangle: TILT }), yaxis: bareAxis({ ...named, autorange: "reversed" }),
    }), CONFIG);
  });
}
