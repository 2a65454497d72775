// SPDX-License-Identifier: Apache-2.0
//
// page.mjs NODE_MODULES PAGE SHOTS: the page in a headless Chromium. It must say and write what the native program does,
// reach no other server, and be usable without a mouse or eyes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [modules, page_, shots] = process.argv.slice(2).map((name) => path.resolve(name));
const require = createRequire(`${modules}/`);
const { chromium } = require('playwright-core');
const root = fileURLToPath(new URL('../..', import.meta.url));
const native = process.env.BNFUSE_PROGRAM ?? path.join(root, 'build/release/bnfuse');
const own = process.env.BNFUSE_MODELS ?? path.join(root, 'build/release/models');
const shared = path.join(root, '../shared/models');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'bnfuse-page-'));
fs.mkdirSync(shots, { recursive: true });

/* ---- a file server, and a browser ---- */

const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', wasm: 'application/wasm' };
const server = http.createServer((request, response) => {
  const name = path.join(page_, request.url === '/' ? 'index.html' : decodeURIComponent(request.url.split('?')[0]));
  if (!name.startsWith(page_) || !fs.existsSync(name)) return response.writeHead(404).end();
  return response.writeHead(200, { 'content-type': types[name.split('.').pop()] ?? 'application/octet-stream' })
    .end(fs.readFileSync(name));
});
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const home = `http://127.0.0.1:${server.address().port}/`;

