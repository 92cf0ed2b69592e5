/**
 * The configuration while the agent runs: read again when its files change, handed on when it is good. With a wrong one the last good
 * one goes on, also at the start where one is known on the node: a typing error never takes a node's network away.
 */

import { isDeepStrictEqual } from 'node:util'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import * as z from 'zod'
import { ConfigError } from '../errors.ts'
import type { Config, ReadFile } from './load.ts'

/** Texts of the files that made a configuration, by path. */
export type ConfigTexts = Readonly<Record<string, string>>

export const CONFIG_TEXTS = z.record(z.string(), z.string())

/** In the state directory. */
export const LAST_GOOD_CONFIG = 'last-good-config.json'

export interface LastGoodStore {
  /** Undefined where none is known. Never throws. */
  load(): ConfigTexts | undefined
  /** Never throws. */
  save(texts: ConfigTexts): void
}

export interface LiveConfigOptions {
  /** @throws ConfigError */
  load(read: ReadFile): Config
  readonly read: ReadFile
  readonly store: LastGoodStore
  readonly log: Logger
  /** A wrong file ends the start, also where a good one is known. */
  readonly strict?: boolean
  /** Puts a changed configuration into effect; returns what of it cannot change on a running node, and what to do. */
  apply(config: Config, before: Config): readonly string[]
  /** The file cannot be used: these are all its problems. Called once for the same ones, also at the start. */
  refused(problems: readonly string[]): void
}

const WAY_OUT = 'mend the configuration, it is read again by itself'

export class LiveConfig {
  readonly #options: LiveConfigOptions
  readonly #log: Logger
  #texts: Record<string, string> = {}
  /** Those of the configuration in effect. */
  #inEffect: ConfigTexts = {}
  #config: Config | undefined
  #problems: readonly string[] = []
  #notLive: readonly string[] = []

  constructor(options: LiveConfigOptions) {
    this.#options = options
    this.#log = options.log
  }

  /** The first reading. @throws ConfigError where the file is wrong and no good one is known */
  start(): Config {
    try {
      this.#config = this.#load(this.#options.read)
      this.#inEffect = this.#texts
      this.#options.store.save(this.#texts)
    } catch (error) {
      const known = error instanceof ConfigError && !this.#options.strict ? this.#lastGood() : undefined
      if (known === undefined) throw error
      this.#config = known
      this.#refuse(error as ConfigError)
    }
    return this.#config
  }

  /** Reads the files again; to be called when one of them may have changed. */
  reload(): void {
    const before = this.#texts
    const config = this.#loadOrRefuse()
    if (!config || (isDeepStrictEqual(before, this.#texts) && this.#problems.length === 0)) return
    this.#accept(config)
  }

  /** The one in effect. @throws Error before `start` */
  get config(): Config {
    if (!this.#config) throw new Error('the configuration has not been read yet')
    return this.#config
  }

  /** The text that the configuration in effect was made of. @param path of its file */
  textOf(path: string): string {
    return this.#inEffect[path] ?? ''
  }

  /** Files that the configuration was read from, those that could not be read included. */
  files(): readonly string[] {
    return Object.keys(this.#texts)
  }

  condition(): Condition {
    const [problem] = [...this.#problems, ...this.#notLive]
    const more = this.#problems.length + this.#notLive.length - 1
    const text = problem && `${problem}${more > 0 ? `, and ${more} more` : ''}`
    return { ...condition('configuration', text), advisory: true }
  }

  /** Whatever is wrong with it, a fault of ours included, ends no running agent. */
  #loadOrRefuse(): Config | undefined {
    try {
      return this.#load(this.#options.read)
    } catch (error) {
      this.#refuse(error instanceof ConfigError ? error : new ConfigError([(error as Error).message]))
      return undefined
    }
  }

  #accept(config: Config): void {
    if (this.#problems.length > 0) this.#log.info('the configuration can be used again')
    this.#problems = []
    this.#options.store.save(this.#texts)
    this.#inEffect = this.#texts
    const before = this.config
    if (isDeepStrictEqual(config, before)) return
    this.#config = config
    const known = this.#notLive
    this.#notLive = this.#options.apply(config, before)
    this.#log.info('the configuration has changed')
    if (this.#notLive.length > 0 && !isDeepStrictEqual(this.#notLive, known))
      this.#log.warn('not all of the configuration can change on a running node', { left: this.#notLive })
  }

  #refuse({ problems }: ConfigError): void {
    if (isDeepStrictEqual(problems, this.#problems)) return
    this.#problems = problems
    const message = this.#options.strict
      ? 'the configuration cannot be used'
      : 'the configuration cannot be used, the last good one goes on'
    this.#log.error(message, { problems, do: WAY_OUT })
    this.#options.refused(problems)
  }

  /** @throws ConfigError */
  #load(read: ReadFile): Config {
    const texts: Record<string, string> = {}
    this.#texts = texts
    return this.#options.load((path) => {
      // Known before it is read: a file that is missing is waited for, too.
      texts[path] = ''
      const text = read(path)
      texts[path] = text
      return text
    })
  }

  #lastGood(): Config | undefined {
    const wanted = this.#texts
    const known = this.#options.store.load()
    if (known === undefined) return undefined
    try {
      return this.#load((path) => {
        const text = known[path]
        if (text === undefined) throw new Error(`${path} is not among the last good files`)
        return text
      })
    } catch {
      return undefined
    } finally {
      this.#inEffect = this.#texts
      // Those of the wrong one are watched.
      this.#texts = { ...this.#texts, ...wanted }
    }
  }
}
