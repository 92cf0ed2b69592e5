/**
 * Packet marks that stand for an address, protocol and port. They follow from its name, so that a restarted agent finds the
 * virtual servers of the one before it; of two names that want the same mark the later takes the next free one.
 */

/** The upper byte of all our marks; nftables and IPVS compare whole marks. */
export const MARK_BASE = 0x5d00_0000
const SIZE = 0x0100_0000

export class Marks {
  readonly #marks = new Map<string, number>()
  readonly #names = new Map<number, string>()

  of(name: string): number {
    const known = this.#marks.get(name)
    if (known !== undefined) return known
    let mark = hash(name) % SIZE
    while (this.#names.has(mark)) mark = (mark + 1) % SIZE
    this.#marks.set(name, mark + MARK_BASE)
    this.#names.set(mark, name)
    return mark + MARK_BASE
  }

  /** Nothing uses this mark any more. */
  free(mark: number): void {
    const name = this.#names.get(mark - MARK_BASE)
    if (name === undefined) return
    this.#names.delete(mark - MARK_BASE)
    this.#marks.delete(name)
  }
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let value = 0x811c_9dc5
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193)
  }
  return value >>> 0
}
