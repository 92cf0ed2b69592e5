/** A tar archive of texts (POSIX ustar), compressed by gzip. Pure. */
import { gzipSync } from 'node:zlib'

export interface BundleFile {
  /** With folders: `nodes/node-1/status.txt`. */
  readonly name: string
  readonly text: string
}

const BLOCK = 512
const LONGEST_NAME = 100
const LONGEST_PREFIX = 155

/** @param seconds since 1970, which all files are of */
export function archiveOf(files: readonly BundleFile[], seconds: number): Buffer {
  const parts = files.flatMap(({ name, text }) => {
    const body = Buffer.from(text)
    return [header(name, body.length, seconds), body, Buffer.alloc(-body.length & (BLOCK - 1))]
  })
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]))
}

function header(path: string, size: number, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const { prefix, name } = splitName(path)
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0')
  block.write(name, 0)
  block.write(octal(0o600, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(seconds, 12), 136)
  block.write(' '.repeat(8), 148)
  // A file.
  block.write('0', 156)
  block.write('ustar\0' + '00', 257)
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 7)}\0 `, 148)
  return block
}

/** At a slash, when it is too long for one field. */
function splitName(path: string): { readonly prefix: string; readonly name: string } {
  if (Buffer.byteLength(path) <= LONGEST_NAME) return { prefix: '', name: path }
  const at = path.lastIndexOf('/')
  const [prefix, name] = [path.slice(0, Math.max(at, 0)), path.slice(at + 1)]
  return { prefix: prefix.slice(0, LONGEST_PREFIX), name: name.slice(0, LONGEST_NAME) }
}
