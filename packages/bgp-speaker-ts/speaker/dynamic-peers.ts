// Address ranges whose members become peers by connecting, and the current peers of each range.
import { contains, type Prefix, parsePrefix, parseScoped } from '../address.ts'
import type { DynamicPeersConfig, PeerConfig } from '../config.ts'
import { BgpConfigError } from '../errors.ts'

interface Range {
  readonly config: DynamicPeersConfig
  readonly outer: Prefix
  readonly members: Set<string>
}

const DEFAULT_LIMIT = 100

export class DynamicPeers {
  readonly #ranges = new Map<string, Range>()

  /** Adds a checked range. @throws BgpConfigError when its prefix is configured already. */
  add(config: DynamicPeersConfig): void {
    if (this.#ranges.has(config.prefix))
      throw new BgpConfigError([{ path: 'prefix', problem: `there is a range ${config.prefix} already` }])
    this.#ranges.set(config.prefix, { config, outer: parsePrefix(config.prefix)!, members: new Set() })
  }

  /** Removes a range; returns it with the addresses of its peers, or undefined when there is none. */
  remove(
    prefix: string,
  ): { readonly config: DynamicPeersConfig; readonly members: readonly string[] } | undefined {
    const range = this.#ranges.get(prefix)
    this.#ranges.delete(prefix)
    return range === undefined ? undefined : { config: range.config, members: [...range.members] }
  }

  /** Makes an address a peer of the most specific range with room and returns its configuration; undefined: there is no such range. */
  claim(address: string): PeerConfig | undefined {
    const bytes = parseScoped(address)
    if (bytes === undefined) return undefined
    let best: Range | undefined
    for (const range of this.#ranges.values()) {
      if (!contains(range.outer, bytes) || range.members.size >= (range.config.limit ?? DEFAULT_LIMIT))
        continue
      if (best === undefined || range.outer.length > best.outer.length) best = range
    }
    if (best === undefined) return undefined
    best.members.add(address)
    const { prefix: _prefix, limit: _limit, ...config } = best.config
    return { ...config, address, passive: true }
  }

  /** The address is no longer a peer: its range has room for another. */
  release(address: string): void {
    for (const { members } of this.#ranges.values()) members.delete(address)
  }
}
