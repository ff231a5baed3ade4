/**
 * Assembles WebAssembly (core specification, chapters 5 and 6) from the part of its text format that
 * our own `.wat` files use: one module of memory, globals, data and functions whose instructions are
 * all folded. What it does not know is an error, and what makes no sense the engine refuses.
 */

const FIELDS = ['memory', 'global', 'data', 'func'];
const TYPES = { i32: 0x7f, i64: 0x7e };
const EXPORT_KINDS = { func: 0, memory: 2, global: 3 };

/** Operation code, and for access to memory the logarithm of its natural alignment. */
const OPERATIONS = {
  return: [0x0f],
  drop: [0x1a],
  'i32.load': [0x28, 2],
  'i32.load8_u': [0x2d, 0],
  'i32.load16_u': [0x2f, 1],
  'i64.load8_u': [0x31, 0],
  'i64.load32_u': [0x35, 2],
  'i32.store': [0x36, 2],
  'i32.store8': [0x3a, 0],
  'i32.store16': [0x3b, 1],
  'i32.eqz': [0x45],
  'i32.eq': [0x46],
  'i32.ne': [0x47],
  'i32.lt_s': [0x48],
  'i32.lt_u': [0x49],
  'i32.gt_u': [0x4b],
  'i32.le_u': [0x4d],
  'i32.ge_u': [0x4f],
  'i32.add': [0x6a],
  'i32.sub': [0x6b],
  'i32.rem_u': [0x70],
  'i32.and': [0x71],
  'i32.or': [0x72],
  'i32.xor': [0x73],
  'i32.shl': [0x74],
  'i32.shr_u': [0x76],
  'i32.rotl': [0x77],
  'i64.or': [0x84],
  'i64.shl': [0x86],
  'i64.shr_u': [0x88],
  'i32.wrap_i64': [0xa7],
  'i64.extend_i32_u': [0xad],
};
const BULK_OPERATIONS = { 'memory.copy': [0xfc, 10, 0, 0], 'memory.fill': [0xfc, 11, 0] };
const VARIABLES = {
  'local.get': 0x20,
  'local.set': 0x21,
  'local.tee': 0x22,
  'global.get': 0x23,
  'global.set': 0x24,
  call: 0x10,
};
const NO_RESULT = 0x40;
const END = 0x0b;

/** @returns {Buffer} the module that the text stands for */
export function assemble(text) {
  const [[, ...all]] = parse(text);
  const stranger = all.find(([kind]) => !FIELDS.includes(kind));
  if (stranger !== undefined) throw new Error(`${stranger[0]} is not known`);
  const fields = (kind) => all.filter((field) => field[0] === kind);
  const functions = fields('func').map(readFunction);
  const globals = fields('global').map(readGlobal);
  const names = { functions: indexes(functions), globals: indexes(globals) };
  const exports = [
    ...fields('memory').map((memory) => ({ exported: exportIn(memory), kind: 'memory', index: 0 })),
    ...globals.map(({ exported }, index) => ({ exported, kind: 'global', index })),
    ...functions.map(({ exported }, index) => ({ exported, kind: 'func', index })),
  ].filter(({ exported }) => exported !== undefined);

  return Buffer.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      functions.map(({ parameters, results }) => [
        0x60,
        ...vector(parameters.map(({ type }) => [TYPES[type]])),
        ...vector(results.map((type) => [TYPES[type]])),
      ]),
    ),
    ...section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    ...section(
      5,
      fields('memory').map((memory) => [0, ...unsigned(Number(memory.at(-1)))]),
    ),
    ...section(
      6,
      globals.map(({ type, isMutable, value }) => [
        TYPES[type],
        isMutable ? 1 : 0,
        ...instruction(value, names),
        END,
      ]),
    ),
    ...section(
      7,
      exports.map(({ exported, kind, index }) => [
        ...vector([...Buffer.from(exported)].map((byte) => [byte])),
        EXPORT_KINDS[kind],
        ...unsigned(index),
      ]),
    ),
    ...section(
      10,
      functions.map((fun) => sized(body(fun, names))),
    ),
    ...section(
      11,
      fields('data').map(([, offset, ...strings]) => [
        0,
        ...instruction(offset, names),
        END,
        ...vector(strings.flatMap(bytesOf)),
      ]),
    ),
  ]);
}

