// Versions of the CNI protocol: which are spoken, how they compare.

import { CniError, ErrorCode } from '../errors.ts'

export const SUPPORTED_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

export const NEWEST_VERSION = '1.1.0'

function parse(version: string): number[] {
  const parts = version.split('.')
  const numbers = parts.map((part) => (part !== '' && isDigits(part) ? Number(part) : Number.NaN))
  if (parts.length > 3 || numbers.some((number) => Number.isNaN(number)))
    throw new CniError(ErrorCode.decoding, `invalid CNI version ${JSON.stringify(version)}`)
  return numbers
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 48 || text.charCodeAt(i) > 57) return false
  return true
}

/** The supported ones are in order: most comparisons need no parsing. */
const rankOf = (version: string) => (SUPPORTED_VERSIONS as readonly string[]).indexOf(version)

/** @throws CniError 6 when either is not a version. */
export function atLeast(version: string, other: string): boolean {
  const rank = rankOf(version)
  const otherRank = rankOf(other)
  if (rank >= 0 && otherRank >= 0) return rank >= otherRank
  const a = parse(version)
  const b = parse(other)
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** @throws CniError 1 for a version that is not spoken. */
export function checkSupported(version: string): void {
  if (SUPPORTED_VERSIONS.includes(version as (typeof SUPPORTED_VERSIONS)[number])) return
  const details = `config is "${version}", plugin supports ${JSON.stringify(SUPPORTED_VERSIONS)}`
  throw new CniError(ErrorCode.incompatibleVersion, 'incompatible CNI versions', details)
}
