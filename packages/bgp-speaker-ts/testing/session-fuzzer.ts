// Fuzzes running sessions of all settings with mutated messages. The messages of each session are recorded, so that a failure can be repeated.
import type { PeerConfig } from '../config.ts'
import type { Logger } from '../log.ts'
import { fromHex, toHex } from '../packet/attributes.ts'
import type { Capability } from '../packet/capabilities.ts'
import { encodeMessage } from '../packet/message.ts'
import { ASN, Bench } from './bench.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'
import type { RawPeer } from './raw-peer.ts'
import { VECTORS } from './vectors.ts'

const FAMILIES = [1, 2].map((afi) => ({ afi, safi: 1 }))
const RESTART: readonly Capability[] = [
  {
    kind: 'graceful-restart',
    restarting: false,
    notification: true,
    time: 10,
    families: FAMILIES.map((family) => ({ ...family, forwarding: true })),
  },
]

/** The configuration of a peer and the capabilities of its OPEN. */
interface Setting {
  readonly asn: number
  readonly capabilities: readonly Capability[]
  readonly config: Partial<PeerConfig>
}

const gracefulRestart = { time: 10, forwarding: true }
const external = { asn: 64513, capabilities: [], config: { maxPrefixes: 50 } }

export const SETTINGS = {
  external,
  'external, restarting': { ...external, capabilities: RESTART, config: { gracefulRestart } },
  'external, several paths': {
    ...external,
    capabilities: [
      { kind: 'add-path', families: FAMILIES.map((family) => ({ ...family, receive: true, send: true })) },
      { kind: 'extended-message' },
      { kind: 'enhanced-route-refresh' },
    ],
    config: { addPathReceive: true, addPathSend: true, gracefulRestart },
  },
  'external, IPv4 over IPv6': {
    ...external,
    capabilities: [{ kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }],
    config: { extendedNextHop: true },
  },
  'internal, client': {
    asn: ASN,
    capabilities: [...RESTART, { kind: 'enhanced-route-refresh' }],
    config: { routeReflectorClient: true, gracefulRestart, longLivedRestart: { time: 20 } },
  },
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof SETTINGS
const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** The messages of a peer in hex; numbers are pauses in milliseconds. */
export type Said = readonly (string | number)[]

/** A failure of the speaker, with all that is needed to repeat it. */
export interface Finding {
  readonly setting: SettingName
  readonly say: Said
  readonly problem: string
}

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
const GOOD = '10.200.0.0/16'

/** A speaker with a good peer, and a peer of each setting. */
export class FuzzedSpeaker {
  readonly good: RawPeer
  readonly #bench: Bench
  readonly #bad = new Map<SettingName, RawPeer>()
  readonly #said = new Map<SettingName, (string | number)[]>()
  readonly #faults: string[]
  sent = 0

  private constructor(bench: Bench, faults: string[], settings: readonly SettingName[]) {
    this.#bench = bench
    this.#faults = faults
    for (const [i, name] of settings.entries()) {
      const { asn, capabilities, config }: Setting = SETTINGS[name]
      const readsPathIds = capabilities.some(({ kind }) => kind === 'add-path')
      const peer = { address: `10.0.0.${10 + i}`, asn, capabilities, readsPathIds }
      this.#bad.set(name, bench.peer(peer, config))
    }
    this.good = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish().announce(GOOD)
  }

  static async started(settings: readonly SettingName[] = SETTING_NAMES): Promise<FuzzedSpeaker> {
    const faults: string[] = []
    const log: Logger = {
      debug() {},
      info() {},
      warn() {},
      // The speaker logs this for faults of its own.
      error: (message, fields) => {
        const error = fields?.error
        faults.push(`${message}: ${error instanceof Error ? error.stack : JSON.stringify(fields)}`)
      },
    }
    return new FuzzedSpeaker(await Bench.started({ multipath: 4, log }), faults, settings)
  }

  /** Lets one peer send some mutated messages and time pass; returns the finding when the speaker failed. */
  round(random: Random, messages: readonly Uint8Array[]): Finding | undefined {
    const name = random.pick([...this.#bad.keys()])
    this.meet(name)
    for (let i = 0; i < 20; i++) {
      this.say(name, toHex(mutate(random.pick(messages), random)))
      if (this.#faults.length > 0) return this.#finding(name)
    }
    this.say(name, random.below(8) === 0 ? 61_000 : 1000)
    return this.#faults.length > 0 ? this.#finding(name) : undefined
  }

  /** Connects the peer unless it has a session. */
  meet(name: SettingName): void {
    const peer = this.#bad.get(name)!
    if (this.#said.has(name) && !peer.closed) return
    this.#said.set(name, [])
    peer.establish()
  }

  say(name: SettingName, item: string | number): void {
    this.#said.get(name)!.push(item)
    if (typeof item === 'string') {
      this.sendRaw(name, [fromHex(item)])
      this.sent++
      return
    }
    this.good.send(KEEPALIVE)
    this.#bench.clock.advance(item)
    this.good.send(KEEPALIVE)
    this.#forget()
  }

  /** Sends raw bytes in pieces. */
  sendRaw(name: SettingName, pieces: readonly Uint8Array[]): void {
    try {
      this.#bad.get(name)!.send(...pieces)
    } catch (error) {
      // An exception here would end a real process.
      this.#faults.push(error instanceof Error ? String(error.stack) : String(error))
    }
  }

  /** Faults of the speaker so far. */
  faults(): readonly string[] {
    return this.#faults
  }

  /** How the peer's last session ended, as `3/1`; undefined while it has one. */
  end(name: SettingName): string | undefined {
    const { address } = this.#bad.get(name)!.options
    const snapshot = this.#bench.speaker.peers().find((peer) => peer.address === address)
    if (snapshot?.state === 'established') return undefined
    const down = snapshot?.lastDown
    return down !== undefined && 'code' in down ? `${down.code}/${down.subcode}` : String(down?.kind)
  }

  goodIsUnharmed(): boolean {
    const snapshot = this.#bench.speaker.peers().find(({ address }) => address === '10.0.0.3')
    return snapshot?.state === 'established' && snapshot.counters.established === 1
  }

  /** Removes all peers other than the good one; returns the remaining prefixes. */
  left(): readonly string[] {
    for (const peer of this.#bad.values()) peer.crash()
    for (let i = 0; i < 10; i++) this.#pass(10_000)
    return this.#bench.prefixes()
  }

  async close(): Promise<void> {
    await this.#bench.close()
  }

  #pass(milliseconds: number): void {
    this.good.send(KEEPALIVE)
    this.#bench.clock.advance(milliseconds)
    this.good.send(KEEPALIVE)
    this.#forget()
  }

  #finding(setting: SettingName): Finding {
    return { setting, say: [...this.#said.get(setting)!], problem: this.#faults.join('\n') }
  }

  /** Clears the records of the bench, which would count as memory leaks of the speaker. */
  #forget(): void {
    const { events, changes, network } = this.#bench
    events.length = 0
    changes.length = 0
    network.forgetClosed()
    network.attempts.length = 0
    for (const peer of [this.good, ...this.#bad.values()]) peer.forget()
    for (const said of this.#said.values()) if (said.length > 2000) said.splice(0, 1000)
  }
}

/** The messages to mutate: all kinds other than OPEN, also with path identifiers. */
export const SAYINGS: readonly Uint8Array[] = VECTORS.map(({ hex }) => fromHex(hex)).filter(
  (bytes) => bytes[18] !== 1,
)

/** Repeats a finding with a new speaker; returns the fault, if there is one. */
async function replay({ setting, say }: Pick<Finding, 'setting' | 'say'>): Promise<string | undefined> {
  const speaker = await FuzzedSpeaker.started([setting])
  for (const item of say) {
    speaker.meet(setting)
    speaker.say(setting, item)
    if (speaker.faults().length > 0) break
  }
  await speaker.close()
  return speaker.faults()[0]
}

/** Removes all messages that are not needed for the fault. */
export async function minimized(finding: Finding): Promise<Finding> {
  let { say } = finding
  if ((await replay(finding)) === undefined) return finding
  for (let size = say.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < say.length; ) {
      const without = [...say.slice(0, at), ...say.slice(at + size)]
      if (without.length > 0 && (await replay({ ...finding, say: without })) !== undefined) say = without
      else at += size
    }
  }
  return { ...finding, say }
}
