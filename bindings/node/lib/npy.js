// SPDX-License-Identifier: Apache-2.0
//
// Tensors to .npy and from .npz, as the program reads and writes them: little-endian, C order, archives not compressed.

const TYPES = [
  ['<f4', Float32Array], ['<f8', Float64Array], ['<i4', Int32Array], ['<i8', BigInt64Array], ['|b1', Uint8Array],
  ['|i1', Int8Array], ['|u1', Uint8Array], ['<i2', Int16Array], ['<u2', Uint16Array], ['<u4', Uint32Array],
  ['<u8', BigUint64Array], ['<f2', Uint16Array], // float16: the bits
];

const product = (dims) => dims.reduce((a, b) => a * b, 1);

/**
 * @param {{ data: TypedArray | number[], dims?: number[], type?: string }} tensor  `type` is numpy's ('<f2', '|b1')
 *        where the array does not say it; plain lists are float32
 */
export function toNpy({ data, dims, type }) {
  const array = Array.isArray(data) ? Float32Array.from(data) : data;
  const shape = dims ?? [array.length];
  const code = type ?? TYPES.find(([letter, kind]) => array instanceof kind && letter !== '|b1')?.[0];
  if (!code) throw new TypeError('a tensor wants { data: a typed array, dims }');
  if (product(shape) !== array.length)
    throw new RangeError(`dims ${shape.join('x')} want ${product(shape)} elements, not ${array.length}`);
  let header = `{'descr': '${code}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  header = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const head = new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  const bytes = new Uint8Array(head.length + header.length + array.byteLength);
  bytes.set(head);
  bytes.set(new TextEncoder().encode(header), head.length);
  bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), head.length + header.length);
  return bytes;
}

function fromNpy(bytes) {
  const start = 10 + bytes[8] + 256 * bytes[9];
  const header = new TextDecoder().decode(bytes.subarray(10, start));
  const code = /'descr': '([^']+)'/.exec(header)?.[1];
  const dims = /'shape': \(([^)]*)\)/.exec(header)[1].split(',').map((word) => word.trim()).filter(Boolean).map(Number);
  const Kind = TYPES.find(([letter]) => letter === code)?.[1] ?? Uint8Array;
  return { data: new Kind(bytes.slice(start).buffer), dims, type: code };
}

/** The tensors of an archive that bnfuse wrote, by name. */
export function fromNpz(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tensors = {};
  let at = 0;
  while (at + 30 <= bytes.length && view.getUint32(at, true) === 0x04034b50) {
    const name = view.getUint16(at + 26, true);
    const extra = view.getUint16(at + 28, true);
    let size = view.getUint32(at + 18, true);
    const data = at + 30 + name + extra;
    for (let field = at + 30 + name; size === 0xffffffff && field < data; field += 4 + view.getUint16(field + 2, true))
      if (view.getUint16(field, true) === 1) size = Number(view.getBigUint64(field + 12, true));
    const key = new TextDecoder().decode(bytes.subarray(at + 30, at + 30 + name)).replace(/\.npy$/, '');
    tensors[key] = fromNpy(bytes.subarray(data, data + size));
    at = data + size;
  }
  return tensors;
}
