// SPDX-License-Identifier: Apache-2.0
//
// The host of the program: runs main(argv) of bnfuse.wasm over a file system that the caller gives.
//
// The WebAssembly knows nothing but POSIX files. Each call that it imports is answered here by a function of `fs`, which
// has the names and errors of node:fs (the ...Sync functions): node:fs itself, or MemoryFiles in a browser. Pointers
// reach past 2 GiB, so each is made unsigned before use.

/** Exit status where the program itself broke: BNFUSE_INTERNAL of src/bnfuse.h. */
const INTERNAL = 70;

// emscripten numbers errors as WASI does.
const ERRNO = {
  EACCES: 2, EAGAIN: 6, EBADF: 8, EBUSY: 10, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29, EISDIR: 31, ELOOP: 32,
  EMFILE: 33, ENAMETOOLONG: 37, ENOENT: 44, ENOMEM: 48, ENOSPC: 51, ENOSYS: 52, ENOTDIR: 54, ENOTEMPTY: 55,
  ENOTSUP: 58, ENOTTY: 59, ENXIO: 60, EPERM: 63, EPIPE: 64, EROFS: 69, ESPIPE: 70, ETXTBSY: 74, EXDEV: 75,
};

const O = { ACCMODE: 3, WRONLY: 1, CREAT: 0o100, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000, DIRECTORY: 0o200000, TMPFILE: 0o20000000 };
const AT = { FDCWD: -100, SYMLINK_NOFOLLOW: 0x100 };
const F = { DUPFD: 0, GETFD: 1, SETFD: 2, GETFL: 3, DUPFD_CLOEXEC: 1030 };
const PAGE = 65536;
const MEMORY = { initial: 256, maximum: 65536 }; // pages, as cmake/wasm.cmake has it
const GROWTH = 2 ** 27;

class Exit {
  constructor(status) { this.status = status; }
}
class LongJump {}

/** An error as node:fs throws it. */
export function systemError(code, path) {
  return Object.assign(new Error(path === undefined ? code : `${code}, '${path}'`), { code });
}

