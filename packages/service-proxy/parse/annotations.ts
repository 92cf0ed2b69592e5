/** Annotations of a Service that tune how the proxy serves it. */
import { findAnnotation } from '@podroute/cluster/objects/annotations.ts'
import { entryOf } from '@podroute/cluster/objects/fields.ts'
import type { Annotations, Service } from '@podroute/cluster/objects/service.ts'
import { FLAG_SCHED_1, FLAG_SCHED_2 } from '@podroute/linux/ipvs/ipvs.ts'
import { DEFAULT_SCHEDULER } from '../settings.ts'
import type { Tuning } from '../types.ts'

/** Schedulers that need no more than the endpoints; each is a kernel module, which the kernel loads when it is first asked for. */
const SCHEDULERS = new Set([
  'rr',
  'wrr',
  'lc',
  'wlc',
  'sh',
  'dh',
  'mh',
  'sed',
  'nq',
  'lblc',
  'lblcr',
  'fo',
  'ovf',
  'twos',
])

/** Names of ipvsadm(8), and those of the bits themselves. */
const SCHEDULER_FLAGS: Readonly<Record<string, number>> = {
  'flag-1': FLAG_SCHED_1,
  'sh-fallback': FLAG_SCHED_1,
  'mh-fallback': FLAG_SCHED_1,
  'flag-2': FLAG_SCHED_2,
  'sh-port': FLAG_SCHED_2,
  'mh-port': FLAG_SCHED_2,
  'flag-3': 0x20,
}

const LONGEST_DRAIN_SECONDS = 86_400
const DEFAULTS: Tuning = { scheduler: DEFAULT_SCHEDULER, schedulerFlags: 0, hairpin: true, drain: undefined }

/** What the annotations of a Service say; the default of each whose value cannot be used. */
export function tuningOf({ annotations }: Pick<Service, 'annotations'>): Tuning {
  return parseTuning(annotations, () => {})
}

/** @param problem gets the name of each annotation whose value cannot be used; its default is taken then. */
export function parseTuning(annotations: Annotations, problem: (detail: string) => void): Tuning {
  if (Object.keys(annotations).length === 0) return DEFAULTS
  const parse = <T>(name: string, fallback: T, read: (text: string) => T | undefined): T => {
    const found = findAnnotation(annotations, name)
    const value = found === undefined ? fallback : read(found.text)
    if (found !== undefined && value === undefined) problem(`metadata.annotations[${found.name}]`)
    return value ?? fallback
  }
  return {
    scheduler: parse('service.scheduler', DEFAULT_SCHEDULER, (text) =>
      SCHEDULERS.has(text) ? text : undefined,
    ),
    schedulerFlags: parse('service.schedflags', 0, readFlags),
    hairpin: parse('service.hairpin', true, readBoolean),
    drain: parse<number | undefined>('service.drain-seconds', undefined, readSeconds),
  }
}

function readFlags(text: string): number | undefined {
  let flags = 0
  for (const name of text.split(',')) {
    const flag = entryOf(SCHEDULER_FLAGS, name.trim())
    if (flag === undefined) return undefined
    flags |= flag
  }
  return flags
}

/** kube-router asks for the annotation with an empty value. */
function readBoolean(text: string): boolean | undefined {
  return text === '' || text === 'true' ? true : text === 'false' ? false : undefined
}

function readSeconds(text: string): number | undefined {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return seconds <= LONGEST_DRAIN_SECONDS ? seconds : undefined
}
