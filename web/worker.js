// SPDX-License-Identifier: Apache-2.0
//
// The worker: one run of the program for each message. Ending the worker cancels.
import { runInMemory } from '../bindings/node/lib/program.js';

self.onmessage = ({ data: { module, words, files, wanted } }) => {
  const result = runInMemory(module, words, files, (stage, done) => self.postMessage({ stage, done }));
  const made = Object.fromEntries(wanted.map((path) => [path, result.files.get(path)]).filter(([, bytes]) => bytes));
  const moved = Object.values(made).map((bytes) => bytes.buffer);
  self.postMessage({ status: result.status, stdout: result.stdout, stderr: result.stderr, files: made }, moved);
};
