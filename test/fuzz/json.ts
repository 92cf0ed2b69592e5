/** JSON values as somebody who may write any would write them. */
import { pick } from '@podroute/reconcile/testing/random.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const ODD_VALUES: readonly Json[] = [
  ...[null, true, false, 0, -1, 1, 65_535, 65_536, 1e308, 0.5, '', ' ', [], {}, [[]], [null]],
  ...['0.0.0.0', '240.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1%eth0', '::ffff:10.0.0.1', '010.0.0.1'],
  ...['10.0.0.0/8', '0.0.0.0/0', '::/0', '10.0.0.1/33', 'fd00::/129', '10.0.0.0/-1', '1.2.3.4.5', '1:2:3'],
  ...[
    'TCP',
    'tcp',
    'SCTP',
    'ClusterIP',
    'None',
    'True',
    'a'.repeat(1000),
    '\u0000',
    '\ud800',
    '; flush ruleset',
  ],
  ...['}\n add rule', '"', "'", '$(x)', '../..', '__proto__', 'constructor', '1e9', '0x10', '-0'],
]
const ODD_KEYS = ['__proto__', 'constructor', 'toString', 'length', '', '0']
const ODD_CHARACTERS = [...';{}"\'\n\0 ./:%@,\u202e\ud800']

interface Place {
  readonly holder: { [key: string]: Json } | Json[]
  readonly key: string | number
}

/** A changed copy; only what JSON can say. */
export function mutateJson<T extends Json>(value: T, random: () => number, others: readonly T[]): T {
  const root: { [key: string]: Json } = { root: copy(value) }
  const place = pick(random, placesOf(root))
  const { holder, key } = place
  const at = valueAt(place)
  switch (Math.floor(random() * 7)) {
    case 0:
      put(place, copy(pick(random, ODD_VALUES)))
      break
    case 1:
      if (key !== 'root') remove(place)
      break
    case 2:
      if (Array.isArray(holder)) holder.push(copy(at))
      else put({ holder, key: pick(random, [...ODD_KEYS, `${key}x`]) }, copy(at))
      break
    case 3:
      put(place, typeof at === 'string' ? mutateText(at, random) : [copy(at)])
      break
    case 4:
      put(place, typeof at === 'number' ? at + pick(random, [1, -1, 65_536, 2 ** 32]) : JSON.stringify(at))
      break
    default:
      // What stands in another input, or elsewhere in this one.
      put(place, copy(valueAt(pick(random, placesOf({ root: copy(pick(random, others)) })))))
  }
  return copy(root.root ?? null) as T
}

function valueAt({ holder, key }: Place): Json {
  return (holder as Record<string | number, Json>)[key]!
}

/** `__proto__` is a key as any other. */
function put({ holder, key }: Place, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
}

export function mutateText(text: string, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1))
  const cut = Math.floor(random() * 4)
  const put = random() < 0.7 ? pick(random, ODD_CHARACTERS) : ''
  return text.slice(0, at) + put + text.slice(at + cut)
}

/** Copies that lack one thing each. */
export function* smallerJson<T extends Json>(value: T): Iterable<T> {
  for (let index = 1; ; index++) {
    const root: { [key: string]: Json } = { root: copy(value) }
    const place = placesOf(root)[index]
    if (place === undefined) return
    remove(place)
    yield root.root as T
  }
}

/** All that stands in it, from the whole down. */
function placesOf(holder: Place['holder'], found: Place[] = []): Place[] {
  for (const key of Object.keys(holder)) {
    const index = Array.isArray(holder) ? Number(key) : key
    found.push({ holder, key: index })
    const value = (holder as Record<string, Json>)[key]
    if (typeof value === 'object' && value !== null) placesOf(value as Place['holder'], found)
  }
  return found
}

function remove({ holder, key }: Place): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete holder[key]
}

function copy(value: Json): Json {
  return JSON.parse(JSON.stringify(value ?? null)) as Json
}
