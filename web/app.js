// SPDX-License-Identifier: Apache-2.0
//
// The page: takes files, lets the worker run the program on them, and shows what it said.
import { optionWords, lastMessage } from '../bindings/node/lib/program.js';
import { around, readGraph } from './onnx.js';
import { draw } from './picture.js';

const $ = (id) => document.getElementById(id);
const form = $('form');
const results = $('results');
const MOST_PICTURES = 12; // of remarks of one model, drawn when opened

/** What a BatchNormalization went into, or what is in its way; '' for neither. */
function placeOf(remark) {
  return remark.where.join(', ');
}

/** Makes an element: make('p', { class: 'why' }, 'text', child...). */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const module = WebAssembly.compileStreaming(fetch('bnfuse.wasm'));

/* ---- options ---- */

const mode = () => form.elements.mode.value;
const inputs = () => form.querySelectorAll('#options input');
const COMPARING = ['dim', 'shape', 'rtol'];
const CHECKING = ['no-check', 'allow-unchecked', ...COMPARING];

function options() {
  const chosen = {};
  for (const input of inputs()) {
    if (input.type === 'checkbox' && input.checked)
      chosen[input.name] = input.hasAttribute('value') ? [...(chosen[input.name] ?? []), input.value] : true;
    if (input.type === 'text' && input.value.trim()) chosen[input.name] = input.value.trim().split(/,?\s+/);
  }
  return chosen;
}

/** Those of `options` that go with a command. */
function wordsFor(command, all = options()) {
  const goes = { explain: (name) => !CHECKING.includes(name), compare: (name) => COMPARING.includes(name) }[command];
  return optionWords(Object.fromEntries(Object.entries(all).filter(([name]) => !goes || goes(name))));
}

function readLink() {
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name === 'mode') form.elements.mode.value = value === 'compare' ? 'compare' : 'fuse';
    for (const input of form.querySelectorAll(`#options input[name="${CSS.escape(name)}"]`)) {
      if (input.type === 'text') input.value = value;
      else if (!input.hasAttribute('value') || input.value === value) input.checked = true;
    }
  }
}

async function share() {
  const link = new URLSearchParams({ mode: mode() });
  for (const { type, name, value, checked } of inputs())
    if (type === 'text' ? value.trim() : checked) link.append(name, type === 'checkbox' && value === 'on' ? '1' : value.trim());
  location.hash = link;
  try {
    await navigator.clipboard.writeText(location.href);
    $('shared').textContent = 'Copied. It holds the options only, never a model.';
  } catch {
    $('shared').textContent = 'The address of this page now holds the options.';
  }
}

/* ---- the worker ---- */

let worker;
let cancelled;
let turn = Promise.resolve(); // of the last run: the worker does one after the other

/** Runs the program; resolves to { status, stdout, stderr, files }, or to null when it was cancelled. */
function run(words, files, wanted) {
  const next = turn.then(() => runNow(words, files, wanted));
  turn = next.catch(() => {});
  return next;
}

async function runNow(words, files, wanted = []) {
  const compiled = await module;
  worker ??= new Worker('worker.js', { type: 'module' });
  return new Promise((resolve, reject) => {
    cancelled = () => {
      worker.terminate();
      worker = cancelled = undefined;
      resolve(null);
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.stage) return showProgress(data.stage, data.done);
      cancelled = undefined;
      return resolve(data);
    };
    worker.postMessage({ module: compiled, words, files, wanted });
  });
}

const stages = { loading: 'Loading', fusing: 'Fusing', checking: 'Checking', comparing: 'Comparing' };

function showProgress(stage, done) {
  $('stage').textContent = stages[stage] ?? stage;
  if (done === undefined) $('progress').removeAttribute('value');
  else $('progress').value = done;
}

/* ---- what the program said ---- */

