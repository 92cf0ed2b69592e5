/** What an agent leaves on the node for the next one. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from '@podroute/reconcile/log.ts'
import * as z from 'zod'

/** Only root may read it: it may hold passwords. */
export class StateFile<Value> {
  readonly #path: string
  readonly #log: Pick<Logger, 'warn'>
  readonly #shape: z.ZodType

  /** @param shape what a value has to be at least: another version may have written more, or something else */
  constructor(path: string, log: Pick<Logger, 'warn'>, shape: z.ZodType) {
    this.#path = path
    this.#log = log
    this.#shape = shape
  }

  /** Undefined where there is none, or one that cannot be read or understood. Never throws. */
  load(): Value | undefined {
    const value = this.#read()
    if (value === undefined) return undefined
    const { success, error } = this.#shape.safeParse(value)
    // With what is new in it: fields that this version does not know are passed over.
    if (success) return value as Value
    const problem = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)[0]
    this.#log.warn('what another version of the agent left is not understood, and taken for nothing', {
      ...{ path: this.#path, problem },
    })
    return undefined
  }

  #read(): unknown {
    try {
      return JSON.parse(readFileSync(this.#path, 'utf8'))
    } catch {
      return undefined
    }
  }

  /** Puts it in place of the one before, in one step. Never throws: the agent works without. */
  save(value: Value): void {
    const path = this.#path
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
      writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 })
      renameSync(`${path}.new`, path)
    } catch (error) {
      this.#log.warn('the next agent of this node will not know', { path, error: (error as Error).message })
    }
  }
}

/** What it holds is of one boot. */
interface OfBoot<Value> {
  readonly bootId: string
  readonly value: Value
}

/** A file that says nothing after the node has booted. */
export class BootFile<Value> {
  readonly #file: StateFile<OfBoot<Value>>
  readonly #bootId: string

  constructor(path: string, bootId: string, log: Pick<Logger, 'warn'>, shape: z.ZodType) {
    this.#file = new StateFile(path, log, z.object({ bootId: z.string(), value: shape }))
    this.#bootId = bootId
  }

  /** Undefined where there is none, one of another boot, or one that cannot be read. Never throws. */
  load(): Value | undefined {
    const last = this.#file.load()
    return last?.bootId === this.#bootId ? last.value : undefined
  }

  /** Never throws. */
  save(value: Value): void {
    this.#file.save({ bootId: this.#bootId, value })
  }
}

/** Of the kernel: another one after each boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
