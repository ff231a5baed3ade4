/** The assembler of our WebAssembly: the engine itself is the referee. */
import { describe, expect, test } from 'vitest';
import { assemble } from '../../scripts/wat.mjs';

interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Record<string, unknown> };
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyInterface };

type Call = (...values: number[]) => number;

function run(text: string): Record<string, unknown> {
  return new WebAssembly.Instance(new WebAssembly.Module(assemble(text))).exports;
}

test('constants of every length', () => {
  for (const value of [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2 ** 31 - 1, -(2 ** 31)]) {
    const { f } = run(`(module (func (export "f") (result i32) (i32.const ${value})))`);
    expect((f as Call)()).toBe(value);
  }
  const { f } = run('(module (func (export "f") (result i32) (i32.const 0xfffffffe)))');
  expect((f as Call)()).toBe(-2);
});

test('loops, conditions, labels and calls', () => {
  const { f } = run(`(module
    ;; Sums what is odd, up to a limit.
    (func $isOdd (param $n i32) (result i32) (i32.and (local.get $n) (i32.const 1)))
    (func (export "f") (param $limit i32) (result i32)
      (local $n i32) (local $sum i32)
      (block $done
        (loop $next
          (br_if $done (i32.gt_u (local.get $n) (local.get $limit)))
          (if (call $isOdd (local.get $n))
            (then (local.set $sum (i32.add (local.get $sum) (local.get $n))))
            (else (if (i32.eq (local.get $n) (i32.const 1000)) (then (br $done)))))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br $next)))
      (local.get $sum)))`);
  expect((f as Call)(10)).toBe(25);
  expect((f as Call)(5000)).toBe(250_000);
});

test('globals, data and access to memory', () => {
  const exports = run(`(module
    (memory (export "memory") 1)
    (global $AT (export "AT") i32 (i32.const 300))
    (global $count (mut i32) (i32.const 5))
    (data (i32.const 300) "\\01\\02" "\\ff")
    (func (export "f") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (memory.copy (i32.const 310) (global.get $AT) (i32.const 3))
      (i32.store16 offset=5 (global.get $AT) (i32.load16_u (i32.const 311)))
      (global.get $count)))`);
  expect((exports.AT as { value: number }).value).toBe(300);
  expect((exports.f as Call)()).toBe(6);
  const bytes = Buffer.from((exports.memory as { buffer: ArrayBuffer }).buffer);
  expect([...bytes.subarray(298, 315)]).toEqual([
    0, 0, 1, 2, 255, 0, 0, 2, 255, 0, 0, 0, 1, 2, 255, 0, 0,
  ]);
});

describe('what it does not know is an error', () => {
  test.each([
    '(module (func (i32.const 1)',
    '(module (table 1 funcref))',
    '(module (func (i32.popcnt (i32.const 1))))',
    '(module (func (local.get $there)))',
    '(module (func (call $there)))',
    '(module (func (loop $here (br $there))))',
  ])('%s', (text) => {
    expect(() => assemble(text)).toThrow();
  });
});