/** The number that a text begins with, as strtod of C has it (nothing: 0), and the length of its text. */
export function readNumber(text) {
  const [whole, sign, hex, point = '', exponent = 0, decimal] =
    /^[ \t-\r]*([+-]?)(?:0x(?=\.?[\da-f])([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?|((?:\d+\.?|\.\d)\d*(?:e[+-]?\d+)?|inf(?:inity)?|nan))/i
      .exec(text) ?? ['', '', undefined, '', 0, '0'];
  const size = hex === undefined
    ? Number(/^i/i.test(decimal) ? Infinity : decimal) : parseInt(hex + point, 16) * 2 ** (exponent - 4 * point.length);
  return [sign === '-' ? -size : size, whole.length];
}

const isStream = (stats) => !stats.isFile() && !stats.isDirectory();
const joined = (folder, path) => (path.startsWith('/') || folder === '.' ? path : `${folder.replace(/\/$/, '')}/${path}`);

class Host {
  constructor(fs, output, cwd) {
    this.fs = fs;
    this.cwd = cwd;
    this.files = new Map([0, 1, 2].map((fd) => [fd, { standard: fd, handle: fd, position: null, flags: 2 }]));
    this.output = output;
    this.memory = new WebAssembly.Memory(MEMORY);
  }

  attach({ exports }) { this.exports = exports; }

  /** All of memory. A view of it is of no use once memory has grown. */
  all() {
    if (this.whole?.buffer !== this.memory.buffer) {
      this.whole = new Uint8Array(this.memory.buffer);
      this.numbers = new DataView(this.memory.buffer);
    }
    return this.whole;
  }
  bytes(at, size) { return this.all().subarray(at >>> 0, (at >>> 0) + (size >>> 0)); }
  view() { return this.all() && this.numbers; }
  put32(at, value) { this.view().setInt32(at >>> 0, value, true); }
  text(at) {
    return new TextDecoder().decode(this.all().slice(at >>> 0, this.all().indexOf(0, at >>> 0)));
  }
  putText(text) {
    const bytes = new TextEncoder().encode(text);
    const at = this.exports.malloc(bytes.length + 1) >>> 0;
    this.bytes(at, bytes.length).set(bytes);
    this.bytes(at + bytes.length, 1)[0] = 0;
    return at;
  }

  file(fd) {
    const file = this.files.get(fd);
    if (!file) throw systemError('EBADF');
    return file;
  }
  newFd(file, from = 3) {
    let fd = from;
    while (this.files.has(fd)) fd += 1;
    this.files.set(fd, file);
    return fd;
  }
  resolve(folderFd, at) {
    const path = this.text(at);
    return folderFd === AT.FDCWD ? path : joined(this.file(folderFd).path, path);
  }

  open(path, flags, mode) {
    if (path === '') throw systemError('ENOENT');
    if ((flags & O.TMPFILE) === O.TMPFILE) throw systemError('ENOTSUP');
    if (flags & O.DIRECTORY) {
      if (!this.fs.statSync(path).isDirectory()) throw systemError('ENOTDIR', path);
      return this.newFd({ path, folder: true, flags });
    }
    const names = this.fs.constants;
    let own = [names.O_RDONLY, names.O_WRONLY, names.O_RDWR][flags & O.ACCMODE];
    if (flags & O.CREAT) own |= names.O_CREAT;
    if (flags & O.EXCL) own |= names.O_EXCL;
    if (flags & O.TRUNC) own |= names.O_TRUNC;
    if (flags & O.APPEND) own |= names.O_APPEND;
    const folder = !(flags & O.CREAT) && (flags & O.ACCMODE) === 0 && this.fs.statSync(path).isDirectory();
    if (folder) return this.newFd({ path, folder: true, flags });
    const handle = this.fs.openSync(path, own, mode);
    const stream = isStream(this.fs.fstatSync(handle));
    return this.newFd({ path, handle, flags, position: stream ? null : 0, shared: { count: 1 } });
  }

  close(fd) {
    const file = this.file(fd);
    this.files.delete(fd);
    if (file.folder || file.standard !== undefined) return;
    file.shared.count -= 1;
    if (!file.shared.count) this.fs.closeSync(file.handle);
  }

  duplicate(fd, from) {
    const file = this.file(fd);
    if (file.shared) file.shared.count += 1;
    return this.newFd(file, from);
  }

  /** What `to` was is closed; it is another name of `fd` from now on. */
  redirect(fd, to) {
    const file = this.file(fd);
    if (fd === to) return to;
    if (this.files.has(to)) this.close(to);
    if (file.shared) file.shared.count += 1;
    this.files.set(to, file);
    return to;
  }

  read(file, at, size, position) {
    if (file.folder) throw systemError('EISDIR', file.path);
    if (file.standard !== undefined && !this.output.input) return 0;
    for (;;) {
      try {
        return this.fs.readSync(file.handle, this.all(), at >>> 0, size >>> 0, position);
      } catch (error) {
        if (error.code === 'EOF') return 0; // a console of Windows that was closed
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  }

  write(file, bytes) {
    if (file.standard !== undefined) return this.output.write(file.standard, bytes);
    const count = this.fs.writeSync(file.handle, bytes, 0, bytes.length, file.position);
    if (file.position !== null) file.position += count;
    return count;
  }

  /** Calls `step(at, size)` on each part of the list of buffers until one is not filled; the sum. */
  eachPart(list, count, step) {
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      const at = this.view().getUint32((list >>> 0) + 8 * i, true);
      const size = this.view().getUint32((list >>> 0) + 8 * i + 4, true);
      const done = size ? step(at, size, sum) : 0;
      sum += done;
      if (done < size) break;
    }
    return sum;
  }

  stats(file) {
    if (file.folder) return this.fs.statSync(file.path);
    if (file.standard === undefined || this.output.input) return this.fs.fstatSync(file.handle);
    return { mode: 0o10600, size: 0, mtimeMs: 0 }; // a pipe
  }

  putStats(stats, to) {
    const view = this.view();
    const at = to >>> 0;
    const seconds = Math.floor(stats.mtimeMs / 1000);
    this.bytes(at, 88).fill(0);
    view.setUint32(at, Number(stats.dev ?? 0), true);
    view.setUint32(at + 12, stats.mode, true);
    view.setUint32(at + 16, stats.nlink ?? 1, true);
    view.setBigInt64(at + 40, BigInt(stats.size), true);
    view.setInt32(at + 48, 4096, true);
    for (const place of [56, 64, 72]) {
      view.setInt32(at + place, seconds, true);
      view.setInt32(at + place + 4, Math.floor((stats.mtimeMs - seconds * 1000) * 1e6), true);
    }
    view.setBigUint64(at + 80, BigInt(stats.ino ?? 0), true);
    return 0;
  }

  map(length, fd, offset) {
    const file = this.file(fd);
    const at = this.exports.memalign(PAGE, Math.ceil(length / PAGE) * PAGE) >>> 0;
    if (!at) throw systemError('ENOMEM');
    let done = 0;
    for (let count = 1; done < length && count > 0; done += count)
      count = this.read(file, at + done, Math.min(length - done, 1 << 26), offset + done);
    this.bytes(at + done, length - done).fill(0);
    return at;
  }

  /** Entries from where the last call ended, as many as fit. */
  entries(fd, to, size) {
    const file = this.file(fd);
    file.names ??= ['.', '..', ...this.fs.readdirSync(file.path)];
    file.next ??= 0;
    let used = 0;
    while (file.next < file.names.length && used + 280 <= size) {
      const name = new TextEncoder().encode(file.names[file.next]);
      const at = (to >>> 0) + used;
      this.bytes(at, 280).fill(0);
      file.next += 1;
      this.view().setBigUint64(at, BigInt(file.next), true);
      this.view().setBigUint64(at + 8, BigInt(file.next), true);
      this.view().setUint16(at + 16, 280, true);
      this.bytes(at + 19, Math.min(name.length, 255)).set(name.subarray(0, 255));
      used += 280;
    }
    return used;
  }

  /** What the program imports. */
  imports(module) {
    // A call whose result says what went wrong: below zero, or (WASI) above.
    const call = (work) => (...given) => {
      try {
        return work(...given) ?? 0;
      } catch (error) {
        if (!error?.code) throw error;
        return -(ERRNO[error.code] ?? ERRNO.EIO);
      }
    };
    const wasi = (work) => (...given) => -call(work)(...given);
    const offset = (low, high) => high * 2 ** 32 + (low >>> 0);
    const mode = (varargs) => (varargs ? this.view().getInt32(varargs >>> 0, true) : 0);
    const { fs } = this;

    const time = (clock, to) => {
      const now = clock === 0 ? Date.now() : performance.now();
      this.put32(to, Math.floor(now / 1000));
      this.put32((to >>> 0) + 4, Math.floor((now % 1000) * 1e6));
      return 0;
    };
    const statAt = (folder, path, flags) =>
      (flags & AT.SYMLINK_NOFOLLOW ? fs.lstatSync : fs.statSync).call(fs, this.resolve(folder, path));

    let temporary = 0;
    const env = {
      memory: this.memory,
      clock_gettime: time,
      __clock_gettime: time,
      gettimeofday: (to) => {
        const now = Date.now();
        this.put32(to, Math.floor(now / 1000));
        this.put32((to >>> 0) + 4, (now % 1000) * 1000);
        return 0;
      },
      getTempRet0: () => temporary,
      setTempRet0: (value) => { temporary = value; },
      _emscripten_throw_longjmp: () => { throw new LongJump(); },
      __assert_fail: (condition, file, line) => {
        const text = `bnfuse: ${this.text(file)}:${line}: broken invariant: ${this.text(condition)}\n`;
        this.output.write(2, new TextEncoder().encode(text));
        throw new Exit(INTERNAL);
      },
      exit: (status) => { throw new Exit(status); },
      abort: () => { throw new Exit(INTERNAL); },
      __call_sighandler: () => {},
      emscripten_memcpy_big: (to, from, size) => {
        this.all().copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (size >>> 0));
        return to;
      },
      emscripten_get_heap_max: () => 2 ** 32 - PAGE,
      emscripten_resize_heap: (size) => this.grow(size >>> 0),

      __syscall_open: call((path, flags, varargs) => this.open(this.text(path), flags, mode(varargs))),
      __syscall_openat: call((folder, path, flags, varargs) => this.open(this.resolve(folder, path), flags, mode(varargs))),
      __syscall_faccessat: call((folder, path, how) => fs.accessSync(this.resolve(folder, path), how)),
      __syscall_fchmod: call((fd, bits) => fs.fchmodSync?.(this.file(fd).handle, bits)),
      __syscall_chmod: call((path, bits) => fs.chmodSync?.(this.text(path), bits)),
      __syscall_fcntl64: call((fd, command, varargs) => {
        if (command === F.DUPFD || command === F.DUPFD_CLOEXEC) return this.duplicate(fd, mode(varargs));
        if (command === F.GETFL) return this.file(fd).flags;
        this.file(fd);
        return 0;
      }),
      __syscall_dup3: call((fd, to) => this.redirect(fd, to)),
      __syscall_ioctl: call((fd) => {
        if (!this.output.isTerminal?.(this.file(fd).standard)) throw systemError('ENOTTY');
        return 0;
      }),
      __syscall_fstat64: call((fd, to) => this.putStats(this.stats(this.file(fd)), to)),
      __syscall_stat64: call((path, to) => this.putStats(statAt(AT.FDCWD, path, 0), to)),
      __syscall_lstat64: call((path, to) => this.putStats(statAt(AT.FDCWD, path, AT.SYMLINK_NOFOLLOW), to)),
      __syscall_fstatat64: call((folder, path, to, flags) => this.putStats(statAt(folder, path, flags), to)),
      __syscall_linkat: call((folder, path, newFolder, newPath) =>
        fs.linkSync(this.resolve(folder, path), this.resolve(newFolder, newPath))),
      __syscall_renameat: call((folder, path, newFolder, newPath) =>
        fs.renameSync(this.resolve(folder, path), this.resolve(newFolder, newPath))),
      __syscall_rename: call((path, newPath) => fs.renameSync(this.text(path), this.text(newPath))),
      __syscall_mkdir: call((path, bits) => fs.mkdirSync(this.text(path), { mode: bits })),
      __syscall_unlink: call((path) => fs.unlinkSync(this.text(path))),
      __syscall_unlinkat: call((folder, path) => fs.unlinkSync(this.resolve(folder, path))),
      __syscall_getcwd: call((to, size) => {
        const path = new TextEncoder().encode(`${this.cwd}\0`);
        if (path.length > size) throw systemError('ENAMETOOLONG');
        this.bytes(to, path.length).set(path);
        return path.length;
      }),
      __syscall_readlink: call((path, to, size) => {
        const target = new TextEncoder().encode(fs.readlinkSync(this.text(path))).subarray(0, size);
        this.bytes(to, target.length).set(target);
        return target.length;
      }),
      __syscall_getdents64: call((fd, to, size) => this.entries(fd, to, size)),
      _mmap_js: call((_address, length, _protection, _flags, fd, from, allocated) => {
        const at = this.map(length >>> 0, fd, from >>> 0);
        this.put32(allocated, 1);
        return at;
      }),
      _munmap_js: () => 0,
    };

    const host = {
      sha256_of_file: (fd, to) => {
        try {
          const text = fs.sha256?.(this.file(fd).handle);
          if (text) this.bytes(to, 65).set(new TextEncoder().encode(`${text}\0`));
          return text ? 1 : 0;
        } catch (error) {
          if (!error?.code) throw error;
          return 0; // the program computes it
        }
      },
      read_number: (at, length) => {
        const [number, size] = readNumber(this.text(at));
        this.put32(length, size);
        return number;
      },
    };

    const wasi_snapshot_preview1 = {
      proc_exit: (status) => { throw new Exit(status); },
      fd_close: wasi((fd) => this.close(fd)),
      fd_sync: wasi((fd) => {
        const file = this.file(fd);
        if (!file.folder && file.standard === undefined) fs.fsyncSync(file.handle);
      }),
      fd_fdstat_get: wasi((fd, to) => {
        this.file(fd);
        this.bytes(to, 24).fill(0);
      }),
      fd_read: wasi((fd, list, count, result) => {
        const file = this.file(fd);
        this.put32(result, this.eachPart(list, count, (at, size) => {
          const got = this.read(file, at, size, file.position);
          if (file.position !== null) file.position += got;
          return got;
        }));
      }),
      fd_pread: wasi((fd, list, count, low, high, result) => {
        const file = this.file(fd);
        this.put32(result, this.eachPart(list, count, (at, size, sum) =>
          this.read(file, at, size, offset(low, high) + sum)));
      }),
      fd_write: wasi((fd, list, count, result) => {
        const file = this.file(fd);
        this.put32(result, this.eachPart(list, count, (at, size) => this.write(file, this.bytes(at, size))));
      }),
      fd_seek: wasi((fd, low, high, whence, result) => {
        const file = this.file(fd);
        if (file.position === null) throw systemError('ESPIPE');
        const from = [0, file.position, whence === 2 ? this.stats(file).size : 0][whence];
        file.position = from + offset(low, high);
        this.view().setBigInt64(result >>> 0, BigInt(file.position), true);
      }),
      environ_sizes_get: (count, size) => {
        this.put32(count, 0);
        this.put32(size, 0);
        return 0;
      },
      environ_get: () => 0,
    };

    for (const { module: room, name } of WebAssembly.Module.imports(module)) {
      if (room === 'env' && name.startsWith('invoke_')) env[name] = this.invoke();
      if (room === 'env' && name.startsWith('__syscall_')) env[name] ??= Object.assign(() => -ERRNO.ENOSYS, { unserved: true });
    }
    return { env, host, wasi_snapshot_preview1 };
  }

  /** A call that a long jump may end. */
  invoke() {
    return (index, ...given) => {
      const { stackSave, stackRestore, setThrew, __indirect_function_table: table } = this.exports;
      const stack = stackSave();
      try {
        return table.get(index)(...given);
      } catch (error) {
        stackRestore(stack);
        if (!(error instanceof LongJump)) throw error;
        setThrew(1, 0);
        return 0;
      }
    };
  }

  /** By more than asked for, so that it grows seldom: what is not used yet costs addresses alone. */
  grow(size) {
    const now = this.memory.buffer.byteLength;
    const most = 2 ** 32 - PAGE;
    for (const wanted of [Math.max(size, now * 1.25, now + GROWTH), size]) {
      if (wanted > most) continue;
      try {
        this.memory.grow(Math.ceil((wanted - now) / PAGE));
        return 1;
      } catch { /* less, then */ }
    }
    return 0;
  }

  closeAll() {
    for (const fd of [...this.files.keys()]) {
      try {
        this.close(fd);
      } catch { /* it is gone */ }
    }
  }
}

/** The system calls of the program that are answered with "not implemented". */
export function unserved(module) {
  return Object.entries(new Host({}, {}, '/').imports(module).env).filter(([, call]) => call.unserved).map(([name]) => name);
}

/**
 * Runs the program once.
 *
 * @param {WebAssembly.Module} module  bnfuse.wasm, compiled
 * @param {string[]} words             the command line, without the program's name
 * @param {object} fs                  files, with the functions and errors of node:fs; sha256(handle) -> 64 digits,
 *                                     where there is something faster than the program's own
 * @param {object} output              write(1 or 2, bytes) -> count; input: whether handle 0 of fs may be read;
 *                                     isTerminal(fd)
 * @param {string} cwd                 the working folder, for messages
 * @returns {number} the exit status
 */
export function runProgram(module, words, fs, output, cwd = '/') {
  const host = new Host(fs, output, cwd);
  const instance = new WebAssembly.Instance(module, host.imports(module));
  host.attach(instance);
  try {
    instance.exports.__wasm_call_ctors();
    const arguments_ = ['bnfuse', ...words].map((word) => host.putText(word));
    const list = instance.exports.malloc(4 * (arguments_.length + 1)) >>> 0;
    [...arguments_, 0].forEach((at, i) => host.put32(list + 4 * i, at));
    const status = instance.exports.main(arguments_.length, list);
    instance.exports.__stdio_exit();
    return status;
  } catch (error) {
    if (error instanceof Exit) return error.status;
    if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) throw error;
    output.write(2, new TextEncoder().encode(`bnfuse: internal error: ${error.message}\n`));
    return INTERNAL;
  } finally {
    host.closeAll();
  }
}
