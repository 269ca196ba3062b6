// Encoding: how well each space predicts each region, and what is its own.

const KINDS = { features: 0, nuisance: 1 };

function drawEncoding() {
  const ends = Object.entries({ "ceiling by repeats": ENCODED.ceiling, "lower ceiling": ENCODED.lower, "upper ceiling": ENCODED.upper })
    .filter(([, values]) => values.some((v) => v !== null));
  drawLayers("encoding-matrix", { ...ENCODED.matrix, regions: ENCODED.regions }, { ...ENCODED.matrix, direction: "similarity" },
    Object.fromEntries(ends), "r, mean over subjects");
  drawEncodedNull();
  drawSpaces("encoding-r", "r", "r on held-out rows", true);
  drawSpaces("encoding-unique", "unique_r2", "R² of its own", false);
  fillPairs("encoding-pairs", ENCODED);
  // Only a model of several layers has depths.
  const { spaces, regions, best_depth: depths } = ENCODED;
  const deep = spaces.flatMap((_, s) => (depths.some((row) => row[s] !== null) ? [s] : []));
  drawDepths("encoding-depths", deep.map((s) => spaces[s].name), regions, depths.map((row) => deep.map((s) => row[s])));
}

// How much of the ceiling is reached, and in how many subjects that is known.
function share(r, s) {
  const reached = ENCODED.normalised[r][s];
  return reached === null ? "" : `<br>${fixed(100 * reached, 0)} % of the ceiling (${ENCODED.bounded[r]} of ${ENCODED.subjects.length} subjects)`;
}

function drawEncodedNull() {
  if (ENCODED.null === null) return;
  const own = ENCODED.unique_r2_mean.some((row) => row.some((v) => v !== null));
  const kind = (s) => modelColour(KINDS[ENCODED.spaces[s].kind]);
  drawHills("encoding-null", ENCODED.spaces.map((s) => s.name), ENCODED.regions, ENCODED.null, own ? ENCODED.unique_r2_mean : ENCODED.r_mean,
    kind, own ? "mean over subjects of R² of its own" : "mean over subjects of r", (r, s) => `p ${power(ENCODED.log10_null_p[r][s])}`);
}

function drawSpaces(id, name, title, ceilings) {
  const { regions, spaces, subjects } = ENCODED;
  const names = spaces.map((s) => s.name);
  const mean = ENCODED[`${name}_mean`], low = ENCODED[`${name}_low`], high = ENCODED[`${name}_high`];
  panels(id, regions).forEach((element, r) => {
    const traces = spaces.map((space, s) => dots([{
      y: s, values: ENCODED[name][r][s],
      text: subjects.map((subject, k) => `${escaped(subject)}: ${escaped(space.name)}${ENCODED.layer[r][s][k] ? `/${escaped(ENCODED.layer[r][s][k])}` : ""}`
        + `<br><b>${three(ENCODED[name][r][s][k])}</b>`),
    }], modelColour(KINDS[space.kind]), space.name));
    const q = name === "unique_r2" ? ENCODED.log10_unique_r2_q : null;
    const text = spaces.map((space, s) => `${escaped(space.name)}, mean of subjects<br><b>${three(mean[r][s])}</b>`
      + `<br>95 % interval ${three(low[r][s])} to ${three(high[r][s])}<br>p ${power(ENCODED[`log10_${name}_p`][r][s])}`
      + (q ? `, q ${power(q[r][s])}` : "") + (ceilings ? share(r, s) : ""));
    traces.push(meanMark(spaces.map((_, s) => s), mean[r], low[r], high[r], text));
    // Repeats are the subject's own: where there are any, their ceiling is the one that a share is of.
    const own = ceilings ? ENCODED.ceiling[r] : null;
    const [lower, upper] = ceilings && own === null ? [ENCODED.lower[r], ENCODED.upper[r]] : [own, own];
    const all = [...ENCODED[name][r].flat(), ...low[r], ...high[r], lower, upper, 0];
    small(element, 64 + 34 * names.length, traces, rowsOf(element, names, {
      shapes: ceilingBand(lower, upper, "y"), xaxis: titled(title, { zeroline: true, range: spanned(all), nticks: 6 }),
    }));
  });
}