/** Lists as arrays, all else as strings. */
function parse(text) {
  const open = [[]];
  for (const [token] of text.matchAll(/;;[^\n]*|"[^"]*"|[()]|[^\s()";]+/g)) {
    if (token.startsWith(';;')) continue;
    if (token === '(') open.push([]);
    else if (token === ')') open.at(-2).push(open.pop());
    else open.at(-1).push(token);
  }
  if (open.length !== 1) throw new Error('a list is not closed');
  return open[0];
}

function readFunction(field) {
  const lists = (kind) => field.filter((item) => item[0] === kind);
  const heads = ['export', 'param', 'result', 'local'];
  return {
    name: nameOf(field),
    exported: exportIn(field),
    parameters: lists('param').map(([, name, type]) => ({ name, type })),
    results: lists('result').map(([, type]) => type),
    locals: lists('local').map(([, name, type]) => ({ name, type })),
    instructions: field.filter((item) => Array.isArray(item) && !heads.includes(item[0])),
  };
}

function readGlobal(field) {
  const [type, value] = field.slice(-2);
  const isMutable = Array.isArray(type);
  return {
    name: nameOf(field),
    exported: exportIn(field),
    type: isMutable ? type[1] : type,
    isMutable,
    value,
  };
}

function nameOf([, name]) {
  return typeof name === 'string' && name.startsWith('$') ? name : undefined;
}

function exportIn(field) {
  return field.find((item) => item[0] === 'export')?.[1].slice(1, -1);
}

function indexes(items) {
  return new Map(items.map(({ name }, index) => [name, index]));
}

function bytesOf(string) {
  return string
    .slice(1, -1)
    .match(/\\[0-9a-f]{2}/g)
    .map((byte) => [Number.parseInt(byte.slice(1), 16)]);
}

function body({ parameters, locals, instructions }, names) {
  const scope = { ...names, locals: indexes([...parameters, ...locals]), labels: [] };
  return [
    ...vector(locals.map(({ type }) => [1, TYPES[type]])),
    ...sequence(instructions, scope),
    END,
  ];
}

function sequence(instructions, scope) {
  return instructions.flatMap((item) => instruction(item, scope));
}

/** @param scope the indexes of what has a name, and the labels around the instruction, innermost first */
function instruction([name, ...rest], scope) {
  const operands = rest.filter(Array.isArray);
  const [immediate] = rest.filter((item) => !Array.isArray(item));
  if (name === 'block' || name === 'loop') {
    const inner = { ...scope, labels: [immediate, ...scope.labels] };
    return [name === 'block' ? 0x02 : 0x03, NO_RESULT, ...sequence(operands, inner), END];
  }
  if (name === 'if') {
    const inner = { ...scope, labels: [undefined, ...scope.labels] };
    const [condition, [, ...then], [, ...otherwise] = []] = operands;
    const alternative = otherwise.length > 0 ? [0x05, ...sequence(otherwise, inner)] : [];
    return [
      ...instruction(condition, scope),
      ...[0x04, NO_RESULT, ...sequence(then, inner), ...alternative, END],
    ];
  }
  return [...sequence(operands, scope), ...operation(name, immediate, scope)];
}

function operation(name, immediate, scope) {
  if (name === 'br' || name === 'br_if') {
    return [name === 'br' ? 0x0c : 0x0d, ...unsigned(known(scope.labels.indexOf(immediate), name))];
  }
  if (name === 'i32.const') return [0x41, ...signed(BigInt.asIntN(32, BigInt(immediate)))];
  if (name === 'i64.const') return [0x42, ...signed(BigInt.asIntN(64, BigInt(immediate)))];
  if (name in VARIABLES) {
    const [kind] = name.split('.');
    const map = { local: scope.locals, global: scope.globals, call: scope.functions }[kind];
    return [VARIABLES[name], ...unsigned(known(map.get(immediate), immediate))];
  }
  if (name in BULK_OPERATIONS) return BULK_OPERATIONS[name];
  const [code, alignment] = known(OPERATIONS[name], name);
  if (alignment === undefined) return [code];
  return [code, alignment, ...unsigned(Number(immediate?.replace('offset=', '') ?? 0))];
}

function known(found, name) {
  if (found === undefined || found === -1) throw new Error(`${name} is not known`);
  return found;
}

function section(id, items) {
  return [id, ...sized(vector(items))];
}

function vector(items) {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes) {
  return [...unsigned(bytes.length), ...bytes];
}

/** LEB128. */
function unsigned(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

function signed(value) {
  const bytes = [];
  for (; value < -64n || value > 63n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return [...bytes, Number(value & 127n)];
}
