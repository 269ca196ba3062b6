// Maps: nilearn's views of the brain, one at a time, each put together of the pieces that it shares with others.

function mapView(figure, who, kind) {
  return figure.views.find((v) => v.who === who && v.kind === kind);
}

function drawMap(f) {
  const figure = DATA.maps.figures[f];
  const [who, kind] = ["who", "kind"].map((name) => document.getElementById(`map-${f}-${name}`));
  // A subject may lack the kind that was looked at, where the page had no room for all.
  for (const option of kind.options) option.disabled = mapView(figure, who.value, option.value) === undefined;
  if (kind.selectedOptions[0].disabled) kind.value = [...kind.options].find((option) => !option.disabled).value;
  const frame = document.getElementById(`map-${f}`);
  frame.srcdoc = mapView(figure, who.value, kind.value).pieces.map((p) => DATA.maps.pieces[p]).join("");
}

DATA.maps.figures.forEach((_, f) => {
  for (const name of ["who", "kind"]) document.getElementById(`map-${f}-${name}`).addEventListener("change", () => drawMap(f));
  drawMap(f);
});
