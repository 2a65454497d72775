// SPDX-License-Identifier: Apache-2.0
//
// The API and the command line against the native program. BNFUSE_PROGRAM and BNFUSE_MODELS say where that is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { readNumber, unserved } from '../lib/host.js';
import { BnfuseError, compare, explain, fuse, load, program, run } from '../lib/index.js';
import { MemoryFiles } from '../lib/memory_files.js';
import { runInMemory } from '../lib/program.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const native = process.env.BNFUSE_PROGRAM ?? path.join(root, 'build/release/bnfuse');
const models = process.env.BNFUSE_MODELS ?? path.join(root, 'build/release/models');
const command = fileURLToPath(new URL('../bin/bnfuse.js', import.meta.url));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bnfuse-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true }));

const model = (name) => path.join(models, `${name}.onnx`);
const bytes = (name) => fs.readFileSync(model(name));
const program_ = (...words) => spawnSync(process.execPath, [command, ...words], { cwd: folder });
const native_ = (...words) => spawnSync(native, words, { cwd: folder });
const trained = path.join(root, 'models', 'trained_cnn.onnx');

test('a number is read as C reads it', () => {
  const read = {
    '1.5': [1.5, 3], '1e3x': [1000, 3], ' \n-.5e-1.': [-0.05, 8], '7.e': [7, 2], '9007199254740993': [9007199254740992, 16],
    '2.4703282292062327208e-324': [0, 26], '2.4703282292062328e-324': [5e-324, 23], '1e999': [Infinity, 5],
    '-0x1.8P-1z': [-0.75, 9], '0x.p': [0, 1], '-infinite': [-Infinity, 4], 'NaN': [NaN, 3], '-0': [-0, 2], '.e1': [0, 0], '': [0, 0],
  };
  for (const [text, expected] of Object.entries(read)) assert.deepEqual(readNumber(text), expected, text);
  for (const number of ['0x1p-20', '1e-5', '1e999', '1e', 'x'])
    assert.equal(program_(model('conv_bn_relu'), '-q', '--rtol', number, '-o', 'out.onnx').status,
      native_(model('conv_bn_relu'), '-q', '--rtol', number, '-o', 'out.onnx').status, number);
});

test('fuse gives the bytes that the native program writes', async () => {
  const { model: fused, report } = await fuse(bytes('conv_bn_relu'));
  assert.equal(native_(model('conv_bn_relu'), '-o', 'native.onnx').status, 0);
  assert.deepEqual(Buffer.from(fused), fs.readFileSync(path.join(folder, 'native.onnx')));
  assert.equal(report.folded, 1);
  assert.equal(report.left, 0);
  assert.equal(report.check.verdict, 'pass');
});

test('the sums of a report are those of the files, whoever computes them', async () => {
  const sum = (content) => createHash('sha256').update(content).digest('hex');
  const given = fs.readFileSync(trained);
  const { model: fused, report: { sha256 } } = await fuse(given, { freezeWeights: true });
  assert.deepEqual(sha256, { model: sum(given), output: sum(fused) });
  const words = ['--freeze-weights', '--json', '-o'];
  const { stdout } = runInMemory(await load(), ['/a.onnx', ...words, '/out.onnx'], { '/a.onnx': given });
  assert.deepEqual(JSON.parse(stdout).sha256, sha256, 'the program');
  const command_line = spawnSync(process.execPath, [command, '-', ...words, 'out.onnx'], { cwd: folder, input: given });
  assert.deepEqual(JSON.parse(command_line.stdout).sha256, sha256, 'the command line, from a pipe');
});

test('a file in memory holds what was written, also after it was looked at', () => {
  const files = new MemoryFiles({ '/small': new Uint8Array(10), '/large': new Uint8Array(100_000) });
  const part = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
  const handle = files.openSync('/new', files.constants.O_RDWR | files.constants.O_CREAT);
  for (let i = 0; i < 4; i += 1) {
    assert.equal(files.writeSync(handle, part, 0, part.length, i * part.length), part.length);
    const whole = Buffer.concat(Array(i + 1).fill(part));
    assert.deepEqual(Buffer.from(files.get('/new')), whole, `${i + 1} parts`);
    assert.equal(files.get('/new').buffer.byteLength, whole.length, 'nothing to spare');
    const read = Buffer.alloc(whole.length);
    assert.equal(files.readSync(handle, read, 0, read.length, 0), read.length);
    assert.deepEqual(read, whole);
  }
});

