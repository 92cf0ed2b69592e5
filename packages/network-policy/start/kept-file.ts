/** A small file that follows what is known: what it was a moment later is written, one write at a time. */
import type { FilesApi } from '@podroute/kernel/kernel.ts'
import type { Logger } from '@podroute/reconcile/log.ts'

const MODE = 0o600

export class KeptFile {
  readonly #files: FilesApi
  readonly #path: string
  readonly #log: Logger
  #wanted: (() => string) | undefined
  #written: string | undefined
  #writing: Promise<void> | undefined

  constructor(files: FilesApi, path: string, { log }: { readonly log: Logger }) {
    this.#files = files
    this.#path = path
    this.#log = log
  }

  /** What an earlier run wrote; undefined where it cannot be read. */
  async read(): Promise<string | undefined> {
    try {
      return await this.#files.read(this.#path)
    } catch {
      return undefined
    }
  }

  /** @param text is asked for when it is written: whoever changes much does it once */
  set(text: () => string): void {
    this.#wanted = text
    this.#writing ??= this.#later()
  }

  /** Resolves when nothing is being written. */
  get settled(): Promise<void> {
    return this.#writing ?? Promise.resolve()
  }

  async remove(): Promise<void> {
    await this.#writing
    await this.#files.remove(this.#path)
    this.#written = undefined
  }

  /** What changes it has more to do at this moment. */
  async #later(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.#write()
  }

  async #write(): Promise<void> {
    try {
      for (
        let text = this.#wanted?.();
        text !== undefined && text !== this.#written;
        text = this.#wanted?.()
      ) {
        await this.#files.write(this.#path, text, MODE)
        this.#written = text
      }
    } catch (error) {
      this.#log.warn('a file of network policy cannot be written', { path: this.#path, error })
    } finally {
      this.#writing = undefined
    }
  }
}
