// Communities: numbers and their text forms (RFC 1997, RFC 8092).

const WELL_KNOWN: readonly (readonly [string, number])[] = [
  ['graceful-shutdown', 0xffff0000],
  ['accept-own', 0xffff0001],
  ['llgr-stale', 0xffff0006],
  ['no-llgr', 0xffff0007],
  ['blackhole', 0xffff029a],
  ['no-export', 0xffffff01],
  ['no-advertise', 0xffffff02],
  ['no-export-subconfed', 0xffffff03],
  ['no-peer', 0xffffff04],
]

export const NO_EXPORT = 0xffffff01
export const NO_ADVERTISE = 0xffffff02
export const NO_EXPORT_SUBCONFED = 0xffffff03
/** RFC 9494. */
export const LLGR_STALE = 0xffff0006
export const NO_LLGR = 0xffff0007

export type LargeCommunity = readonly [number, number, number]

/** Formats a community as `64512:1`, well-known ones too. */
export function formatCommunity(value: number): string {
  return `${value >>> 16}:${value & 0xffff}`
}

/** Parses `64512:1` or the name of a well-known community; undefined when it is neither. */
export function parseCommunity(text: string): number | undefined {
  const known = WELL_KNOWN.find(([name]) => name === text)
  if (known !== undefined) return known[1]
  const numbers = parseNumbers(text, 2, 0xffff)
  return numbers === undefined ? undefined : numbers[0]! * 0x10000 + numbers[1]!
}

export function formatLargeCommunity(value: LargeCommunity): string {
  return value.join(':')
}

export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const numbers = parseNumbers(text, 3, 0xffffffff)
  return numbers === undefined ? undefined : [numbers[0]!, numbers[1]!, numbers[2]!]
}

function parseNumbers(text: string, count: number, most: number): number[] | undefined {
  const parts = text.split(':')
  if (parts.length !== count || !parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) <= most))
    return undefined
  return parts.map(Number)
}
