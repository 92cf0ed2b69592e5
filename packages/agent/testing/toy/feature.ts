/** A feature from outside: it paints the walls of the rooms that the cluster has Nodes for. All that a feature has to have, and no more. */
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import { text } from '@podroute/feature/listener.ts'
import { listener } from '@podroute/feature/schema.ts'
import { anySection } from '@podroute/feature/section.ts'
import * as z from 'zod'

export interface ToySettings {
  readonly colour: string
  readonly rooms: number
  readonly secret: string | undefined
}

const shape = {
  toy: z
    .strictObject({
      enabled: z.boolean().default(true),
      colour: z.string().default('red'),
      rooms: z.number().int().default(1),
      secretFile: z.string().optional(),
      door: listener(0).prefault({}),
    })
    .prefault({}),
}

/** Which of its steps fails. */
type Failing = 'start' | 'configure' | 'cleanup'
const FAILURES = {
  start: 'it fails to start',
  configure: 'it fails to configure',
  cleanup: 'it fails to clean up',
}

export const toy: FeatureDefinition<ToySettings> & { readonly made: Toy[]; fails: Failing | undefined } = {
  name: 'toy',
  section: anySection<typeof shape, ToySettings>({
    shape,
    switches: { 'run-toy': ['toy', 'enabled'] },
    settings({ toy: file }, input) {
      if (file.colour === 'invisible') input.problem('toy.colour', 'nobody could see it')
      const secret = file.secretFile && input.readSecret(file.secretFile, 'toy.secretFile')
      return file.enabled ? { colour: file.colour, rooms: file.rooms, secret } : undefined
    },
  }),
  made: [],
  fails: undefined,
  create(context, settings) {
    const made = new Toy(context, settings)
    toy.made.push(made)
    return made
  },
}

export class Toy implements Feature<ToySettings> {
  readonly events: string[] = []
  readonly #context: FeatureContext
  #settings: ToySettings

  constructor(context: FeatureContext, settings: ToySettings) {
    this.#context = context
    this.#settings = settings
  }

  readonly pages = [
    {
      name: 'walls',
      summary: 'what is painted',
      data: () => ({ colour: this.#settings.colour }),
      tables: () => [{ columns: ['COLOUR'], rows: [[this.#settings.colour]], empty: 'bare walls' }],
    },
  ]

  readonly trial = { hop: 'walls', objects: [], ways: [] }

  prepare(): void {
    this.events.push('prepare')
  }

  async start(): Promise<void> {
    failIf('start')
    this.events.push(`start ${this.#settings.colour}`)
    this.#context.firstSync.done()
  }

  configure(settings: ToySettings): readonly string[] {
    failIf('configure')
    if (settings.colour !== this.#settings.colour) this.events.push(`paint ${settings.colour}`)
    const rooms = this.#settings.rooms
    const notLive = settings.rooms === rooms ? [] : [`toy.rooms: built with ${rooms}, build anew`]
    this.#settings = { ...settings, rooms }
    return notLive
  }

  conditions() {
    return [{ name: 'toy', ok: this.#settings.colour !== 'grey', detail: '' }]
  }

  podGate(): string | undefined {
    return this.#settings.colour === 'wet' ? 'the paint is wet' : undefined
  }

  podGateChanged(): void {
    this.events.push(`others: ${this.#context.podGate() ?? 'free'}`)
  }

  summary() {
    return [['walls', this.#settings.colour]] as const
  }

  stats() {
    return { walls: { desired: 4, applied: 4, pending: 0, failed: 0, repaired: 0 } }
  }

  pending() {
    return []
  }

  declareMetrics(declare: Parameters<Feature['declareMetrics']>[0]): void {
    declare.metric({ name: 'toy_walls', help: 'Walls that are painted', read: (sample) => sample(4) })
  }

  listeners() {
    return [{ setting: 'toy.door', at: { address: '127.0.0.1', port: 0 }, handler: () => text('open\n') }]
  }

  async cleanup(): Promise<void> {
    this.events.push('cleanup')
    failIf('cleanup')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.events.push('dispose')
  }
}

function failIf(step: Failing): void {
  if (toy.fails === step) throw new Error(FAILURES[step])
}
