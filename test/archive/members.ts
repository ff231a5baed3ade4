/** Archives made by hand, for what no decent program writes. */
import { crc32, deflateRawSync } from 'node:zlib';
import { HeaderWriter, paddingOf } from '../../src/archive/tar/header.ts';
import { paxRecord } from '../../src/archive/tar/pax.ts';
import {
  centralEntry,
  endRecords,
  localHeader,
  METHOD_DEFLATED,
  METHOD_STORED,
} from '../../src/archive/zip/records.ts';

export interface TarMember {
  readonly name: string;
  readonly data?: string | Uint8Array;
  readonly type?: string;
  readonly mode?: number;
  readonly link?: string;
  /** Records of an extended header before it. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  /** What the header says, where that is not the truth. */
  readonly size?: number;
}

const headers = new HeaderWriter(1_700_000_000);

function tarEntry(name: string, type: string, data: Uint8Array, more: Partial<TarMember>): Buffer {
  const block = Buffer.alloc(512);
  headers.put(block, 0, {
    name: Buffer.from(name, 'latin1').subarray(0, 100),
    mode: more.mode ?? 0o644,
    size: more.size ?? data.length,
    type,
    linkName: more.link === undefined ? undefined : Buffer.from(more.link),
  });
  return Buffer.concat([block, data, Buffer.alloc(paddingOf(data.length))]);
}

/** A tar with the members as they are given. */
export function tarOf(members: readonly TarMember[], end = Buffer.alloc(1024)): Buffer {
  const parts: Buffer[] = [];
  for (const member of members) {
    if (member.pax !== undefined) {
      const records = Object.entries(member.pax).map(([key, value]) => paxRecord(key, value));
      parts.push(tarEntry('pax', 'x', Buffer.concat(records), {}));
    }
    const { data = '' } = member;
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    parts.push(tarEntry(member.name, member.type ?? '0', bytes, member));
  }
  return Buffer.concat([...parts, end]);
}

export interface ZipMember {
  readonly name: string | Uint8Array;
  readonly data?: string | Uint8Array;
  readonly mode?: number;
  readonly store?: boolean;
  /** What the records say, where that is not the truth. */
  readonly size?: number;
  readonly crc?: number;
  readonly method?: number;
  /** Extra fields of the directory's record. */
  readonly extra?: Uint8Array;
}

/** A record of the directory with more extra fields; it has no comment. */
function withExtra(record: Buffer, extra: Uint8Array = new Uint8Array(0)): Buffer {
  const whole = Buffer.concat([record, extra]);
  whole.writeUInt16LE(record.readUInt16LE(30) + extra.length, 30);
  return whole;
}

/** A zip with the members as they are given; each name is UTF-8 unless it is bytes. */
export function zipOf(members: readonly ZipMember[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data = '', mode = 0o100644, store = false, extra, ...lies } of members) {
    const bytes = Buffer.from(data);
    const packed = store ? bytes : deflateRawSync(bytes);
    const entry = {
      name: Buffer.from(name),
      isUtf8: typeof name === 'string',
      method: lies.method ?? (store ? METHOD_STORED : METHOD_DEFLATED),
      mode,
      crc: lies.crc ?? crc32(bytes),
      compressedSize: packed.length,
      size: lies.size ?? bytes.length,
      offset,
      // Out of the range of the time field, so that the names stand as in old archives.
      time: -(2 ** 40),
      streamed: false,
      wide: false,
    };
    const whole = Buffer.concat([localHeader(entry), packed]);
    parts.push(whole);
    central.push(withExtra(centralEntry(entry), extra));
    offset += whole.length;
  }
  const size = central.reduce((sum, record) => sum + record.length, 0);
  return Buffer.concat([
    ...parts,
    ...central,
    endRecords({ entries: central.length, size, offset }, comment),
  ]);
}
