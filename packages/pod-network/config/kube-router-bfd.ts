/** BFD in kube-router's words, of flags and of annotations: milliseconds, and its own defaults. */
import { type Flag, type FlagValues, judged, note, partOf } from '@podroute/feature/flag.ts'

const ENABLE = 'enable-bfd'
const IPS = 'peer-router-ips'
/** RFC 5881 section 4. */
const PORT = 3784

/** By the keys of the configuration: the flag, the key of an annotation, and what is so without them. */
const TIMERS = {
  minTxMilliseconds: { flag: 'bfd-desired-min-tx-interval', key: 'desired_min_tx_interval', value: 1000 },
  minRxMilliseconds: { flag: 'bfd-required-min-rx-interval', key: 'required_min_rx_interval', value: 1000 },
  multiplier: { flag: 'bfd-detection-multiplier', key: 'detection_multiplier', value: 3 },
} as const
const EACH = Object.entries(TIMERS)

export const KUBE_ROUTER_BFD_FLAGS: readonly Flag[] = [
  judged<boolean>(ENABLE, 'bool', ['peers[].bfd'], (on, all) =>
    on && !all.has(IPS)
      ? note(`it is about the routers of --${IPS}: others have bfd of their own`)
      : undefined,
  ),
  ...EACH.map(([name, { flag }]) => partOf(flag, 'number', ENABLE, [`peers[].bfd.${name}`])),
  judged<number>('bfd-port', 'number', [], (port) =>
    port === PORT ? undefined : note(`BFD is at port ${PORT} (RFC 5881), at the router as well`),
  ),
]

/** `bfd` of the routers that flags name; undefined: without. */
export function bfdOfFlags(all: FlagValues): unknown {
  if (all.get(ENABLE) !== true) return undefined
  return Object.fromEntries(EACH.map(([name, { flag, value }]) => [name, all.get(flag) ?? value]))
}

export const BFD_FORM =
  'write {enabled: true, desired_min_tx_interval: 1000, required_min_rx_interval: 1000, detection_multiplier: 3}: milliseconds from 10 to 60000, a multiplier from 2 to 255'

/** `bfd` of an annotation's entry as the configuration has it; what is none is the schema's to say. */
export function bfdOfAnnotation(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  const { enabled = false, port: _, ...others } = given as Record<string, unknown>
  if (enabled === false) return false
  if (enabled !== true) return null
  // Nothing that the schema takes.
  if (Object.keys(others).some((key) => EACH.every(([, timer]) => timer.key !== key))) return null
  return Object.fromEntries(EACH.map(([name, { key, value }]) => [name, others[key] ?? value]))
}
