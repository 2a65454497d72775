// SPDX-License-Identifier: Apache-2.0
//
// A few nodes of a graph as SVG, upstream at the top.

const WIDTH = 150;
const HEIGHT = 40;
const GAP = { x: 16, y: 26 };

const svg = (name, attributes = {}, text = undefined) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

const short = (name) => (name.length > 22 ? `…${name.slice(-21)}` : name);

/** @param {(node) => string} role  the class of a node: "focus", "home" or "" */
export function draw({ rows }, description, role) {
  const widest = Math.max(...rows.map((row) => row.length));
  const size = { x: widest * (WIDTH + GAP.x) - GAP.x + 2, y: rows.length * (HEIGHT + GAP.y) - GAP.y + 2 };
  const picture = svg('svg', { class: 'graph', width: size.x, height: size.y, viewBox: `0 0 ${size.x} ${size.y}`, role: 'img', 'aria-label': description });
  const places = new Map();
  rows.forEach((row, i) => row.forEach((node, j) => {
    const left = (size.x - row.length * (WIDTH + GAP.x) + GAP.x) / 2;
    places.set(node, { x: left + j * (WIDTH + GAP.x), y: 1 + i * (HEIGHT + GAP.y) });
  }));
  for (const [node, from] of places)
    for (const [reader, to] of places)
      if (to.y > from.y && node.outputs.some((value) => value && reader.inputs.includes(value)))
        picture.append(svg('path', {
          d: `M${from.x + WIDTH / 2} ${from.y + HEIGHT} C${from.x + WIDTH / 2} ${from.y + HEIGHT + GAP.y / 2} `
            + `${to.x + WIDTH / 2} ${to.y - GAP.y / 2} ${to.x + WIDTH / 2} ${to.y}`,
        }));
  for (const [node, { x, y }] of places) {
    const box = svg('g', { class: role(node) });
    box.append(svg('rect', { x, y, width: WIDTH, height: HEIGHT, rx: 6 }));
    box.append(svg('text', { x: x + WIDTH / 2, y: y + 17, 'text-anchor': 'middle' }, node.op));
    box.append(svg('text', { x: x + WIDTH / 2, y: y + 32, 'text-anchor': 'middle', class: 'name' }, short(node.name || node.outputs[0])));
    picture.append(box);
  }
  return picture;
}