const context = await chromium.launchPersistentContext(path.join(work, 'profile'), {
  executablePath: '/usr/bin/chromium',
  headless: true,
  acceptDownloads: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const foreign = [];
context.on('request', (request) => {
  if (!request.url().startsWith(home) && !/^(blob|data):/.test(request.url())) foreign.push(request.url());
});

const faults = [];
async function open(fragment = '', size = { width: 1000, height: 800 }) {
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.setViewportSize(size);
  await page.goto(home + fragment);
  await page.waitForFunction(() => /\d/.test(document.getElementById('version').textContent));
  return page;
}

const verdict = async (page, timeout = 120000) => {
  const line = page.locator('article').first().locator('.verdict:not(.wait)');
  await line.waitFor({ timeout });
  return line.textContent();
};

let count = 0;
async function check(name, work_) {
  const started = performance.now();
  await work_();
  count += 1;
  console.log(`ok ${name} (${Math.round(performance.now() - started)} ms)`);
}

/** Copies a model to a folder of its own, so that messages name it the same way, and runs the native program there. */
function nativeRun(model, ...options) {
  const name = path.basename(model);
  if (!fs.existsSync(path.join(work, name))) fs.copyFileSync(model, path.join(work, name));
  const result = spawnSync(native, [name, '-o', 'native.onnx', ...options], { cwd: work });
  return { ...result, line: result.stderr.toString().trim(), file: path.join(work, 'native.onnx'), input: path.join(work, name) };
}

async function downloaded(page, text) {
  const waiting = page.waitForEvent('download');
  await page.getByRole('link', { name: text }).click();
  return fs.readFileSync(await (await waiting).path());
}

/* ---- what must hold ---- */

const models = [
  path.join(own, 'conv_bn_relu.onnx'), path.join(own, 'trained_cnn.onnx'),
  path.join(shared, 'real/ultraface_rfb_320.onnx'), path.join(shared, 'real/dronet.onnx'),
  path.join(shared, 'real/super_resolution_10.onnx'), path.join(shared, 'real/burn_mnist.onnx'),
];
for (const model of models) {
  if (!fs.existsSync(model)) {
    console.log(`skipped: ${path.basename(model)} is not here`);
    continue;
  }
  await check(`${path.basename(model)} is fused as by the native program`, async () => {
    const page = await open();
    const expected = nativeRun(model);
    await page.setInputFiles('#files', expected.input);
    const said = await verdict(page);
    assert.equal(expected.status, 0);
    assert.match(said, /computes what the old one did|stays as it (is|was)/);
    assert.deepEqual(await downloaded(page, /^Download/), fs.readFileSync(expected.file));
    const report = JSON.parse(await downloaded(page, 'Report (JSON)'));
    assert.equal(report.status, 0);
    const sums = [expected.input, expected.file].map((name) => createHash('sha256').update(fs.readFileSync(name)).digest('hex'));
    assert.deepEqual(Object.values(report.sha256), sums);
    const html = (await downloaded(page, 'Report (HTML)')).toString();
    assert.match(html, /<html/);
    assert.doesNotMatch(html, /(src|href)=["']?(https?:)?\/\//);
    if (report.folded) {
      await page.getByText('How far the two models are apart').click();
      assert.ok(await page.locator('svg.picture').isVisible());
      assert.match(await page.locator('svg.picture').textContent(), /own types/);
    }
    await page.screenshot({ path: path.join(shots, `${path.basename(model, '.onnx')}.png`), fullPage: true });
    await page.close();
  });
}

await check('a broken file shows the line of the program', async () => {
  const page = await open();
  for (const [name, bytes] of [['text.onnx', 'hello'], ['empty.onnx', ''],
    ['cut.onnx', fs.readFileSync(path.join(own, 'conv_bn_relu.onnx')).subarray(0, 300)]]) {
    fs.writeFileSync(path.join(work, name), bytes);
    const expected = nativeRun(path.join(work, name));
    await page.setInputFiles('#files', path.join(work, name));
    assert.equal(await verdict(page), expected.line);
    assert.ok(await page.locator('.verdict.bad').count());
  }
  await page.screenshot({ path: path.join(shots, 'broken.png'), fullPage: true });
  await page.close();
});

await check('a remedy is a switch, by keyboard too', async () => {
  const page = await open();
  const model = fs.readdirSync(own).filter((name) => /overridable|input_weight|freeze/.test(name))[0];
  const source = fs.existsSync(models[2]) ? models[2] : path.join(own, model);
  await page.setInputFiles('#files', source);
  await verdict(page);
  const button = page.getByRole('button', { name: 'Try with --freeze-weights' }).first();
  await page.screenshot({ path: path.join(shots, 'remedy.png') });
  await button.focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('input[name=freeze-weights]').checked);
  await page.waitForFunction(() => !document.querySelector('.verdict.wait'), null, { timeout: 120000 });
  assert.match(await verdict(page), /computes what the old one did/);
  assert.deepEqual(await downloaded(page, /^Download/), fs.readFileSync(nativeRun(source, '--freeze-weights').file));
  await page.close();
});

await check('the graph is drawn around a remark, before and after', async () => {
  const page = await open();
  await page.setInputFiles('#files', path.join(own, 'trained_cnn.onnx'));
  await verdict(page);
  await page.getByText(/^What goes/).click();
  await page.getByText('The graph around it').first().click();
  await page.locator('svg.graph').nth(1).waitFor();
  assert.match(await page.locator('svg.graph').first().textContent(), /BatchNormalization/);
  assert.doesNotMatch(await page.locator('svg.graph').nth(1).locator('.home').textContent(), /BatchNormalization/);
  await page.screenshot({ path: path.join(shots, 'graph.png'), fullPage: true });
  await page.close();
});

await check('a model that is given while another is worked on takes its place', async () => {
  const page = await open();
  const names = ['trained_cnn.onnx', 'keras_transposes_bn.onnx', 'conv_bn_relu.onnx'];
  await page.evaluate(() => { window.all = []; new MutationObserver(() => window.all.push(document.querySelectorAll('article').length))
    .observe(document.getElementById('results'), { childList: true }); });
  await page.setInputFiles('#files', names.slice(0, 2).map((name) => path.join(own, name)));
  await page.locator('article').first().waitFor();
  await page.setInputFiles('#files', path.join(own, names[2]));
  await page.locator('h2', { hasText: names[2] }).waitFor();
  assert.match(await verdict(page), /^1 of 1 BatchNormalization gone/);
  assert.deepEqual(await downloaded(page, /^Download/), fs.readFileSync(nativeRun(path.join(own, names[2])).file));
  await page.waitForTimeout(500);
  assert.equal(await page.locator('article').count(), 1, 'the rest of the first two is not worked on');
  assert.ok(await page.locator('#work').isHidden());
  await page.close();
});

await check('a drop beside the box is a drop', async () => {
  const page = await open();
  const content = fs.readFileSync(path.join(own, 'conv_bn_relu.onnx')).toString('base64');
  assert.ok(await page.evaluate(async (base64) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt())], 'beside.onnx'));
    const events = ['dragover', 'drop'].map((name) => new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
    events.forEach((event) => document.querySelector('footer').dispatchEvent(event));
    return events.every((event) => event.defaultPrevented);
  }, content), 'the browser would leave the page');
  assert.match(await verdict(page), /^1 of 1 BatchNormalization gone/);
  await page.close();
});

