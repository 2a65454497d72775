// SPDX-License-Identifier: Apache-2.0
//
//   alternate.mjs MODEL OTHER RUNS
//
// Milliseconds of processor time of a run of each in ONNX Runtime with all graph optimizations, on one thread, taken in turn so that both see
// the same noise: the median of each, and the median of OTHER / MODEL over neighboring runs.
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const place = process.env.BNFUSE_ORT ?? path.resolve(here, '../build/ort');
const ort = createRequire(path.join(place, 'package.json'))('onnxruntime-node');

const median = numbers => numbers.sort((a, b) => a - b)[numbers.length >> 1];

async function open(model) {
    const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'all', intraOpNumThreads: 1,
        interOpNumThreads: 1 });
    const [{ name, shape }] = session.inputMetadata;
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i));
    return { session, feeds: { [name]: new ort.Tensor('float32', data, shape) } };
}

async function once({ session, feeds }) {
    const start = process.cpuUsage();
    await session.run(feeds);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e3;
}

const [first, second, runs] = process.argv.slice(2);
if (runs === undefined) {
    console.error('usage: alternate.mjs MODEL OTHER RUNS');
    process.exit(2);
}
const a = await open(first), b = await open(second), of_a = [], of_b = [], ratios = [];
for (let i = -3; i < Number(runs); i++) {
    const x = await once(a), y = await once(b);
    if (i < 0)
        continue;
    of_a.push(x);
    of_b.push(y);
    ratios.push(y / x);
}
console.log(median(of_a).toFixed(2), median(of_b).toFixed(2), median(ratios).toFixed(2));