test('a Blob is read in blocks, and a block not twice in a row', () => {
  const whole = Uint8Array.from({ length: 9e6 }, (_, i) => (i * 7919) >> 8);
  let count = 0;
  globalThis.FileReaderSync = class {
    readAsArrayBuffer({ part }) {
      count += 1;
      return part.buffer;
    }
  };
  const files = new MemoryFiles({ '/blob': { size: whole.length, slice: (from, to) => ({ part: whole.slice(from, to) }) } });
  const handle = files.openSync('/blob', files.constants.O_RDONLY);
  const read = Buffer.alloc(whole.length + 7);
  for (let at = 0; at < whole.length; at += 12345)
    assert.equal(files.readSync(handle, read, at + 7, 12345, at), Math.min(12345, whole.length - at));
  assert.ok(read.subarray(7).equals(whole));
  assert.equal(count, 3);
  assert.equal(files.readSync(handle, read, 0, whole.length, 0), whole.length);
  assert.ok(read.subarray(0, whole.length).equals(whole));
  assert.equal(files.readSync(handle, read, 0, 10, whole.length), 0);
  assert.equal(count, 3);
  delete globalThis.FileReaderSync;
});

test('options reach the program', async () => {
  const report = await explain(bytes('conv_bn_relu'), { skip: ['bn'] });
  assert.equal(report.folded, 0);
  assert.equal(report.batch_normalizations[0].outcome, 'stays');
  assert.ok((await explain(bytes('keras_transposes_bn'), { simplify: true })).rewrites.length > 0);
  await assert.rejects(explain(bytes('conv_bn_relu'), { noSuchThing: true }), { status: 2, message: /--no-such-thing/ });
});

test('what the program refuses is an error with its status and line', async () => {
  await assert.rejects(fuse(new TextEncoder().encode('not a model')), (error) => {
    assert.ok(error instanceof BnfuseError);
    assert.equal(error.status, 3);
    assert.match(error.message, /^model: not an ONNX model: it is text/);
    return true;
  });
  await assert.rejects(fuse(new Uint8Array()), { status: 3, message: /is empty/ });
  await assert.rejects(fuse(bytes('conv_bn_relu'), { require: 2 }), { status: 5 });
});

test('compare tells equal models from others', async () => {
  const { model: fused } = await fuse(bytes('conv_bn_relu'));
  const same = await compare(bytes('conv_bn_relu'), fused);
  assert.equal(same.status, 0);
  // The last numbers of the file belong to a weight or a bias; one of these places is a whole number of them.
  for (let back = 64; back < 600; back += 1) {
    const other = Buffer.from(fused);
    other.writeFloatLE(1e3, other.length - back);
    const report = await compare(bytes('conv_bn_relu'), other).catch(() => null);
    if (!report) continue;
    assert.equal(report.status, 1);
    assert.equal(report.check.verdict, 'fail');
    return;
  }
  assert.fail('no change was seen');
});

test('run computes the same before and after', async () => {
  const x = { data: Float32Array.from({ length: 252 }, (_, i) => Math.sin(i)), dims: [2, 3, 6, 7] };
  const { model: fused } = await fuse(bytes('conv_bn_relu'));
  const before = await run(bytes('conv_bn_relu'), { x });
  const after = await run(fused, { x });
  assert.deepEqual(before.y.dims, after.y.dims);
  assert.ok(before.y.data.some((value) => value > 0));
  before.y.data.forEach((value, i) => assert.ok(Math.abs(value - after.y.data[i]) < 1e-5));
  await assert.rejects(run(fused, {}), { status: 2, message: /no data for input "x"/ });
});

test('what is no bytes is refused by name', async () => {
  await assert.rejects(fuse('model.onnx'), { name: 'TypeError', message: /is bytes .* not string/ });
  await assert.rejects(explain(null), { name: 'TypeError', message: /not null/ });
  await assert.rejects(fuse(new Blob(['x'])), { name: 'TypeError', message: /arrayBuffer/ });
  await assert.rejects(compare(bytes('conv_bn_relu'), undefined), { name: 'TypeError', message: /not undefined/ });
});

