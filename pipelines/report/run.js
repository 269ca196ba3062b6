// The last figure: what the replicas did over the time of the extraction, one above the other.

const DOINGS = {
  forward: ["in the model", "kind-0"], load: ["waiting for samples", "kind-5"], write: ["writing", "kind-2"],
  start: ["loading the model", "kind-4"], wait: ["nothing to do", "undefined"], lost: ["lost", "kind-1"],
};

function drawRun() {
  const element = document.getElementById("run-time");
  if (!element) return;
  const { seconds, replicas } = DATA.run;
  const traces = Object.entries(DOINGS).filter(([name]) => name in replicas).map(([name, [words, colour]]) => ({
    x: seconds, y: replicas[name], name: words, stackgroup: "all", mode: "lines", line: { width: 0 }, fillcolor: ink(colour),
    hovertemplate: `%{y:.1f} ${words}<extra></extra>`,
  }));
  Plotly.react(element, traces, layout(element, 310, {
    font: { family: DATA.font, size: 12, color: ink("ink") },
    margin: { l: 8, r: 14, t: 10, b: 26 },
    hovermode: "x unified",
    legend: { orientation: "h", y: -0.3, yanchor: "top" },
    showlegend: true,
    xaxis: axis({ title: { text: "seconds" }, automargin: true, showgrid: false, zeroline: false }),
    yaxis: axis({ title: { text: "replicas" }, automargin: true, rangemode: "tozero", zeroline: false }),
  }), CONFIG);
}
