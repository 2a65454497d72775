// SPDX-License-Identifier: Apache-2.0
//
// What a picture needs of a model: the nodes of its main graph. Weights are skipped, not read.

function varint(bytes, at) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at.i++];
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

/** Calls field(number, bytes) for each field that has a length. */
function eachField(bytes, field) {
  const at = { i: 0 };
  while (at.i < bytes.length) {
    const tag = varint(bytes, at);
    const wire = tag % 8;
    if (wire === 0) varint(bytes, at);
    else if (wire === 1) at.i += 8;
    else if (wire === 5) at.i += 4;
    else if (wire === 2) {
      const size = varint(bytes, at);
      field(Math.floor(tag / 8), bytes.subarray(at.i, at.i + size));
      at.i += size;
    } else return;
  }
}

const text = (bytes) => new TextDecoder().decode(bytes);

function readNode(bytes) {
  const node = { inputs: [], outputs: [], name: '', op: '' };
  eachField(bytes, (number, value) => {
    if (number === 1) node.inputs.push(text(value));
    else if (number === 2) node.outputs.push(text(value));
    else if (number === 3) node.name = text(value);
    else if (number === 4) node.op = text(value);
  });
  return node;
}

/** The nodes of the main graph, and for each value who computes it and who reads it. */
export function readGraph(bytes) {
  const nodes = [];
  eachField(bytes, (number, graph) => {
    if (number === 7) eachField(graph, (part, value) => part === 1 && nodes.push(readNode(value)));
  });
  const maker = new Map();
  const readers = new Map();
  for (const node of nodes) {
    node.outputs.forEach((value) => value && maker.set(value, node));
    node.inputs.forEach((value) => value && readers.set(value, [...(readers.get(value) ?? []), node]));
  }
  return { nodes, maker, readers };
}

/**
 * The neighborhood of a value: its maker, what feeds that, and what reads the value, as columns of nodes from the top
 * down. Constants, which no node computes, are left out.
 */
export function around({ maker, readers }, value, upstream = 2) {
  const center = maker.get(value);
  if (!center) return null;
  const rows = [[center]];
  for (let i = 0; i < upstream; i += 1) {
    const above = [...new Set(rows[0].flatMap((node) => node.inputs.map((input) => maker.get(input)).filter(Boolean)))];
    if (!above.length) break;
    rows.unshift(above.slice(0, 3));
  }
  const below = [...new Set(center.outputs.flatMap((output) => readers.get(output) ?? []))];
  if (below.length) rows.push(below.slice(0, 3));
  return { rows, center };
}
