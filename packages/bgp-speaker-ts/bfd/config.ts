// The configuration of BFD sessions and its checks; a checked configuration has a type of its own.
import { formatAddress, parseAddress } from '../address.ts'
import { BgpConfigError, type ConfigProblem } from '../errors.ts'
import type { BfdParameters } from './timing.ts'

/** RFC 5881 section 4. */
const BFD_PORT = 3784
export const SOURCE_PORTS = { first: 49152, last: 65535 } as const

export interface BfdSessionConfig {
  /** The neighbour's address, IPv4 or IPv6, `fe80::1%eth0` for a link-local one; it is also the session's name in the API. */
  readonly peer: string
  /** Our own address on the link to it, of the same family. */
  readonly local: string
  /** Port on which both ends receive; 3784 when absent. Only tests need another. */
  readonly port?: number
  /** Source port, 49152..65535; a random free one when absent. */
  readonly sourcePort?: number
  /** Transmit interval in milliseconds, 10..60000; 300 when absent. One second while the session is not up. */
  readonly desiredMinTx?: number
  /** Shortest interval that we can receive, in milliseconds, 10..60000; 300 when absent. */
  readonly requiredMinRx?: number
  /** Detection multiplier, 1..255; 3 when absent: the neighbour declares us down after so many missed intervals. */
  readonly detectMultiplier?: number
  /** Hold the session administratively down. */
  readonly adminDown?: boolean
}

/** The fields that can change while the session lives; absent ones stay as they are. */
export type BfdSessionChange = Pick<
  BfdSessionConfig,
  'desiredMinTx' | 'requiredMinRx' | 'detectMultiplier' | 'adminDown'
>

/** A checked configuration: complete, with addresses in canonical text. */
export interface ValidSession {
  readonly peer: string
  readonly local: string
  readonly port: number
  readonly sourcePort: number | undefined
  readonly parameters: BfdParameters
  readonly adminDown: boolean
}

const INTERVAL = { least: 10, greatest: 60_000 }

/** @throws BgpConfigError with every problem */
export function validateSession(config: BfdSessionConfig): ValidSession {
  const problems: ConfigProblem[] = []
  const peer = canonicalAddress(config.peer)
  const local = canonicalAddress(config.local)
  if (peer === undefined) problems.push({ path: 'peer', problem: 'is not an address' })
  if (local === undefined) problems.push({ path: 'local', problem: 'is not an address' })
  else if (peer !== undefined && peer.includes(':') !== local.includes(':'))
    problems.push({ path: 'local', problem: 'is not of the family of peer' })
  const { port = BFD_PORT, sourcePort, adminDown = false } = config
  checkRange(problems, 'port', port, 1, 65535)
  if (sourcePort !== undefined)
    checkRange(problems, 'sourcePort', sourcePort, SOURCE_PORTS.first, SOURCE_PORTS.last)
  const parameters: BfdParameters = {
    desiredMinTx: config.desiredMinTx ?? 300,
    requiredMinRx: config.requiredMinRx ?? 300,
    detectMultiplier: config.detectMultiplier ?? 3,
  }
  checkParameters(problems, parameters)
  if (problems.length > 0 || peer === undefined || local === undefined) throw new BgpConfigError(problems)
  return { peer, local, port, sourcePort, parameters, adminDown }
}

/** @throws BgpConfigError with every problem */
export function changeSession(session: ValidSession, change: BfdSessionChange): ValidSession {
  const { desiredMinTx, requiredMinRx, detectMultiplier } = session.parameters
  const parameters: BfdParameters = {
    desiredMinTx: change.desiredMinTx ?? desiredMinTx,
    requiredMinRx: change.requiredMinRx ?? requiredMinRx,
    detectMultiplier: change.detectMultiplier ?? detectMultiplier,
  }
  const problems: ConfigProblem[] = []
  checkParameters(problems, parameters)
  if (problems.length > 0) throw new BgpConfigError(problems)
  return { ...session, parameters, adminDown: change.adminDown ?? session.adminDown }
}

/** Formats an address as the kernel formats a packet's source, with its zone; undefined when it is not an address. */
export function canonicalAddress(text: string): string | undefined {
  const [address = '', ...zone] = text.split('%')
  const bytes = parseAddress(address)
  if (bytes === undefined || zone.length > 1 || zone[0] === '') return undefined
  if (zone.length === 0) return formatAddress(bytes)
  return bytes.length === 16 ? `${formatAddress(bytes)}%${zone[0]}` : undefined
}

function checkParameters(problems: ConfigProblem[], parameters: BfdParameters): void {
  checkRange(problems, 'desiredMinTx', parameters.desiredMinTx, INTERVAL.least, INTERVAL.greatest)
  checkRange(problems, 'requiredMinRx', parameters.requiredMinRx, INTERVAL.least, INTERVAL.greatest)
  checkRange(problems, 'detectMultiplier', parameters.detectMultiplier, 1, 255)
}

function checkRange(problems: ConfigProblem[], path: string, value: number, least: number, most: number) {
  if (!Number.isInteger(value) || value < least || value > most)
    problems.push({ path, problem: `is not a whole number from ${least} to ${most}` })
}

/** Timers of a session; BfdSessionConfig has the ranges and defaults. */
export type BfdTimers = Pick<BfdSessionConfig, 'desiredMinTx' | 'requiredMinRx' | 'detectMultiplier'>
