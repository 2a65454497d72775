// SPDX-License-Identifier: Apache-2.0
//
// ONNX Runtime as a judge that shares no code with bnfuse. Optimizations are off unless asked for.
//
//   judge.mjs run MODEL DIR [INPUT.npy ...]        writes DIR/output_0.npy, output_1.npy, ...
//   judge.mjs compare A B [INPUT.npy ...]          one line: equal, differ, or skipped (A does not run)
//   judge.mjs compare --list LIST                  the same for every line of LIST: A, B, inputs, tabs between
//   judge.mjs expect MODEL OUTPUT.npy INPUT.npy .. the first output against a stored one
//   judge.mjs basic MODEL OUT                      what offline optimization at level `basic` makes of it
//   judge.mjs optimize LEVEL MODEL OUT             what it makes at level basic, extended or all
//   judge.mjs once A B [INPUT.npy ...]             loads and runs each once, for the clock
//
//   --threads N        1 unless said
//   --tolerance X      largest difference allowed, relative to the output's largest number
//
// Inputs come in the order in which the model declares them; without any they are made up, the same for A and B.
// Exit status: 0 all equal or skipped, 1 something differs, 2 wrong use.
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { arrayOf, readNpy, writeNpy } from './npy.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const place = process.env.BNFUSE_ORT ?? path.resolve(here, '../../build/ort');
const ort = createRequire(path.join(place, 'package.json'))('onnxruntime-node');

const defaultTolerance = { float64: 1e-9, float32: 1e-4, float16: 2e-2 };

function readArguments(words) {
    const options = { threads: 1, tolerance: undefined, list: undefined };
    const rest = [];
    for (let i = 0; i < words.length; i++) {
        const name = words[i].startsWith('--') ? words[i].slice(2) : undefined;
        if (name === undefined)
            rest.push(words[i]);
        else if (name in options)
            options[name] = name === 'list' ? words[++i] : Number(words[++i]);
        else
            throw new Error(`unknown option ${words[i]}`);
    }
    return { options, rest };
}

// Where bits are compared, weights that are stored and weights that are computed must go through the same kernels.
const unpacked = { extra: { session: { disable_prepacking: '1' } } };

function open(model, options, more = {}) {
    return ort.InferenceSession.create(model, {
        graphOptimizationLevel: 'disabled', executionMode: 'sequential', logSeverityLevel: 4,
        intraOpNumThreads: options.threads, interOpNumThreads: 1, ...(options.tolerance === 0 ? unpacked : {}), ...more });
}

// Numbers of about one, alike for equal names' positions; whole numbers stay 0 or 1, so that they fit as indices.
function makeUp(metadata) {
    let state = 12345;
    const next = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 4294967296;
    return metadata.map(({ type, shape }) => {
        const dims = shape.map(size => typeof size === 'number' && size > 0 ? size : 2);
        const data = new (arrayOf(type))(dims.reduce((a, b) => a * b, 1));
        const halves = () => 0x3000 + Math.floor(next() * 0xc00) + (next() < .5 ? 0x8000 : 0);
        for (let i = 0; i < data.length; i++)
            data[i] = type === 'float16' ? halves()
                : type.startsWith('float') ? next() * 4 - 2
                : data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(Math.floor(next() * 2))
                : Math.floor(next() * 2);
        return { type, dims, data };
    });
}

function feed(session, inputs) {
    const feeds = {};
    session.inputNames.forEach((name, i) => {
        feeds[name] = new ort.Tensor(inputs[i].type, inputs[i].data, inputs[i].dims);
    });
    return feeds;
}

async function run(model, files, options) {
    const session = await open(model, options);
    const inputs = files.length ? files.map(readNpy) : makeUp(session.inputMetadata);
    const results = await session.run(feed(session, inputs));
    return { inputs, outputs: session.outputNames.map(name => ({ name, ...pick(results[name]) })) };
}

function pick(tensor) {
    return { type: tensor.type, dims: [...tensor.dims], data: tensor.data };
}