await check('a long name does not widen the page', async () => {
  const page = await open('', { width: 390, height: 844 });
  const long = path.join(work, `${'long_name_'.repeat(20)}.onnx`);
  fs.copyFileSync(path.join(own, 'conv_bn_relu.onnx'), long);
  await page.setInputFiles('#files', long);
  await verdict(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'it scrolls sideways');
  await page.close();
});

await check('a folder with external data', async () => {
  const folder = path.join(work, 'folder');
  fs.mkdirSync(folder);
  const made = spawnSync(native, [path.join(own, 'trained_cnn.onnx'), '-o', path.join(folder, 'm.onnx'), '--external-data', 'w.bin']);
  assert.equal(made.status, 0);
  const page = await open();
  await page.setInputFiles('#folder', folder);
  assert.match(await verdict(page), /no BatchNormalization|computes what/);
  await page.close();
});

await check('two models are compared', async () => {
  const page = await open('#mode=compare');
  const fused = nativeRun(path.join(own, 'trained_cnn.onnx'));
  fs.copyFileSync(fused.file, path.join(work, 'fused.onnx'));
  await page.setInputFiles('#files', [fused.input, path.join(work, 'fused.onnx')]);
  assert.match(await verdict(page), /compute the same/);
  await page.screenshot({ path: path.join(shots, 'compare.png'), fullPage: true });
  await page.setInputFiles('#files', [path.join(own, 'conv_bn_relu.onnx'), path.join(work, 'fused.onnx')]);
  assert.match(await verdict(page), /^bnfuse: /);
  const several = [fused.input, fused.file, path.join(work, 'fused.onnx')];
  await page.setInputFiles('#files', several);
  assert.match(await verdict(page), /wants two models/);
  await page.close();
});

await check('two models of one name are compared, chosen one after the other', async () => {
  const page = await open('#mode=compare');
  const fused = nativeRun(path.join(own, 'trained_cnn.onnx'));
  const second = path.join(work, 'elsewhere', path.basename(fused.input));
  fs.mkdirSync(path.dirname(second));
  fs.copyFileSync(fused.file, second);
  await page.setInputFiles('#files', fused.input);
  await page.getByText('Now the other one').waitFor();
  await page.setInputFiles('#files', second);
  assert.match(await verdict(page), /compute the same/);
  await page.close();
});

await check('a link holds the options, and never a model', async () => {
  const page = await open('#freeze-weights=1&lower=mul-add&dim=N%3D2');
  assert.ok(await page.isChecked('input[name=freeze-weights]', { strict: true }));
  assert.ok(await page.isChecked('input[name=lower]'));
  assert.equal(await page.inputValue('input[name=dim]'), 'N=2');
  await page.setInputFiles('#files', path.join(own, 'conv_bn_relu.onnx'));
  await verdict(page);
  await page.locator('#options summary').click();
  await page.check('input[value=floor]');
  await page.fill('input[name=skip]', 'one two');
  await page.getByRole('button', { name: 'Copy a link' }).click();
  await page.locator('#shared:not(:empty)').waitFor();
  const link = new URL(page.url());
  assert.equal(link.hash, '#mode=fuse&freeze-weights=1&lower=mul-add&enable=floor&skip=one+two&dim=N%3D2');
  const other = await open(link.hash);
  assert.ok(await other.isChecked('input[value=floor]'));
  assert.ok(!await other.isChecked('input[value=instance]'));
  assert.equal(await other.inputValue('input[name=skip]'), 'one two');
  await Promise.all([page.close(), other.close()]);
});

