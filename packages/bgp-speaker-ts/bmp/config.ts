// What the user of BMP configures.
import { Checker, isInteger } from '../config/checker.ts'

/** Adj-RIB-In before import policy (RFC 7854), or after it (the L flag). */
export type BmpView = 'pre-policy' | 'post-policy'

export interface BmpOptions {
  /** The sender's name in the Initiation (sysName). */
  readonly sysName: string
  /** What the sender is (sysDescr); `bgp-speaker-ts` when absent. */
  readonly sysDescr?: string
  /** Milliseconds since 1970, for the time in messages; the system's clock when absent. */
  readonly wallTime?: () => number
}

export interface CollectorConfig {
  readonly address: string
  readonly port: number
  readonly localAddress?: string
  /** What is told of each peer's routes; `pre-policy` when absent. */
  readonly views?: readonly BmpView[]
  /** Seconds between statistics reports, 0 for none; 60 when absent. */
  readonly statisticsInterval?: number
  /** Seconds until the second attempt to connect, twice as many after each that fails, 120 at most; 1 when absent. */
  readonly retryTime?: number
}

export const nameOf = ({ address, port }: Pick<CollectorConfig, 'address' | 'port'>) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** @throws BgpConfigError */
export function checkCollector(config: CollectorConfig): void {
  const checker = new Checker()
  checker.scoped(config.address, 'address')
  checker.scoped(config.localAddress, 'localAddress')
  checker.expect(isInteger(config.port, 1, 65535), 'port', 'not a port')
  const { views = [], statisticsInterval = 0, retryTime = 1 } = config
  checker.expect(config.views === undefined || views.length > 0, 'views', 'none')
  for (const [i, view] of views.entries())
    checker.expect(view === 'pre-policy' || view === 'post-policy', `views[${i}]`, `unknown view: ${view}`)
  checker.expect(
    isInteger(statisticsInterval, 0, 86_400),
    'statisticsInterval',
    'not from 0 to 86400 seconds',
  )
  checker.expect(isInteger(retryTime, 1, 120), 'retryTime', 'not from 1 to 120 seconds')
  checker.done()
}