function number(value, type) {
    if (type !== 'float16')
        return Number(value);
    const exponent = value >> 10 & 31, fraction = value & 1023, sign = value & 0x8000 ? -1 : 1;
    return exponent === 31 ? (fraction ? NaN : sign * Infinity)
        : sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

// Largest difference relative to the largest number of a; Infinity where shapes, types, NaN or infinities disagree.
function distance(a, b) {
    if (a.type !== b.type || a.dims.join() !== b.dims.join())
        return Infinity;
    let scale = 0, largest = 0;
    for (let i = 0; i < a.data.length; i++) {
        const x = number(a.data[i], a.type), y = number(b.data[i], b.type);
        if (Object.is(x, y) || x === y) {
            if (Number.isFinite(x))
                scale = Math.max(scale, Math.abs(x));
            continue;
        }
        if (!Number.isFinite(x) || !Number.isFinite(y))
            return Infinity;
        scale = Math.max(scale, Math.abs(x));
        largest = Math.max(largest, Math.abs(x - y));
    }
    return largest === 0 ? 0 : largest / scale;
}

function judge(a, b, options) {
    if (a.length !== b.length)
        return { equal: false, worst: Infinity };
    const far = a.map((output, i) => distance(output, b[i]));
    const equal = a.every((output, i) => far[i] <= (options.tolerance ?? defaultTolerance[output.type] ?? 0));
    return { equal, worst: Math.max(0, ...far) };
}

function firstLine(error) {
    return String(error.message).split('\n')[0];
}

async function compareOne(a, b, files, options) {
    let before;
    try {
        before = await run(a, files, options);
    } catch (error) {
        console.log(`skipped\t${a}\t${firstLine(error)}`);
        return true;
    }
    try {
        const session = await open(b, options);
        const results = await session.run(feed(session, before.inputs));
        const after = session.outputNames.map(name => ({ name, ...pick(results[name]) }));
        const { equal, worst } = judge(before.outputs, after, options);
        console.log(`${equal ? 'equal' : 'differ'}\t${b}\t${worst.toExponential(2)}`);
        return equal;
    } catch (error) {
        console.log(`differ\t${b}\t${firstLine(error)}`);
        return false;
    }
}

function child(words) {
    return spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...words], { encoding: 'utf8' });
}

// ONNX Runtime may crash on a model. Lists are therefore run by a child, which is started anew behind the row that it
// died on; when the original crashes by itself, the row says nothing about the fused one.
function compareList(rows, options) {
    const words = ['--threads', String(options.threads)];
    if (options.tolerance !== undefined)
        words.push('--tolerance', String(options.tolerance));
    let all = true;
    while (rows.length) {
        const result = child(['rows', ...words, ...rows.map(row => row.join('\t'))]);
        const lines = result.stdout.split('\n').filter(line => line);
        lines.forEach(line => console.log(line));
        all &&= lines.every(line => !line.startsWith('differ'));
        rows = rows.slice(lines.length);
        if (rows.length === 0)
            break;
        const [a, b, ...files] = rows.shift();
        const alone = child(['once', ...words, a, a, ...files]);
        console.log(alone.status === null ? `skipped\t${a}\tONNX Runtime crashes` : `differ\t${b}\tONNX Runtime crashes`);
        all &&= alone.status === null;
    }
    return all ? 0 : 1;
}

function readList(path) {
    return fs.readFileSync(path, 'utf8').split('\n').filter(line => line).map(line => line.split('\t'));
}

const commands = {
    async run([model, dir, ...files], options) {
        const { outputs } = await run(model, files, options);
        fs.mkdirSync(dir, { recursive: true });
        outputs.forEach(({ type, dims, data }, i) => writeNpy(path.join(dir, `output_${i}.npy`), type, dims, data));
        return 0;
    },
    async compare([a, b, ...files], options) {
        return options.list ? compareList(readList(options.list), options) : await compareOne(a, b, files, options) ? 0 : 1;
    },
    async rows(rows, options) {
        for (const row of rows) {
            const [a, b, ...files] = row.split('\t');
            await compareOne(a, b, files, options);
        }
        return 0;
    },
    async expect([model, stored, ...files], options) {
        const { outputs } = await run(model, files, options);
        const { equal, worst } = judge([readNpy(stored)], outputs.slice(0, 1), options);
        console.log(`${equal ? 'equal' : 'differ'}\t${model}\t${worst.toExponential(2)}`);
        return equal ? 0 : 1;
    },
    async basic([model, out], options) {
        await open(model, options, { graphOptimizationLevel: 'basic', optimizedModelFilePath: out });
        return 0;
    },
    async optimize([level, model, out], options) {
        await open(model, options, { graphOptimizationLevel: level, optimizedModelFilePath: out });
        return 0;
    },
    async once([a, b, ...files], options) {
        await run(a, files, options);
        await run(b, files, options);
        return 0;
    },
};

const { options, rest } = readArguments(process.argv.slice(2));
const command = commands[rest.shift()];
if (!command || (!options.list && rest.length === 0)) {
    console.error('usage: judge.mjs run|compare|expect|basic|optimize|once MODEL ... (see the head of the file)');
    process.exit(2);
}
process.exit(await command(rest, options));
