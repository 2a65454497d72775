// SPDX-License-Identifier: Apache-2.0
//
//   runtime.mjs MODEL INPUT.npy [THREADS]
//
// Milliseconds of a run in ONNX Runtime, without graph optimizations and with all of them, the best of ten:
// what bench_runtime's numbers compare with.
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { readNpy } from '../scripts/ort/npy.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const place = process.env.BNFUSE_ORT ?? path.resolve(here, '../build/ort');
const ort = createRequire(path.join(place, 'package.json'))('onnxruntime-node');

async function best(model, input, level, threads) {
    const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: level,
        intraOpNumThreads: threads, interOpNumThreads: 1 });
    const { type, dims, data } = readNpy(input);
    const feeds = { [session.inputNames[0]]: new ort.Tensor(type, data, dims) };
    let least = Infinity;
    for (let i = 0; i < 10; i++) {
        const start = process.hrtime.bigint();
        await session.run(feeds);
        least = Math.min(least, Number(process.hrtime.bigint() - start) / 1e6);
    }
    return least.toFixed(2);
}

const [model, input, threads] = process.argv.slice(2);
if (input === undefined) {
    console.error('usage: runtime.mjs MODEL INPUT.npy [THREADS]');
    process.exit(2);
}
const count = Number(threads ?? 0);
const plain = await best(model, input, 'disabled', count);
const optimized = await best(model, input, 'all', count);
console.log(`${model}: ${plain} ms, optimized ${optimized} ms`);
