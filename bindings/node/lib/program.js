// SPDX-License-Identifier: Apache-2.0
//
// One run of the program over files in memory: what the API and the page stand on.
import { runProgram } from './host.js';
import { MemoryFiles } from './memory_files.js';

/** Why a call failed: the program's exit status and its line. */
export class BnfuseError extends Error {
  constructor(status, message, report) {
    super(message);
    this.name = 'BnfuseError';
    this.status = status;
    this.report = report;
  }
}

/**
 * @param {(content: Uint8Array | Blob) => string | undefined} sum  SHA-256, where it need not be the program's own
 * @returns {{ status, stdout: string, stderr: string, files: MemoryFiles }}
 */
export function runInMemory(module, words, files, onProgress, sum) {
  const text = ['', ''];
  const decoders = [new TextDecoder(), new TextDecoder()];
  const memory = new MemoryFiles(files, sum);
  const output = {
    write(fd, bytes) {
      const part = decoders[fd - 1].decode(bytes, { stream: true });
      const progress = fd === 2 && onProgress ? /^\r(\S+) +(\d+)%/.exec(part) : null;
      if (progress) onProgress(progress[1], Number(progress[2]) / 100);
      else text[fd - 1] += part;
      return bytes.length;
    },
  };
  const status = runProgram(module, words, memory, output);
  return { status, stdout: text[0], stderr: text[1].replace(/\r[^\n]*\r/g, ''), files: memory };
}

const dashed = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * Options as words of the command line: { freezeWeights: true, skip: ['bn1'], dim: { N: 4 } } becomes
 * --freeze-weights --skip bn1 --dim N=4. What the program does not know, it says itself.
 */
export function optionWords(options = {}) {
  const words = [];
  for (const [name, value] of Object.entries(options)) {
    const option = `--${dashed(name)}`;
    if (value === false && name === 'check') words.push('--no-check');
    else if (value === true) words.push(option);
    else if (Array.isArray(value)) value.forEach((item) => words.push(option, String(item)));
    else if (value !== null && typeof value === 'object')
      Object.entries(value).forEach(([key, item]) => words.push(option,
        Array.isArray(item) ? `${key}:${item.join('x')}` : `${key}=${item}`));
    else if (typeof value === 'string' && name === 'check') words.push(`${option}=${value}`);
    else if (value !== false && value !== undefined && value !== null) words.push(option, String(value));
  }
  return words;
}

/** The last line of the program's messages, without its name. */
export function lastMessage(stderr) {
  const lines = stderr.trim().split('\n');
  return (lines[lines.length - 1] ?? '').replace(/^bnfuse: /, '');
}
