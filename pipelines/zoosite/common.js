// What the pages of the site share: a mark for every model, the same on all of them.

const MARKS = ["circle", "diamond", "square", "cross", "triangle-up", "star"];

function lookOf(names) {
  const sorted = [...new Set(names)].sort();
  return new Map(sorted.map((name, k) => [name, { colour: ink(`kind-${k % 6}`), symbol: MARKS[Math.floor(k / 6) % MARKS.length] }]));
}