const number = (value) => value.toLocaleString('en');
const size = (value) => (value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(2)} MB`);

function parsed(result) {
  try {
    return JSON.parse(result.stdout);
  } catch {
    return { message: lastMessage(result.stderr) };
  }
}

function color(status) {
  if (status === 0) return 'good';
  return status === 4 || status === 5 ? 'warn' : 'bad';
}

/** One sentence. What the program itself says of an error is said in its words. */
function fuseSentence(report, result) {
  if (result.status) return `bnfuse: ${report.message || lastMessage(result.stderr)}`;
  const all = report.batch_normalizations.length;
  if (!all) return 'There is no BatchNormalization in this model; the file stays as it is, byte for byte.';
  if (!report.folded && report.check?.verdict === 'identical')
    return `${all === 1 ? 'The one BatchNormalization cannot' : `None of the ${all} BatchNormalizations can`} go as things are; the file stays as it was.`;
  const gone = `${report.folded} of ${all} BatchNormalization${all === 1 ? '' : 's'} gone`;
  if (!report.check) return `${gone}. Not checked, as you asked.`;
  if (report.check.verdict === 'not checked') return `${gone}. Not checked: ${report.check.why}`;
  return `${gone}, and the new model computes what the old one did (${report.check.verdict}).`;
}

function compareSentence(report, result) {
  if (result.status) return `bnfuse: ${report.message || lastMessage(result.stderr)}`;
  return `The two models compute the same: ${report.check.verdict}.`;
}

const table = (report) => make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Sizes' },
  make('table', {},
    make('caption', {}, 'Before and after'),
    make('thead', {}, make('tr', {}, make('td'), ...['before', 'after', 'difference'].map((text) => make('th', { scope: 'col' }, text)))),
    make('tbody', {}, ...[
      ...report.operators.filter(({ before, after }) => before !== after).map((row) => [row.op, row, number]),
      ['nodes', report.nodes, number], ['parameters', report.parameters, number],
      ...(report.bytes.after ? [['file', report.bytes, size]] : []),
    ].map(([name, { before, after }, shown]) => make('tr', {}, make('th', { scope: 'row' }, name),
      make('td', {}, shown(before)), make('td', {}, shown(after)),
      make('td', {}, `${after >= before ? '+' : '−'}${shown(Math.abs(after - before))}`))))));

/** The option that a remark's help names, if this page has it. */
function optionIn(help) {
  for (const [, name, value] of help.matchAll(/--([a-z-]+)(?:[ =]([a-z-]+))?/g))
    for (const input of form.querySelectorAll(`#options input[name="${CSS.escape(name)}"]`))
      if (!input.hasAttribute('value') || input.value === value) return input;
  return null;
}

const words = (input) => `--${input.name}${input.hasAttribute('value') ? ` ${input.value}` : ''}`;

/** A button that turns on what helps, or leads to the field that wants a value. */
function switchOn(input, job, forWhat = '') {
  const field = input.type === 'text';
  return make('button', {
    type: 'button', class: 'plain',
    click: () => {
      $('options').open = true;
      if (field) return void input.focus();
      input.checked = true;
      fuseJob(job);
    },
  }, `${field ? 'Set' : 'Try with'} ${words(input)}${forWhat}`);
}

/** What would help, option by option, with the number of BatchNormalizations that it would help. */
function remediesOf(report) {
  const counts = new Map();
  for (const { outcome, help } of report.batch_normalizations ?? []) {
    const input = outcome === 'stays' && help ? optionIn(help) : null;
    if (input && !input.checked) counts.set(input, (counts.get(input) ?? 0) + 1);
  }
  return counts;
}

const remedies = (report, job) => [...remediesOf(report)].filter(([, count]) => count > 1)
  .map(([input, count]) => switchOn(input, job, `, which may help ${count}`));

/** The same beside the only remark that it helps; what helps several is offered above all of them. */
function remedy(remark, report, job) {
  const input = optionIn(remark.help);
  return input && remediesOf(report).get(input) === 1 ? switchOn(input, job) : null;
}

/** The graph around a BatchNormalization, before and (where it went) after; drawn when it is opened. */
function pictures(remark, job) {
  const details = make('details', {}, make('summary', {}, 'The graph around it'));
  details.addEventListener('toggle', async () => {
    if (!details.open || details.childElementCount > 1) return;
    job.before ??= readGraph(new Uint8Array(await job.files[job.path].arrayBuffer()));
    const before = around(job.before, remark.output);
    const figures = [];
    const figure = (part, caption, role) => figures.push(make('figure', {}, draw(part, caption, role), make('figcaption', {}, caption)));
    if (before) figure(before, `Before: ${remark.node}`, (node) => (node === before.center ? 'focus' : ''));
    if (job.fused && remark.outcome !== 'stays') {
      job.after ??= readGraph(job.fused);
      const after = around(job.after, remark.output) ?? aroundReaders(job, before);
      if (after) figure(after, `After: ${remark.outcome} into ${placeOf(remark) || 'what is left'}`,
        (node) => (node.name && node.name === placeOf(remark) ? 'home' : ''));
    }
    details.append(figures.length ? make('div', { class: 'graphs' }, ...figures)
      : make('p', { class: 'why' }, 'It is inside a body or a function, of which this page draws nothing.'));
  });
  return details;
}

/** Where the output's name is gone: around the first node downstream that is still there. */
function aroundReaders(job, before) {
  for (const reader of before ? job.before.readers.get(before.center.outputs[0]) ?? [] : []) {
    const after = around(job.after, reader.outputs[0]);
    if (after) return after;
  }
  return null;
}