await check('the page offers all that the program can enable', async () => {
  const page = await open();
  const offered = await page.locator('input[name=enable]').evaluateAll((all) => all.map(({ value }) => value));
  const completions = spawnSync(native, ['--completions=bash']).stdout.toString();
  assert.deepEqual(offered, /--enable\) .*-W "([^"]*)"/.exec(completions)[1].split(' '));
  await page.close();
});

await check('a remedy that wants a value leads to its field', async () => {
  const page = await open('#fold-limit=16');
  await page.setInputFiles('#files', path.join(own, 'shared_weight_other_reader_without_bn.onnx'));
  assert.match(await verdict(page), /can(not)? go as things are/);
  assert.ok(await page.getByText('BNF116').count());
  await page.getByRole('button', { name: 'Set --fold-limit' }).first().click();
  assert.equal(await page.evaluate(() => document.activeElement.name), 'fold-limit');
  await page.fill('input[name=fold-limit]', '');
  await page.setInputFiles('#files', path.join(own, 'shared_weight_other_reader_without_bn.onnx'));
  assert.match(await verdict(page), /computes what the old one did/);
  await page.close();
});

/* One MatMul of 25 million weights and a BatchNormalization, in the format's own bytes. */
function bigModel() {
  const dim = 5000;
  const varint = (value) => {
    const bytes = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push(128 + (value % 128));
    return Buffer.from([...bytes, value]);
  };
  const whole = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
  const part = (field, ...bytes) => {
    const all = Buffer.concat(bytes.map((each) => (typeof each === 'string' ? Buffer.from(each) : each)));
    return Buffer.concat([varint(field * 8 + 2), varint(all.length), all]);
  };
  const tensor = (name, dims, at) => {
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => at(i));
    return part(5, ...dims.map((n) => whole(1, n)), whole(2, 1), part(8, name), part(9, Buffer.from(values.buffer)));
  };
  const node = (type, inputs, output) => part(1, ...inputs.map((name) => part(1, name)), part(2, output), part(3, output), part(4, type));
  const value = (field, name) => part(field, part(1, name), part(2, part(1, whole(1, 1),
    part(2, part(1, whole(1, 1)), part(1, whole(1, dim))))));
  return Buffer.concat([whole(1, 8), part(8, whole(2, 17)), part(7, node('MatMul', ['x', 'w'], 'h'),
    node('BatchNormalization', ['h', 'scale', 'shift', 'mean', 'var'], 'y'), part(2, 'big'),
    tensor('w', [dim, dim], (i) => ((i * 7919) % 1000) / 5e4 - 0.01), tensor('scale', [dim], (i) => 1 + i / dim),
    tensor('shift', [dim], (i) => i / dim), tensor('mean', [dim], () => 0), tensor('var', [dim], () => 1),
    value(11, 'x'), value(12, 'y'))]);
}

/** Bytes that a renderer of this browser has ever held at once. */
function mostMemory() {
  const parents = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(pid), Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) \S /, '').split(' ')[0]));
    } catch { /* it has ended */ }
  }
  const isOurs = (pid) => pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid)));
  return Math.max(...[...parents.keys()].filter(isOurs).map((pid) => {
    try {
      if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) return 0;
      return Number(/VmHWM:\s*(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
    } catch {
      return 0;
    }
  }));
}

