#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// The command line: the whole program over node:fs. It runs in a thread of its own, so that --timeout can end it.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import tty from 'node:tty';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { runProgram } from '../lib/host.js';

const TIMEOUT = 124;

/** The file system in which a full pipe is waited for, as the program expects of writes. */
const output = {
  input: true,
  isTerminal: (fd) => tty.isatty(fd),
  write(fd, bytes) {
    for (;;) {
      try {
        return fs.writeSync(fd, bytes);
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  },
};

/** Seconds of --timeout, or undefined. The program itself reports a value that is none. */
function timeout(words) {
  const at = words.findLastIndex((word) => word === '--timeout' || word.startsWith('--timeout='));
  if (at < 0) return undefined;
  const seconds = Number(words[at].slice('--timeout='.length) || words[at + 1]);
  return seconds > 0 ? seconds : undefined;
}

/** Loaded by the reports that hold sums of files alone. */
function sha256(handle) {
  const sum = createRequire(import.meta.url)('node:crypto').createHash('sha256');
  const part = Buffer.allocUnsafe(2 ** 20);
  for (let at = 0, count; (count = fs.readSync(handle, part, 0, part.length, at)); at += count)
    sum.update(part.subarray(0, count));
  return sum.digest('hex');
}

// V8 does no more than a short run repays: the better of its two compilers for the loops that take the time alone, none
// for JavaScript; functions are validated and compiled when they are called.
for (const flag of ['--wasm-tiering-budget=30000000', '--no-opt', '--wasm-lazy-compilation', '--wasm-lazy-validation'])
  v8.setFlagsFromString(flag);

function run(words) {
  const bytes = fs.readFileSync(fileURLToPath(new URL('../bnfuse.wasm', import.meta.url)));
  return runProgram(new WebAssembly.Module(bytes), words, { ...fs, sha256 }, output, process.cwd());
}

if (!isMainThread) {
  process.exit(run(workerData));
} else {
  const words = process.argv.slice(2);
  const seconds = timeout(words);
  if (seconds === undefined) {
    process.exitCode = run(words);
  } else {
    const worker = new Worker(new URL(import.meta.url), { workerData: words });
    const timer = setTimeout(() => {
      fs.writeSync(2, 'bnfuse: out of time (--timeout); nothing was written\n');
      process.exit(TIMEOUT);
    }, seconds * 1000);
    worker.on('exit', (status) => {
      clearTimeout(timer);
      process.exitCode = status;
    });
  }
}