function remarkItem(remark, report, job, i) {
  const stays = remark.outcome === 'stays';
  return make('li', {},
    make('p', {}, make('code', {}, remark.node), ' ',
      make('span', { class: `tag ${stays ? 'warn' : 'good'}` }, stays ? `stays ${remark.code}` : remark.outcome),
      stays || !placeOf(remark) ? null : make('span', {}, ' into ', make('code', {}, placeOf(remark)))),
    stays ? make('p', { class: 'why' }, [remark.reason, placeOf(remark) && `(${placeOf(remark)})`, remark.detail].filter(Boolean).join(' ')) : null,
    stays && remark.help ? make('p', {}, `What helps: ${remark.help}`) : null,
    stays ? remedy(remark, report, job) : null,
    i < MOST_PICTURES ? pictures(remark, job) : null);
}

function remarks(report, job) {
  const list = (title, all, open) => all.length && make('details', open ? { open: '' } : {},
    make('summary', {}, `${title} (${all.length})`),
    make('ul', { class: 'remarks' }, ...all.map((remark, i) => remarkItem(remark, report, job, i))));
  const { batch_normalizations: all = [] } = report;
  return [
    list('What stays, and why', all.filter(({ outcome }) => outcome === 'stays'), true),
    list('What goes', all.filter(({ outcome }) => outcome !== 'stays'), false),
  ].filter(Boolean);
}

/** The picture of the differences that the program drew into its HTML report, with what that says below it. */
function ladder(html) {
  const text = html && new TextDecoder().decode(html).replace(/<style>[^]*?<\/style>/g, ''); // the page has its own
  const report = text && new DOMParser().parseFromString(text, 'text/html');
  const picture = report?.querySelector('svg[aria-label^="differences"]');
  if (!picture) return null;
  const legend = picture.nextElementSibling;
  return make('details', {}, make('summary', {}, 'How far the two models are apart'), document.adoptNode(picture),
    legend?.tagName === 'P' ? document.adoptNode(legend) : null);
}

function download(name, bytes, type, text, look = 'button plain') {
  return make('a', { class: look, href: URL.createObjectURL(new Blob([bytes], { type })), download: name }, text);
}

/* ---- jobs ---- */

const baseName = (path) => path.split('/').pop();

function card(title) {
  const article = make('article', {}, make('h2', {}, title), make('p', { class: 'verdict wait', role: 'status' }, 'Working…'));
  results.append(article);
  return article;
}

function fill(article, status, sentence, ...parts) {
  article.replaceChildren(article.firstElementChild,
    make('p', { class: `verdict ${status}`, role: 'status' }, sentence), ...parts.filter(Boolean));
}

function cancelledCard(article, again) {
  fill(article, 'wait', 'Cancelled.', make('div', { class: 'actions' },
    make('button', { type: 'button', class: 'plain', click: again }, 'Run again')));
}

async function fuseJob(job) {
  job.article ??= card(job.path);
  job.fused = job.after = undefined;
  await busy(async () => {
    fill(job.article, 'wait', 'Working…');
    showProgress('loading');
    const explained = await run(['explain', job.path, '--json', ...wordsFor('explain')], job.files);
    if (!explained) return cancelledCard(job.article, () => fuseJob(job));
    const first = parsed(explained);
    if (!explained.status)
      fill(job.article, 'wait', `${first.folded} of ${first.batch_normalizations.length} BatchNormalizations can go. Checking…`, ...remarks(first, job));
    const out = `${job.path.replace(/\.onnx$/, '')}.fused.onnx`;
    const html = `${job.path}.report.html`;
    const asked = [job.path, '-o', out, '--json', '--progress', '--html', html, ...wordsFor('fuse')];
    const result = await run(asked, job.files, [out, html]);
    if (!result) return cancelledCard(job.article, () => fuseJob(job));
    const report = parsed(result);
    job.fused = result.files[out];
    const nothing = !result.status && !report.folded && report.left > 0;
    return fill(job.article, nothing ? 'warn' : color(result.status), fuseSentence(report, result),
      make('div', { class: 'actions' },
        job.fused && download(baseName(out), job.fused, 'application/octet-stream', `Download ${baseName(out)}`, 'button'),
        result.files[html] && download(baseName(html), result.files[html], 'text/html', 'Report (HTML)'),
        download(`${baseName(job.path)}.report.json`, result.stdout, 'application/json', 'Report (JSON)'),
        ...remedies(report, job)),
      report.operators && table(report), ladder(result.files[html]), ...remarks(report, job));
  }, job.article);
}

