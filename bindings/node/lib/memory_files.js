// SPDX-License-Identifier: Apache-2.0
//
// A file system in memory with the functions and errors of node:fs that the program needs. One folder, or several by
// their names in paths; a file is a Uint8Array, or a Blob of a browser, which is read in parts as the program asks.
import { systemError } from './host.js';

const FILE = 0o100644;
const FOLDER = 0o040755;
const BLOCK = 2 ** 22;
const MOST_BLOCKS = 16;

const clean = (path) => `/${path.split('/').filter((part) => part && part !== '.').join('/')}`;
const folderOf = (path) => path.slice(0, Math.max(1, path.lastIndexOf('/')));

class Stats {
  constructor(mode, size, mtimeMs) { Object.assign(this, { mode, size, mtimeMs, nlink: 1, dev: 1, ino: 0 }); }
  isFile() { return this.mode === FILE; }
  isDirectory() { return this.mode === FOLDER; }
}

/** Bytes that grow by doubling, but at once to what is expected of a large file. */
class Growing {
  bytes = new Uint8Array(1 << 16);
  size = 0;
  constructor(expected) { this.expected = expected; }
  write(from, at) {
    const end = at + from.length;
    if (end > this.bytes.length) {
      const more = new Uint8Array(Math.max(end, this.bytes.length * 2, this.expected));
      more.set(this.bytes.subarray(0, this.size));
      this.bytes = more;
    }
    this.bytes.set(from, at);
    this.size = Math.max(this.size, end);
  }
  /** Without a copy where nothing is to spare, or the engine can give it back. */
  content() {
    if (this.bytes.length === this.size) return this.bytes;
    const { buffer } = this.bytes;
    this.bytes = buffer.transfer ? new Uint8Array(buffer.transfer(this.size)) : this.bytes.slice(0, this.size);
    return this.bytes;
  }
}

/** A Blob, read in blocks of which the last are kept: the browser answers from another process, and is waited for. */
class Blocks {
  #kept = new Map(); // by their numbers, the least recently read first
  constructor(blob) {
    this.blob = blob;
    this.size = blob.size;
  }
  #block(i) {
    const bytes = this.#kept.get(i)
      ?? new Uint8Array(new FileReaderSync().readAsArrayBuffer(this.blob.slice(i * BLOCK, (i + 1) * BLOCK)));
    this.#kept.delete(i);
    this.#kept.set(i, bytes);
    if (this.#kept.size > MOST_BLOCKS) this.#kept.delete(this.#kept.keys().next().value);
    return bytes;
  }
  read(to, at, start, end) {
    for (let from = start; from < end;) {
      const i = Math.floor(from / BLOCK);
      const part = this.#block(i).subarray(from - i * BLOCK, end - i * BLOCK);
      to.set(part, at + from - start);
      from += part.length;
    }
  }
}

export class MemoryFiles {
  constants = { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024 };
  #files = new Map(); // path -> { content: Uint8Array | Blocks | Growing }
  #open = new Map(); // handle -> file
  #next = 10;
  #sum;
  #largest = 0; // of the given files: a model is written about as large as it was

  /**
   * @param {Record<string, Uint8Array | Blob>} files  by their paths
   * @param {(content: Uint8Array | Blob) => string | undefined} sum  SHA-256, where it need not be the program's own
   */
  constructor(files = {}, sum = undefined) {
    this.#sum = sum;
    for (const [path, content] of Object.entries(files)) {
      const isBlob = !(content instanceof Uint8Array);
      this.#files.set(clean(path), { content: isBlob ? new Blocks(content) : content });
      this.#largest = Math.max(this.#largest, this.#size({ content }));
    }
  }

  /** The bytes of a file, or undefined. */
  get(path) {
    const content = this.#files.get(clean(path))?.content;
    if (content instanceof Blocks) return content.blob;
    return content instanceof Growing ? content.content() : content;
  }
  paths() { return [...this.#files.keys()]; }

  #size({ content }) { return content.size ?? content.length; }
  #isFolder(path) { return path === '/' || this.paths().some((other) => other.startsWith(`${path}/`)); }
  #find(path) {
    const file = this.#files.get(clean(path));
    if (!file) throw systemError('ENOENT', path);
    return file;
  }

  statSync(path) {
    if (this.#isFolder(clean(path))) return new Stats(FOLDER, 0, 0);
    return new Stats(FILE, this.#size(this.#find(path)), 0);
  }
  lstatSync(path) { return this.statSync(path); }
  fstatSync(handle) { return new Stats(FILE, this.#size(this.#open.get(handle)), 0); }
  accessSync(path) { this.statSync(path); }
  readlinkSync(path) { throw systemError(this.statSync(path) && 'EINVAL', path); }
  readdirSync(path) {
    const start = clean(path) === '/' ? '/' : `${clean(path)}/`;
    if (!this.#isFolder(clean(path))) throw systemError('ENOENT', path);
    return [...new Set(this.paths().filter((name) => name.startsWith(start))
      .map((name) => name.slice(start.length).split('/')[0]))];
  }

  openSync(path, flags) {
    const name = clean(path);
    let file = this.#files.get(name);
    if (this.#isFolder(name)) throw systemError('EISDIR', path);
    if (!file && !(flags & 64)) throw systemError('ENOENT', path);
    if (!file && !this.#isFolder(folderOf(name))) throw systemError('ENOENT', path);
    if (file && flags & 64 && flags & 128) throw systemError('EEXIST', path);
    if (!file || flags & 512) {
      file = { content: new Growing(this.#largest) };
      this.#files.set(name, file);
    }
    this.#next += 1;
    this.#open.set(this.#next, file);
    return this.#next;
  }
  closeSync(handle) { this.#open.delete(handle); }
  fsyncSync() {}

  readSync(handle, to, at, size, position) {
    const { content } = this.#open.get(handle);
    const end = Math.min(position + size, content.size ?? content.length);
    if (position >= end) return 0;
    if (content instanceof Blocks) content.read(to, at, position, end);
    else to.set((content instanceof Growing ? content.bytes : content).subarray(position, end), at);
    return end - position;
  }
  writeSync(handle, from, at, size, position) {
    const file = this.#open.get(handle);
    if (!(file.content instanceof Growing)) throw systemError('EROFS');
    file.content.write(from.subarray(at, at + size), position);
    return size;
  }

  sha256(handle) {
    const { content } = this.#open.get(handle);
    if (content instanceof Growing) return this.#sum?.(content.bytes.subarray(0, content.size));
    return this.#sum?.(content instanceof Blocks ? content.blob : content);
  }

  linkSync(path, to) {
    if (this.#files.has(clean(to))) throw systemError('EEXIST');
    this.#files.set(clean(to), this.#find(path));
  }
  mkdirSync() {}
  renameSync(path, to) {
    const file = this.#find(path);
    this.#files.delete(clean(path));
    this.#files.set(clean(to), file);
  }
  unlinkSync(path) {
    this.#find(path);
    this.#files.delete(clean(path));
  }
}
