// SPDX-License-Identifier: Apache-2.0
//
// NumPy's .npy files to and from the tensors of ONNX Runtime: little-endian, C order.
import fs from 'node:fs';

// type of ONNX Runtime | NumPy's descr | array; half-precision numbers are their bits
const types = [
    ['float32', '<f4', Float32Array], ['float64', '<f8', Float64Array], ['float16', '<f2', Uint16Array],
    ['int64', '<i8', BigInt64Array], ['int32', '<i4', Int32Array], ['int16', '<i2', Int16Array],
    ['int8', '|i1', Int8Array], ['uint64', '<u8', BigUint64Array], ['uint32', '<u4', Uint32Array],
    ['uint16', '<u2', Uint16Array], ['uint8', '|u1', Uint8Array], ['bool', '|b1', Uint8Array],
];

export function arrayOf(type) {
    const row = types.find(row => row[0] === type);
    if (!row)
        throw new Error(`no array for ${type}`);
    return row[2];
}

export function readNpy(path) {
    const bytes = fs.readFileSync(path);
    const wide = bytes[6] > 1;
    const start = wide ? 12 : 10;
    const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
    const header = bytes.toString('latin1', start, start + length);
    const descr = /'descr': *'([^']*)'/.exec(header)[1];
    const row = types.find(row => row[1] === descr);
    if (!row || /'fortran_order': *True/.test(header))
        throw new Error(`${path}: not a file this script reads (${descr})`);
    const dims = /'shape': *\(([^)]*)\)/.exec(header)[1].split(',').filter(part => part.trim()).map(Number);
    const data = new Uint8Array(bytes.subarray(start + length)).buffer;
    return { type: row[0], dims, data: new row[2](data) };
}

export function writeNpy(path, type, dims, data) {
    const descr = types.find(row => row[0] === type)[1];
    const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
    let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
    header += ' '.repeat(63 - (header.length + 10) % 64) + '\n';
    const start = Buffer.alloc(10);
    start.write('\x93NUMPY\x01\x00', 'latin1');
    start.writeUInt16LE(header.length, 8);
    const payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    fs.writeFileSync(path, Buffer.concat([start, Buffer.from(header, 'latin1'), payload]));
}
