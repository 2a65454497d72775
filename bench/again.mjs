// SPDX-License-Identifier: Apache-2.0
//
//   again.mjs MODEL CHECK
//
// Milliseconds of processor time in which the npm package fuses and checks a model that is in memory, from the sixth
// time on, when V8 has compiled what is worth it: the median of five.
import fs from 'node:fs';
import { fuse } from '../bindings/node/lib/index.js';

const [model, check] = process.argv.slice(2);
const bytes = fs.readFileSync(model), spent = [];
for (let i = 0; i < 10; i++) {
    const start = process.cpuUsage();
    await fuse(bytes, { check });
    const { user, system } = process.cpuUsage(start);
    spent.push((user + system) / 1e3);
}
console.log(spent.slice(5).sort((a, b) => a - b)[2].toFixed(1));
