// SPDX-License-Identifier: Apache-2.0
//
// bnfuse for JavaScript: each function is one run of the program over bytes in memory. Options are those of the command
// line in camel case; reports are docs/json.md.
import { BnfuseError, lastMessage, optionWords, runInMemory } from './program.js';
import { fromNpz, toNpy } from './npy.js';

export { BnfuseError };

let compiled;
let sum; // by node:crypto: reports hold sums of the files, and WebAssembly has no instruction for them

/** Compiles the program once. A page may give its own address, response or bytes of bnfuse.wasm. */
export function load(source = new URL('../bnfuse.wasm', import.meta.url)) {
  compiled ??= compile(source).catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function compile(source) {
  if (globalThis.process?.versions?.node) {
    const { createHash } = await import('node:crypto');
    sum = (bytes) => createHash('sha256').update(bytes).digest('hex');
  }
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return WebAssembly.compile(source);
  if (source instanceof URL && source.protocol === 'file:') {
    const { readFile } = await import('node:fs/promises');
    return WebAssembly.compile(await readFile(source));
  }
  return WebAssembly.compileStreaming(typeof source === 'string' || source instanceof URL ? fetch(source) : source);
}

const MODEL = '/model.onnx';

function asBytes(content) {
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (content instanceof Uint8Array) return content;
  if (typeof Blob === 'undefined' || !(content instanceof Blob))
    throw new TypeError(`a model or file is bytes (a Uint8Array or an ArrayBuffer), not ${content === null ? 'null' : typeof content}`);
  if (typeof FileReaderSync === 'undefined')
    throw new TypeError("a Blob can be read in a browser's worker alone; give new Uint8Array(await blob.arrayBuffer())");
  return content;
}

/** What a message says of files, in the words of this interface. */
const asGiven = (message) => message.replaceAll(MODEL, 'model').replaceAll('/other.onnx', 'other')
  .replaceAll('no such file; put it beside the model', 'not given; give its bytes by that name in `files`');

/** { report, files } of a run with --json, or the error that its status tells. */
async function runProgramFor(words, model, { files = {}, onProgress, ...options }, more = {}) {
  const held = { ...more };
  for (const [name, content] of Object.entries(files)) held[`/${name}`] = asBytes(content);
  held[MODEL] = asBytes(model);
  const module = await load();
  const progress = onProgress && words[0] !== 'explain' && words[0] !== 'run' ? ['--progress'] : [];
  const result = runInMemory(module, [...words, '--json', ...progress, ...optionWords(options)], held, onProgress, sum);
  let report;
  try {
    report = JSON.parse(result.stdout);
  } catch {
    report = undefined;
  }
  const message = asGiven(lastMessage(result.stderr));
  if (report && typeof report.message === 'string') report.message = asGiven(report.message);
  return { ...result, report, message };
}

const failed = ({ status, message, report }) => new BnfuseError(status, message, report);

/** Fuses and checks. Rejects with a BnfuseError where the program would write nothing. */
export async function fuse(model, options = {}) {
  const result = await runProgramFor([MODEL, '-o', '/out.onnx'], model, options);
  if (result.status) throw failed(result);
  const fused = { model: result.files.get('/out.onnx'), report: result.report };
  if (options.externalData) fused.files = { [options.externalData]: result.files.get(`/${options.externalData}`) };
  return fused;
}

/** The report alone: where every BatchNormalization would go, or why it stays. */
export async function explain(model, options = {}) {
  const result = await runProgramFor(['explain', MODEL], model, options);
  if (result.status) throw failed(result);
  return result.report;
}

/** The report of a comparison. Models that differ are an answer: report.status is 1 then. */
export async function compare(a, b, options = {}) {
  const result = await runProgramFor(['compare', MODEL, '/other.onnx'], a, options, { '/other.onnx': asBytes(b) });
  if (!result.report?.check) throw failed(result);
  return result.report;
}

/** Runs a model. Inputs and outputs are { data: typed array, dims } by name. */
export async function run(model, inputs, options = {}) {
  const words = ['run', MODEL, '-o', '/out.npz'];
  const files = {};
  Object.entries(inputs).forEach(([name, tensor], i) => {
    files[`/input${i}.npy`] = toNpy(tensor);
    words.push('--input', `${name}=/input${i}.npy`);
  });
  const result = await runProgramFor(words, model, options, files);
  if (result.status) throw failed(result);
  return fromNpz(result.files.get('/out.npz'));
}

/** The program itself: a command line over files in memory. */
export async function program(words, files = {}, onProgress = undefined) {
  const held = Object.fromEntries(Object.entries(files).map(([name, content]) => [name, asBytes(content)]));
  const { status, stdout, stderr, files: after } = runInMemory(await load(), words, held, onProgress, sum);
  return { status, stdout, stderr, files: Object.fromEntries(after.paths().map((path) => [path.slice(1), after.get(path)])) };
}
