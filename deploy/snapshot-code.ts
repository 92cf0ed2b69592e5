/**
 * A startup snapshot ends with V8's compiled code of all of Node.js's own modules: 4 MB that each start reads and copies, of which it uses
 * a thirtieth. Where the processor is emulated each page costs 20 us and more, and all of that was a tenth of the agent's start.
 *
 * `SnapshotData::ToBlob` of Node.js (src/node_snapshotable.cc) writes it last: a count, then of each module its name and its code, both
 * behind their length; all numbers have 64 bits. A module without code is compiled when it is loaded, as far as it is used.
 */

/** What the agent loads at its start and no snapshot can hold: HTTP, TLS, and what a server that listens asks for. */
export const LOADED_AT_START: readonly string[] = [
  ...['http', 'https', 'tls', 'cluster'],
  ...['_http_agent', '_http_client', '_http_common', '_http_incoming', '_http_outgoing', '_http_server'],
  ...['internal/http', 'internal/freelist', 'internal/js_stream_socket', 'internal/util/comparisons'],
  ...['internal/tls/common', 'internal/tls/secure-context', 'internal/tls/wrap'],
  ...['internal/cluster/primary', 'internal/cluster/worker', 'internal/cluster/utils'],
  ...['internal/cluster/round_robin_handle', 'internal/cluster/shared_handle'],
]

/** Modules of which Node.js 24 has code: 388. Fewer than this are something else that looks like it. */
const FEWEST = 50
const LONGEST_NAME = 200
const NAME = /^[\w/.-]+$/

/**
 * The snapshot with the code of these modules only.
 * @throws RangeError where Node.js lays out its snapshots in another way, or has no such module
 */
export function keepCodeOf(names: readonly string[], blob: Buffer): Buffer {
  for (let start = 0; start + 8 < blob.length; start++) {
    const code = modulesFrom(start, blob)
    if (code === undefined) continue
    const kept = names.map((name) => code.get(name) ?? refuse(`there is no module ${name}`))
    const count = Buffer.alloc(8)
    count.writeBigUInt64LE(BigInt(kept.length))
    return Buffer.concat([blob.subarray(0, start), count, ...kept])
  }
  return refuse('there is no code of modules')
}

/** By name, the bytes of each module; undefined where no such list begins that ends with the blob. */
function modulesFrom(start: number, blob: Buffer): ReadonlyMap<string, Buffer> | undefined {
  const number = (offset: number) => {
    if (offset + 8 > blob.length || blob.readUInt32LE(offset + 4) !== 0) return undefined
    return blob.readUInt32LE(offset)
  }
  const count = number(start)
  if (count === undefined || count < FEWEST || count > blob.length) return undefined
  const modules = new Map<string, Buffer>()
  let at = start + 8
  for (let index = 0; index < count; index++) {
    const nameLength = number(at)
    if (nameLength === undefined || nameLength > LONGEST_NAME) return undefined
    const name = blob.toString('latin1', at + 8, at + 8 + nameLength)
    const length = number(at + 8 + nameLength)
    if (length === undefined || !NAME.test(name)) return undefined
    const end = at + 8 + nameLength + 8 + length
    modules.set(name, blob.subarray(at, end))
    at = end
  }
  return at === blob.length ? modules : undefined
}

function refuse(reason: string): never {
  throw new RangeError(`the snapshot of this Node.js is another one: ${reason} (deploy/snapshot-code.ts)`)
}
