// Our own addresses as sessions know them, in bytes: most sessions have the same, so all share them.
import { parseScoped } from './address.ts'

export class OwnAddresses {
  readonly #known = new Map<string, readonly Uint8Array[]>()

  /** Those of the texts that are addresses. */
  of(...texts: readonly (string | undefined)[]): readonly Uint8Array[] {
    const key = texts.join(' ')
    let addresses = this.#known.get(key)
    if (addresses === undefined) {
      addresses = texts.map((text) => parseScoped(text ?? '')).filter((bytes) => bytes !== undefined)
      this.#known.set(key, addresses)
    }
    return addresses
  }
}
