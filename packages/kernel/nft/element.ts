/** One element of a set or map, as nft writes it. Pure. */

export interface SetElement {
  /** Name of its set. */
  readonly set: string
  /** nft syntax: `10.96.0.1 . tcp . 80`; with a value, `10.96.0.1 . tcp . 80 : 0x5d000001`. */
  readonly element: string
}

/** `SET KEY`: without its value, as the kernel knows an element. */
export type ElementKey = string

const VALUE = ' : '

export function elementKey({ set, element }: SetElement): ElementKey {
  const end = element.indexOf(VALUE)
  return `${set} ${end < 0 ? element : element.slice(0, end)}`
}

/** A mark as nft lists it where it is a value. */
export function markText(mark: number): string {
  return `0x${mark.toString(16).padStart(8, '0')}`
}