await check('a model of 100 MB is fused within 1.5 GB', async () => {
  const model = path.join(work, 'big.onnx');
  fs.writeFileSync(model, bigModel());
  const page = await open();
  const expected = nativeRun(model);
  assert.equal(expected.status, 0, expected.line);
  await page.setInputFiles('#files', model);
  assert.match(await verdict(page, 600000), /^1 of 1 BatchNormalization gone, and the new model computes what the old one did/);
  assert.ok((await downloaded(page, /^Download/)).equals(fs.readFileSync(expected.file)));
  const most = mostMemory();
  console.log(`${fs.statSync(model).size / 1e6} MB took ${Math.round(most / 1e6)} MB`);
  assert.ok(most > 100e6 && most < 1.5e9, `${most} bytes`);
  await page.close();
});

await check('cancel ends the work', async () => {
  const big = [path.join(shared, 'real/light_densenet121.onnx'), path.join(shared, 'real/light_resnet50.onnx')].find(fs.existsSync);
  if (!big) return console.log('skipped: no big model is here');
  const page = await open();
  await page.setInputFiles('#files', big);
  await page.getByText(/Checking…/).waitFor({ timeout: 60000 });
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor({ timeout: 5000 });
  await page.getByRole('button', { name: 'Run again' }).click();
  await page.getByText(/Checking…/).waitFor({ timeout: 60000 });
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor({ timeout: 5000 });
  await page.setInputFiles('#files', path.join(own, 'conv_bn_relu.onnx'));
  assert.match(await verdict(page), /computes what/);
  return page.close();
});

await check('the first answer is quick enough to be one', async () => {
  const model = path.join(shared, 'gen/tv_mobilenet_v2/model.onnx');
  if (!fs.existsSync(model)) return console.log('skipped: mobilenet_v2 is not here');
  const page = await open();
  await page.evaluate(() => {
    document.getElementById('files').addEventListener('change', () => { window.given = performance.now(); }, true);
    new MutationObserver(() => {
      if (/can go\. Checking|gone, and/.test(document.body.textContent)) window.answered ??= performance.now();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const started = performance.now();
  await page.setInputFiles('#files', model);
  await page.getByText(/can go\. Checking|gone, and/).waitFor({ timeout: 60000 });
  const seen = performance.now() - started;
  const within = await page.evaluate(() => window.answered - window.given);
  console.log(`first answer for mobilenet_v2 after ${Math.round(within)} ms in the page, ${Math.round(seen)} ms with the test's own way there`);
  await verdict(page);
  return page.close();
});

for (const [name, scheme, width] of [['light', 'light', 1000], ['dark', 'dark', 1000], ['narrow', 'light', 390]]) {
  await check(`axe finds nothing serious (${name})`, async () => {
    const page = await open('', { width, height: 844 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.setInputFiles('#files', path.join(own, 'trained_cnn.onnx'));
    await verdict(page);
    await page.locator('#options summary').click();
    await page.getByText(/^What goes/).click();
    await page.getByText('The graph around it').first().click();
    await page.locator('svg.graph').first().waitFor();
    // Past the Content-Security-Policy, which would refuse a script of ours too.
    await page.evaluate(fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
    const { violations } = await page.evaluate(() => window.axe.run());
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
    if (violations.length) console.log(violations.map(({ id, impact }) => `minor: ${id} (${impact})`).join('\n'));
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'it scrolls sideways');
    assert.ok(await page.locator('.scroll').evaluate((region) => region.scrollWidth <= region.clientWidth), 'the table is cut');
    await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
    await page.close();
  });
}

await check('no other server is reached', async () => {
  assert.deepEqual(foreign, []);
  const page = await open();
  const refused = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
    fetch('https://example.org/').then(() => resolve('reached'), () => setTimeout(() => resolve('failed'), 1000));
  }));
  assert.equal(refused, 'connect-src');
  await page.close();
});

await context.close();
server.close();
fs.rmSync(work, { recursive: true, force: true });
const unexpected = faults.filter((fault) => !/example\.org/.test(fault));
assert.deepEqual(unexpected, []);
console.log(`page: ${count} passed, 0 failed`);
