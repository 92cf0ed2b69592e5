/** What both `podroute capture` and that of kubectl's plugin are asked. Pure. */
import type { PageQuery } from '@podroute/feature/page.ts'
import { millisecondsOf } from '../durations.ts'
import { CliError } from '../errors.ts'
import type { CommandArgument, Report } from '../report.ts'
import type { Place } from './captured.ts'

export const LIMITS: readonly CommandArgument[] = [
  { name: 'count', kind: 'option', takes: 'packets', summary: 'packets at most', default: '1000' },
  { name: 'duration', kind: 'option', takes: 'duration', summary: 'for so long', default: '1m' },
  { name: 'bytes', kind: 'option', takes: 'size', summary: 'that are kept at most', default: '10M' },
]

export const WHICH: readonly CommandArgument[] = [
  {
    name: 'port',
    kind: 'option',
    takes: 'ports',
    summary: 'of one of the ends; several are joined by commas',
  },
  {
    name: 'at',
    kind: 'option',
    takes: 'places',
    summary: 'places, joined by commas: pod, bridge, uplink, loopback; absent: all',
  },
]

export const HOW: readonly CommandArgument[] = [
  { name: 'numeric', kind: 'flag', summary: 'addresses, no names' },
  {
    name: 'write',
    kind: 'option',
    takes: 'file',
    summary: 'file for Wireshark and tcpdump (pcapng) in place of lines; - is standard output',
  },
]

export interface Limits {
  readonly count: number
  /** Of what is kept of packets. */
  readonly bytes: number
  readonly milliseconds: number
}

export interface CaptureOptions {
  readonly limits: Limits
  readonly ports: readonly number[]
  readonly except: readonly number[]
  /** Empty: all. */
  readonly places: readonly Place[]
  readonly numeric: boolean
  readonly write: string | undefined
}

const PLACES: readonly Place[] = ['pod', 'bridge', 'uplink', 'loopback']

/** @throws CliError that says what an option looks like */
export function captureOptions(query: PageQuery): CaptureOptions {
  return {
    limits: {
      count: countOf(query.count ?? ''),
      bytes: bytesOf(query.bytes ?? ''),
      milliseconds: millisecondsOf('duration', query.duration ?? ''),
    },
    ports: portsOf('port', query.port),
    except: portsOf('except', query.except),
    places: placesOf(query.at),
    numeric: query.numeric !== undefined,
    write: query.write,
  }
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new CliError('usage', `--count is a number of packets, not ${text}`)
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 }

function bytesOf(text: string): number {
  const [, number, unit = ''] = /^([1-9]\d{0,11})([kMG]?)$/.exec(text) ?? []
  if (number !== undefined) return Number(number) * UNITS[unit]!
  throw new CliError('usage', `--bytes is a number as 500k or 10M, not ${text}`)
}

/** All has been said. */
export const NOTHING: Report = { data: () => undefined, text: () => '', silent: true }

function portsOf(name: string, text: string | undefined): readonly number[] {
  if (text === undefined) return []
  return text.split(',').map((port) => {
    const number = Number(port)
    if (/^\d{1,5}$/.test(port) && number > 0 && number < 65_536) return number
    throw new CliError('usage', `--${name} is a port as 80, or several as 80,443, not ${text}`)
  })
}

function placesOf(text: string | undefined): readonly Place[] {
  if (text === undefined) return []
  return text.split(',').map((name) => {
    const place = PLACES.find((one) => one === name)
    if (place) return place
    throw new CliError('usage', `--at takes ${PLACES.join(', ')}, not ${name}`)
  })
}

/** Everything would be too much, and what tells of it as well. @throws CliError */
export function expectSome(what: string | undefined, { ports }: Pick<CaptureOptions, 'ports'>): void {
  if (what !== undefined || ports.length > 0) return
  throw new CliError(
    'usage',
    'say what to capture: an address, a pod or Service as namespace/name, a node, or --port',
  )
}
