// All sources by index. The index of a retired source is reused once all peers have been sent the withdrawals of its paths.
import { BgpError } from '../errors.ts'
import { LOCAL, NO_SOURCE, PeerSource, type Source, type SourceInfo } from './source.ts'

export class Sources {
  readonly all: (Source | undefined)[] = []
  #retiring: Source[] = []
  /** All indices below this are taken. */
  #free = LOCAL + 1

  constructor(routerId: number) {
    this.all[LOCAL] = {
      index: LOCAL,
      kind: 'local',
      address: undefined,
      addressBytes: new Uint8Array(0),
      zone: undefined,
      routerId,
      client: false,
    }
  }

  /** Adds a source. @throws BgpError `too-many-peers`: an index has 16 bits. */
  add(info: SourceInfo): Source {
    while (this.all[this.#free] !== undefined) this.#free++
    if (this.#free >= NO_SOURCE) throw new BgpError('too-many-peers', `${NO_SOURCE} peers have paths`)
    const added = new PeerSource(this.#free, info)
    this.all[this.#free++] = added
    return added
  }

  /** Retires a source whose paths were dropped. */
  retire(source: Source): void {
    this.#retiring.push(source)
  }

  get retiring(): boolean {
    return this.#retiring.length > 0
  }

  /** Frees the indices of the retired sources. */
  forget(): void {
    for (const { index } of this.#retiring) {
      this.all[index] = undefined
      this.#free = Math.min(this.#free, index)
    }
    this.#retiring = []
  }
}
