// Collects the problems of a configuration, each with its path.
import { isHost, isLinkLocal, parseAddress, parseScoped, splitZone } from '../address.ts'
import { BgpConfigError, type ConfigProblem } from '../errors.ts'
import { isCommunity, parseCommunity } from '../packet/communities.ts'

export class Checker {
  readonly problems: ConfigProblem[] = []

  expect(good: boolean, path: string, problem: string): void {
    if (!good) this.problems.push({ path, problem })
  }

  asn(value: number, path: string): void {
    this.expect(isInteger(value, 1, 0xfffffffe), path, 'not an AS number from 1 to 4294967294')
  }

  address(value: string | undefined, path: string, family?: 4 | 6): void {
    if (value === undefined) return
    const length = parseAddress(value)?.length
    const wanted = family === undefined ? length !== undefined : length === (family === 4 ? 4 : 16)
    this.expect(wanted, path, `not an ${family === undefined ? 'IP' : `IPv${family}`} address: ${value}`)
  }

  /** Checks a next hop that we may send: peers refuse an address that no host has. */
  nextHop(value: string | undefined, path: string, family?: 4 | 6): void {
    this.address(value, path, family)
    const bytes = value === undefined ? undefined : parseAddress(value)
    this.expect(bytes === undefined || isHost(bytes), path, `not the address of a host: ${value}`)
  }

  /** Checks an address. A link-local one needs its zone: it means nothing without an interface. */
  scoped(value: string | undefined, path: string): void {
    if (value === undefined) return
    const bytes = parseScoped(value)
    this.expect(bytes !== undefined, path, `not an IP address: ${value}`)
    this.expect(
      bytes === undefined || !isLinkLocal(bytes) || splitZone(value).zone !== undefined,
      path,
      `a link-local address without its interface: ${value}`,
    )
  }

  holdTime(value: number | undefined, path: string): void {
    this.expect(
      value === undefined || value === 0 || isInteger(value, 3, 65535),
      path,
      'neither 0 nor from 3 to 65535 seconds',
    )
  }

  u32(value: number | null | undefined, path: string): void {
    this.expect(
      value === undefined || value === null || isInteger(value, 0, 0xffffffff),
      path,
      'not an unsigned 32-bit number',
    )
  }

  /** @param all large and extended ones are good, too */
  communities(values: readonly string[] | undefined, path: string, all: boolean): void {
    for (const [i, value] of (values ?? []).entries()) {
      const good = all ? isCommunity(value) : parseCommunity(value) !== undefined
      this.expect(good, `${path}[${i}]`, `not a community: ${value}`)
    }
  }

  done(): void {
    if (this.problems.length > 0) throw new BgpConfigError(this.problems)
  }
}

export function isInteger(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}
