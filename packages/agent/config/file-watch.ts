/**
 * Says when files may have changed. The kubelet changes the files of a ConfigMap or Secret by turning a link in their folder to new ones,
 * so folders are watched, not files. A folder that cannot be watched is tried again.
 */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '@podroute/reconcile/clock.ts'

/** What is written in several steps is one change, in milliseconds. */
const SETTLE = 100
/** A folder that is not there may come, in milliseconds. */
const RETRY = 5000

interface Watched {
  readonly watcher: FSWatcher
  /** Of the folder: another one may have come in its place. */
  readonly inode: number
}

export class FileWatch implements Disposable {
  readonly #clock: Clock
  readonly #changed: () => void
  readonly #watchers = new Map<string, Watched>()
  #folders: ReadonlySet<string> = new Set()
  #settle: Disposable | undefined
  #retry: Disposable | undefined

  /** @param changed is called at least once after a change, and may be called without one */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
  }

  /** Watches these files in place of those before. Returns whether a folder is watched that was not. */
  follow(paths: Iterable<string>): boolean {
    this.#folders = new Set([...paths].map((path) => dirname(path)))
    for (const folder of [...this.#watchers.keys()]) if (!this.#folders.has(folder)) this.#close(folder)
    return this.#open()
  }

  [Symbol.dispose](): void {
    this.#folders = new Set()
    for (const folder of [...this.#watchers.keys()]) this.#close(folder)
    this.#settle?.[Symbol.dispose]()
    this.#retry?.[Symbol.dispose]()
  }

  #open(): boolean {
    let opened = false
    for (const folder of this.#folders) {
      try {
        opened = this.#openOne(folder) || opened
      } catch {
        this.#close(folder)
        this.#later()
      }
    }
    return opened
  }

  #openOne(folder: string): boolean {
    const inode = statSync(folder).ino
    if (this.#watchers.get(folder)?.inode === inode) return false
    this.#close(folder)
    const watcher = watch(folder, { persistent: false }, () => this.#touched())
    watcher.on('error', () => this.#lost(folder))
    this.#watchers.set(folder, { watcher, inode })
    return true
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
    this.#watchers.get(folder)?.watcher.close()
    this.#watchers.delete(folder)
  }
}
