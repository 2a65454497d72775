// SPDX-License-Identifier: Apache-2.0

/** Bytes of a file; a Blob or File only in a browser's worker. */
export type Bytes = Uint8Array | ArrayBuffer | Blob;

/** How a call ended; the numbers are the program's exit statuses. */
export type Status = 0 | 1 | 2 | 3 | 4 | 5 | 70;

/** Why a call failed. `message` names the node and the next step; `report` is there as far as the program came. */
export class BnfuseError extends Error {
  readonly status: Status;
  readonly report?: Report;
}

interface Common {
  /** Further files by their names: external data, for example. */
  files?: Record<string, Bytes>;
  /** At most so much memory, as in "512M". */
  memory?: string;
}

interface Fusing extends Common {
  /** Treat overridable initializers as constants. */
  freezeWeights?: boolean;
  /** Take training-mode BatchNormalization for inference. */
  assumeInference?: boolean;
  /** Let the model grow by at most so much, as in "256M". */
  foldLimit?: string;
  enable?: string[];
  disable?: string[];
  /** Names of nodes left alone. */
  skip?: string[];
  lower?: 'mul-add' | 'conv';
  /** Remove everything else, too, that can go without changing a bit of any result. */
  simplify?: boolean;
}

interface Checking extends Common {
  atol?: number;
  rtol?: number;
  /** Of random inputs. */
  seed?: number;
  /** Sizes of dimensions that the model leaves open. */
  dim?: Record<string, number>;
  /** Shapes of inputs. */
  shape?: Record<string, number[]>;
  onProgress?: (stage: string, done: number) => void;
}

export interface FuseOptions extends Fusing, Checking {
  /** false: write without a check; 'quick': each change by itself; true, 'standard': both models as well; 'full': in
   * float64, too, and the whole graph must run. */
  check?: boolean | 'quick' | 'standard' | 'full';
  allowUnchecked?: boolean;
  strict?: boolean;
  require?: number;
  /** Put tensors of 1 KiB and more into a file of this name; it comes back in `files`. */
  externalData?: string;
}
export type ExplainOptions = Fusing;
export type CompareOptions = Checking;
export interface RunOptions extends Common {
  /** Compute all real numbers in float64. */
  exact?: boolean;
}

export interface Remark {
  node: string;
  output: string;
  scope: string;
  outcome: 'folded' | 'merged' | 'removed' | 'lowered' | 'stays';
  /** Why it stays, as "BNF106". */
  code: string | null;
  reason: string;
  help: string;
  where: string[];
  detail: string;
  path: { direction: 'upstream' | 'downstream'; operators: string[] }[];
}

export interface Check {
  verdict: 'identical' | 'pass' | 'pass (rounding only)' | 'pass (sites only)' | 'equal on what was tried'
    | 'pass (lower precision)' | 'cannot tell' | 'fail' | 'ill-conditioned' | 'not checked';
  why: string;
  first_divergent: string | null;
  worst_site: number;
  [member: string]: unknown;
}

/** What the program says with --json; docs/json.md has every member. */
export interface Report {
  bnfuse: string;
  schema_version: number;
  command: 'fuse' | 'explain' | 'compare' | 'run';
  status: Status;
  message: string;
  batch_normalizations?: Remark[];
  folded?: number;
  left?: number;
  operators?: { op: string; before: number; after: number }[];
  nodes?: { before: number; after: number };
  parameters?: { before: number; after: number };
  bytes?: { before: number; after: number };
  check?: Check | null;
  /** What `simplify` changed. */
  rewrites?: { rule: string; node: string; op: string; scope: string; where: string }[];
  [member: string]: unknown;
}

export type TypedArray =
  | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array
  | BigInt64Array | BigUint64Array;

export interface Tensor {
  data: TypedArray | number[];
  /** Left out: one dimension. */
  dims?: number[];
  /** numpy's name of the type where the array does not say it: "<f2" (bits in a Uint16Array), "|b1" (in a Uint8Array). */
  type?: string;
}

/** Fuses, checks, and resolves to the new model; rejects with a BnfuseError where the program would write nothing. */
export function fuse(model: Bytes, options?: FuseOptions):
  Promise<{ model: Uint8Array; report: Report; files?: Record<string, Uint8Array> }>;
/** Where every BatchNormalization would go, or why it stays. */
export function explain(model: Bytes, options?: ExplainOptions): Promise<Report>;
/** Do two models compute the same? `status` of the report is 1 when they differ. */
export function compare(a: Bytes, b: Bytes, options?: CompareOptions): Promise<Report>;
/** Runs a model on given inputs; the outputs by their names. */
export function run(model: Bytes, inputs: Record<string, Tensor>, options?: RunOptions):
  Promise<Record<string, Tensor & { data: TypedArray; dims: number[] }>>;
/** The program itself, with a command line over files in memory. */
export function program(words: string[], files?: Record<string, Bytes>, onProgress?: (stage: string, done: number) => void):
  Promise<{ status: number; stdout: string; stderr: string; files: Record<string, Bytes> }>;
/** Compiles bnfuse.wasm, which the other functions do by themselves; a page may say where it is. */
export function load(source?: URL | string | Response | Uint8Array | ArrayBuffer | WebAssembly.Module):
  Promise<WebAssembly.Module>;
