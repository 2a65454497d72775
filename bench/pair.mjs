// SPDX-License-Identifier: Apache-2.0
//
//   pair.mjs MODEL OTHER INPUT.npy [THREADS]
//
// Seconds of wall clock, of the processors, and MiB at the most, in which ONNX Runtime loads both models without graph
// optimizations and runs each once: what the check is measured against. The start of node does not count.
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { readNpy } from '../scripts/ort/npy.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const place = process.env.BNFUSE_ORT ?? path.resolve(here, '../build/ort');
const ort = createRequire(path.join(place, 'package.json'))('onnxruntime-node');

const [first, second, input, threads] = process.argv.slice(2);
if (input === undefined) {
    console.error('usage: pair.mjs MODEL OTHER INPUT.npy [THREADS]');
    process.exit(2);
}
const { type, dims, data } = readNpy(input);
const start = process.hrtime.bigint(), before = process.cpuUsage();
for (const model of [first, second]) {
    const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'disabled',
        intraOpNumThreads: Number(threads ?? 0), interOpNumThreads: 1 });
    await session.run({ [session.inputNames[0]]: new ort.Tensor(type, data, dims) });
}
const spent = process.cpuUsage(before);
console.log(Number(process.hrtime.bigint() - start) / 1e9, (spent.user + spent.system) / 1e6,
    process.resourceUsage().maxRSS / 1024);
