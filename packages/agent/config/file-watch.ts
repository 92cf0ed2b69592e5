/**
 * Says when files may have changed. The kubelet changes the files of a ConfigMap or Secret by turning a link in their folder to new ones,
 * so folders are watched, not files. A folder that cannot be watched is tried again.
 */
import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '@podroute/reconcile/clock.ts'

/** What is written in several steps is one change, in milliseconds. */
const SETTLE = 100
/** A folder that is not there may come, in milliseconds. */
const RETRY = 5000

export class FileWatch implements Disposable {
  readonly #clock: Clock
  readonly #changed: () => void
  readonly #watchers = new Map<string, FSWatcher>()
  #folders: ReadonlySet<string> = new Set()
  #settle: Disposable | undefined
  #retry: Disposable | undefined

  /** @param changed is called at least once after a change, and may be called without one */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
  }

  /** Watches these files in place of those before. */
  follow(paths: Iterable<string>): void {
    this.#folders = new Set([...paths].map((path) => dirname(path)))
    for (const folder of [...this.#watchers.keys()]) if (!this.#folders.has(folder)) this.#close(folder)
    this.#open()
  }

  [Symbol.dispose](): void {
    this.#folders = new Set()
    for (const folder of [...this.#watchers.keys()]) this.#close(folder)
    this.#settle?.[Symbol.dispose]()
    this.#retry?.[Symbol.dispose]()
  }

  #open(): void {
    for (const folder of this.#folders) {
      if (this.#watchers.has(folder)) continue
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#touched())
        watcher.on('error', () => this.#lost(folder))
        this.#watchers.set(folder, watcher)
      } catch {
        this.#later()
      }
    }
  }

  #touched(): void {
    this.#settle ??= this.#clock.after(SETTLE, () => {
      this.#settle = undefined
      this.#changed()
    })
  }

  #lost(folder: string): void {
    this.#close(folder)
    this.#touched()
    this.#later()
  }

  #later(): void {
    this.#retry ??= this.#clock.after(RETRY, () => {
      this.#retry = undefined
      this.#open()
      this.#touched()
    })
  }

  #close(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }
}
