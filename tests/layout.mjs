// SPDX-License-Identifier: Apache-2.0
// layout.mjs PROGRAM MODELS [PICTURES]: the HTML reports as a browser shows them. Ten reports, wide and on a phone, in
// light and dark, and under the policy with which Jenkins shows reports: nothing is wider than the page or cut off,
// text has contrast, nothing is fetched, and html-validate and tidy find no error. Exit 77 where there is no browser.
// playwright-core and html-validate are looked for in NODE_MODULES; scripts/look.sh fetches them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [program, models, pictures] = process.argv.slice(2);
const require = createRequire(join(process.env.NODE_MODULES || join(import.meta.dirname ?? '.', '../web/node_modules'), 'x.js'));
const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
let chromium;
try {
  ({ chromium } = require('playwright-core'));
} catch {
  chromium = null;
}
if (!chromium || !browserPath) {
  console.log('skipped: no playwright-core or no Chromium; scripts/look.sh brings them');
  process.exit(77);
}

const folder = mkdtempSync(join(tmpdir(), 'layout-'));
const faults = [];
const model = (name) => join(models, name + '.onnx');

// Ten runs that end in different ways.
writeFileSync(join(folder, 'broken.onnx'), 'no model\n');
const long = join(folder, 'a_rather_long_name_of_a_model_that_somebody_exported_from_a_training_run.onnx');
writeFileSync(long, readFileSync(model('bn_after_activation')));
const reports = {
  folds: [model('trained_cnn'), '--check=full'],
  written: [model('conv_bn_relu'), '-o', join(folder, 'out.onnx')],
  kept: [long],
  bodies: [model('if_branches_conv_bn')],
  degenerate: [model('channel_degenerate')],
  unchecked: [model('trained_cnn'), '--no-check', '--disable', 'fold'],
  policy: [model('conv_bn_relu'), '--require', '9'],
  invalid: [join(folder, 'broken.onnx')],
  fail: ['compare', model('conv_bn_relu'), model('bn_lowered_to_mul_add')],
  many: [model('trained_cnn'), long, join(folder, 'broken.onnx'), model('conv_bn_relu')],
};
for (const [name, words] of Object.entries(reports))
  spawnSync(program, [...words, '-q', '--html', join(folder, name + '.html')], { stdio: 'ignore' });

// In the page: what is too wide, cut off, or too faint.
function look() {
  const found = [];
  const say = (element, what) => found.push(`${what}: <${element.tagName.toLowerCase()}> ${(element.textContent || '').trim().slice(0, 50)}`);
  for (const details of document.querySelectorAll('details')) details.open = true;
  if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide, not ${innerWidth}`);
  const numbers = (color) => (color.match(/[\d.]+/g) || [0, 0, 0]).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
  const probe = document.createElement('div');
  probe.style.backgroundColor = 'Canvas';
  document.body.append(probe);
  const canvas = numbers(getComputedStyle(probe).backgroundColor);
  probe.remove();
  for (const element of document.querySelectorAll('main *')) {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (element instanceof SVGElement) {
      const svg = element.ownerSVGElement;
      if (element.tagName !== 'text' || !svg) continue;
      const room = svg.getBoundingClientRect();
      if (box.left < room.left - 1 || box.right > room.right + 1 || box.bottom > room.bottom + 1) say(element, 'text leaves its picture');
      if (box.height && box.height < 9) say(element, `text of ${box.height.toFixed(1)} pixels`);
      if (contrast(numbers(style.fill), canvas) < 4.5) say(element, 'faint text in a picture');
      continue;
    }
    if (!isText || !box.width) continue;
    if (contrast(numbers(style.color), canvas) < 4.5) say(element, 'faint text');
    if (box.right > innerWidth + 1 && !element.closest('.scroll')) say(element, 'beyond the edge');
    if (element.scrollWidth > element.clientWidth + 1 && style.overflowX === 'hidden') say(element, 'cut off');
    if (box.width < 60 && element.textContent.trim().length > 20 && element.tagName !== 'SPAN') say(element, `squeezed to ${box.width.toFixed(0)} pixels`);
  }
  return found;
}

const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
const views = [
  ['wide', 1100, 'light', true],
  ['phone', 390, 'light', true],
  ['dark', 1100, 'dark', true],
  ['policy', 1100, 'light', false], // style-src 'self' takes the style sheet away, sandbox all scripts
];
for (const name of Object.keys(reports)) {
  const text = readFileSync(join(folder, name + '.html'), 'utf8');
  for (const [view, width, colorScheme, styled] of views) {
    const context = await browser.newContext({ viewport: { width, height: 1200 }, colorScheme });
    const page = await context.newPage();
    const fetched = [];
    await page.route('**/*', (route) => {
      const url = route.request().url();
      if (url === 'http://report.test/') return route.fulfill({ contentType: 'text/html; charset=utf-8', body: text, headers: styled ? {} :
        { 'content-security-policy': "sandbox; default-src 'none'; img-src 'self'; style-src 'self';" } });
      if (!url.endsWith('/favicon.ico')) fetched.push(url);
      return route.abort();
    });
    await page.goto('http://report.test/');
    const where = `${name}, ${view}: `;
    if (fetched.length) faults.push(where + 'fetches ' + fetched);
    if (styled) faults.push(...(await page.evaluate(look)).map((fault) => where + fault));
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${view}.png`), fullPage: true });
    await context.close();
  }
  if (!/<meta name="viewport"/.test(text)) faults.push(name + ': no viewport');
  if (/<(script|link|iframe|object)|\son\w+=|@import|url\(|https?:\/\//.test(text)) faults.push(name + ': refers to something outside');
}
await browser.close();

// The validators, where they are.
let validated = 'html-validate is not there';
try {
  const { HtmlValidate } = require('html-validate');
  const validator = new HtmlValidate({ extends: ['html-validate:recommended'] });
  for (const name of Object.keys(reports)) {
    const report = await validator.validateString(readFileSync(join(folder, name + '.html'), 'utf8'));
    for (const result of report.results)
      for (const message of result.messages) faults.push(`${name}.html:${message.line}: ${message.message}`);
  }
  validated = 'html-validate';
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error;
}
if (existsSync('/usr/bin/tidy'))
  for (const name of Object.keys(reports)) {
    const said = spawnSync('/usr/bin/tidy', ['-q', '-e', join(folder, name + '.html')], { encoding: 'utf8' }).stderr;
    faults.push(...said.split('\n').filter((line) => line.includes('Error:')).map((line) => `${name}: tidy: ${line}`));
  }
rmSync(folder, { recursive: true });
console.log(faults.slice(0, 40).join('\n') || `${Object.keys(reports).length} reports in ${views.length} views; ${validated}`);
process.exit(faults.length ? 1 : 0);