test('external data goes out and in again', async () => {
  const { model: fused, files } = await fuse(fs.readFileSync(trained), { externalData: 'weights.bin' });
  assert.ok(files['weights.bin'].length > 1024);
  assert.ok(fused.length < fs.statSync(trained).size);
  assert.equal((await compare(fs.readFileSync(trained), fused, { files })).status, 0);
  await assert.rejects(fuse(fused), { message: /weights\.bin": not given; give its bytes by that name in `files`/ });
});

test('program leaves its files in memory', async () => {
  const { status, files } = await program(['/m.onnx', '-o', '/o.onnx'], { 'm.onnx': bytes('conv_bn_relu') });
  assert.equal(status, 0);
  assert.deepEqual(Object.keys(files).sort(), ['m.onnx', 'o.onnx']);
});

test('the command line is the program', () => {
  for (const words of [['--help'], ['--version'], ['reasons', '--json'], ['no-such-file.onnx'], ['--no-such-option'],
    ['explain', model('conv_bn_relu')], ['explain', folder], ['compare', model('conv_bn_relu'), trained]]) {
    const expected = native_(...words);
    const got = program_(...words);
    assert.equal(got.status, expected.status, words.join(' '));
    assert.equal(got.stdout.toString(), expected.stdout.toString(), words.join(' '));
    assert.equal(got.stderr.toString(), expected.stderr.toString(), words.join(' '));
  }
});

test('every system call of the program has an answer', () => {
  const wasm = fs.readFileSync(path.join(root, 'bindings/node/bnfuse.wasm'));
  assert.deepEqual(unserved(new WebAssembly.Module(wasm)), []);
});

test('many models in one call', () => {
  const all = ['conv_bn_relu', 'conv_bn_bn', 'bn_alone'].map(model);
  for (const name of ['mine', 'theirs']) fs.mkdirSync(path.join(folder, name));
  const mine = program_(...all, '--out-dir', 'mine', '--markdown', 'mine.md');
  const theirs = native_(...all, '--out-dir', 'theirs', '--markdown', 'theirs.md');
  assert.equal(mine.status, theirs.status, mine.stderr.toString());
  assert.ok(fs.readdirSync(path.join(folder, 'mine')).length > 0);
  assert.deepEqual(fs.readdirSync(path.join(folder, 'mine')), fs.readdirSync(path.join(folder, 'theirs')));
  for (const name of fs.readdirSync(path.join(folder, 'mine')))
    assert.deepEqual(fs.readFileSync(path.join(folder, 'mine', name)), fs.readFileSync(path.join(folder, 'theirs', name)), name);
});

test('a reader that is gone ends it as it ends the native program', () => {
  const ended = (...words) => spawnSync('bash', ['-c', '"$@" | exec 0<&-; echo "${PIPESTATUS[0]}"', 'bash', ...words], { cwd: folder });
  const words = ['print', trained];
  const mine = ended(process.execPath, command, ...words);
  assert.equal(mine.stdout.toString(), ended(native, ...words).stdout.toString());
  assert.equal(mine.stderr.toString(), ended(native, ...words).stderr.toString());
});

test('the command line replaces its input in one step, and reads and writes pipes', () => {
  const own = path.join(folder, 'own.onnx');
  fs.copyFileSync(model('conv_bn_relu'), own);
  fs.chmodSync(own, 0o640);
  assert.equal(program_('own.onnx', '-o', 'own.onnx').status, 0);
  assert.equal(fs.statSync(own).mode & 0o777, 0o640);
  assert.deepEqual(fs.readdirSync(folder).filter((name) => name.startsWith('.')), []);
  const piped = spawnSync(process.execPath, [command, '-', '-o', '-'], { input: bytes('conv_bn_relu') });
  assert.equal(piped.status, 0);
  assert.deepEqual(piped.stdout, fs.readFileSync(own));
});

test('--timeout ends it', () => {
  const big = path.join(folder, 'trained.onnx');
  fs.copyFileSync(trained, big);
  const { status, stderr } = program_(big, '--timeout', '0.001');
  assert.equal(status, 124);
  assert.match(stderr.toString(), /out of time/);
  assert.equal(program_(big, '--timeout', '60').status, 0);
});
