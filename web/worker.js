// SPDX-License-Identifier: Apache-2.0
//
// The worker: one run of the program for each message. Ending the worker cancels.
import { runInMemory } from '../bindings/node/lib/program.js';

const MOST = 2 ** 26; // bytes of a model that are held at once

/** SHA-256 of the models, for the report: a browser has it in machine code, but only where it trusts the server. */
async function sums(words, files) {
  const all = new Map();
  for (const content of self.crypto?.subtle ? words.map((word) => files[word]) : []) {
    if (!content || content.size > MOST) continue;
    const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', await content.arrayBuffer()));
    all.set(content, Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  }
  return all;
}

self.onmessage = async ({ data: { module, words, files, wanted } }) => {
  const known = await sums(words, files);
  const tell = (stage, done) => self.postMessage({ stage, done });
  const result = runInMemory(module, words, files, tell, (content) => known.get(content));
  const made = Object.fromEntries(wanted.map((path) => [path, result.files.get(path)]).filter(([, bytes]) => bytes));
  const moved = Object.values(made).map((bytes) => bytes.buffer);
  self.postMessage({ status: result.status, stdout: result.stdout, stderr: result.stderr, files: made }, moved);
};