async function compareJob(paths, files, article = card(`${paths[0]} and ${paths[1]}`)) {
  await busy(async () => {
    fill(article, 'wait', 'Working…');
    showProgress('comparing');
    const html = 'report.html';
    const result = await run(['compare', ...paths, '--json', '--progress', '--html', html, ...wordsFor('compare')], files, [html]);
    if (!result) return cancelledCard(article, () => compareJob(paths, files, article));
    const report = parsed(result);
    return fill(article, color(result.status), compareSentence(report, result),
      report.check?.first_divergent && make('p', {}, 'First value that differs: ', make('code', {}, report.check.first_divergent)),
      ladder(result.files[html]),
      make('div', { class: 'actions' },
        result.files[html] && download(html, result.files[html], 'text/html', 'Report (HTML)'),
        download('report.json', result.stdout, 'application/json', 'Report (JSON)')));
  }, article);
}

let jobs = 0; // that are worked on, or wait for it

async function busy(work, article) {
  jobs += 1;
  $('work').hidden = false;
  try {
    await work();
  } catch (error) {
    fill(article, 'bad', `bnfuse: ${error.message}`);
  } finally {
    jobs -= 1;
    $('work').hidden = jobs === 0;
  }
}

const isModel = (path) => /\.onnx$/i.test(path);

function modelsAmong(files) {
  const paths = Object.keys(files);
  return paths.some(isModel) ? paths.filter(isModel) : paths;
}

let first; // of two models to compare, with its files, where the other is still to come

/** The two may come one by one, and bear the same name. */
async function takeToCompare(files) {
  let given = files;
  let models = modelsAmong(files).sort();
  if (first && models.length === 1) {
    const clash = Object.keys(files).some((path) => path in first);
    const moved = (path) => (clash ? `second/${path}` : path);
    given = { ...first, ...Object.fromEntries(Object.entries(files).map(([path, file]) => [moved(path), file])) };
    models = [modelsAmong(first)[0], moved(models[0])];
  }
  first = models.length === 1 ? files : undefined;
  if (first) return void fill(card(models[0]), 'wait', 'This is one of two. Now the other one.');
  if (models.length !== 2) return void fill(card('Compare'), 'warn', `Comparing wants two models, not ${models.length}.`);
  return void await compareJob(models, given);
}

let taken; // last

/**
 * What was worked on until now is given up.
 * @param {Record<string, File>} files  by their paths
 */
async function take(files) {
  await ready;
  taken = files;
  cancelled?.();
  results.replaceChildren();
  if (mode() === 'compare') return void await takeToCompare(files);
  for (const path of modelsAmong(files)) if (taken === files) await fuseJob({ path, files });
}

/* ---- files ---- */

const byPath = (files) => Object.fromEntries([...files].map((file) => [file.webkitRelativePath || file.name, file]));

/** All files under an entry that was dropped. */
async function walk(entry, files) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    files[entry.fullPath.replace(/^\//, '')] = file;
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return;
    for (const each of some) await walk(each, files);
  }
}

async function dropped(items) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = {};
  for (const entry of entries) await walk(entry, files);
  return files;
}

$('files').addEventListener('change', ({ target }) => take(byPath(target.files)).finally(() => { target.value = ''; }));
$('folder').addEventListener('change', ({ target }) => take(byPath(target.files)).finally(() => { target.value = ''; }));
// Beside the box as well: the browser would leave the page for the file.
const holdsFiles = ({ dataTransfer }) => dataTransfer.types.includes('Files');
document.addEventListener('dragover', (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  $('drop').classList.add('over');
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) $('drop').classList.remove('over');
});
document.addEventListener('drop', async (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  $('drop').classList.remove('over');
  const files = await dropped(event.dataTransfer.items);
  await take(Object.keys(files).length ? files : byPath(event.dataTransfer.files));
});
$('cancel').addEventListener('click', () => cancelled?.());
$('share').addEventListener('click', share);
form.addEventListener('change', ({ target }) => {
  if (target.name === 'mode') first = undefined;
  $('drop-text').textContent = mode() === 'compare' ? 'Drop two ONNX models here, together or one after the other.'
    : 'Drop an ONNX model here, several, or a folder with external data.';
});

/** A switch for each fold that the program makes on request only, as its help lists them. */
async function offerExtras() {
  const help = await run(['--help'], {});
  const [, list = ''] = /^ +--enable NAME.*\n((?: {4,}\S.*\n)+)/m.exec(help?.stdout) ?? [];
  for (const [, name, text] of list.matchAll(/^ {4}(\S+) +(.*(?:\n {5,}.*)*)/gm))
    $('extras').append(make('label', {}, make('input', { type: 'checkbox', name: 'enable', value: name }),
      make('span', {}, make('code', {}, `--enable ${name}`), ` ${text.replace(/\s+/g, ' ')}`)));
}

const ready = module.then(async () => {
  const said = await run(['--version'], {});
  if (!said) return;
  await offerExtras();
  readLink();
  form.dispatchEvent(new Event('change'));
  $('version').textContent = said.stdout.trim();
}).catch((error) => fill(card('bnfuse'), 'bad', `The program cannot be loaded: ${error.message}`));
