// All sources by their index, which is given to another once nobody needs to be told anything of the one before.
import { BgpError } from '../errors.ts'
import { LOCAL, NOBODY, type Origin, PeerSource, type Source } from './source.ts'

export class Sources {
  readonly all: (Source | undefined)[] = []
  #retiring: Source[] = []
  /** An index below this is taken. */
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

  /** @throws BgpError `too-many-peers`: an index has 16 bits. */
  add(origin: Origin): Source {
    while (this.all[this.#free] !== undefined) this.#free++
    if (this.#free >= NOBODY) throw new BgpError('too-many-peers', `${NOBODY} peers have paths`)
    const added = new PeerSource(this.#free, origin)
    this.all[this.#free++] = added
    return added
  }

  /** A source whose paths were dropped. */
  retire(source: Source): void {
    this.#retiring.push(source)
  }

  get retiring(): boolean {
    return this.#retiring.length > 0
  }

  /** Nobody needs to be told anything of those that retired. */
  forget(): void {
    for (const { index } of this.#retiring) {
      this.all[index] = undefined
      this.#free = Math.min(this.#free, index)
    }
    this.#retiring = []
  }
}
