/** A tar archive of texts (POSIX ustar; pax where a name is too long for that), compressed by gzip. Pure. */
import { gzipSync } from 'node:zlib'

export interface BundleFile {
  /** With folders: `nodes/node-1/status.txt`. */
  readonly name: string
  readonly text: string
}

const BLOCK = 512
const LONGEST_NAME = 100
const LONGEST_PREFIX = 155
/** Types of entries: a file, and what pax says of the next one. */
const FILE = '0'
const EXTENDED = 'x'

/** @param seconds since 1970, which all files are of */
export function archiveOf(files: readonly BundleFile[], seconds: number): Buffer {
  const parts = files.flatMap(({ name, text }) => {
    const fields = splitName(name)
    if (fields) return entry(fields, FILE, text, seconds)
    const extended = entry({ prefix: '', name: 'pax' }, EXTENDED, record('path', name), seconds)
    return [...extended, ...entry({ prefix: '', name: 'long' }, FILE, text, seconds)]
  })
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]))
}

interface NameFields {
  readonly prefix: string
  readonly name: string
}

function entry(fields: NameFields, type: string, text: string, seconds: number): Buffer[] {
  const body = Buffer.from(text)
  return [header(fields, type, body.length, seconds), body, Buffer.alloc(-body.length & (BLOCK - 1))]
}

/** A line of pax, which begins with its own length: of the file that follows. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const length = (digits: number) => digits + Buffer.byteLength(rest)
  let digits = 1
  while (String(length(digits)).length > digits) digits++
  return `${length(digits)}${rest}`
}

function header({ prefix, name }: NameFields, type: string, size: number, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0')
  block.write(name, 0)
  block.write(octal(0o600, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(seconds, 12), 136)
  block.write(' '.repeat(8), 148)
  block.write(type, 156)
  block.write('ustar\0' + '00', 257)
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 7)}\0 `, 148)
  return block
}

/** At a slash, when it is too long for one field; undefined: it does not fit into two. */
function splitName(path: string): NameFields | undefined {
  if (Buffer.byteLength(path) <= LONGEST_NAME) return { prefix: '', name: path }
  for (let at = path.indexOf('/', 1); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (Buffer.byteLength(prefix) > LONGEST_PREFIX) return undefined
    if (name !== '' && Buffer.byteLength(name) <= LONGEST_NAME) return { prefix, name }
  }
  return undefined
}
