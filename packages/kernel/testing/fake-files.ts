/** Files in memory, as strict as a file system about what is a folder and what is not. */
import type { FilesApi } from '../kernel.ts'
import { FakeError } from './fake-error.ts'

interface FakeFile {
  readonly text: string
  readonly mode: number
  readonly revision: string
}

export class FakeFiles implements FilesApi {
  readonly #files = new Map<string, FakeFile>()
  #written = 0

  async read(path: string): Promise<string | undefined> {
    if (this.#isFolder(path)) throw new FakeError('EISDIR')
    if (this.#isBelowFile(path)) throw new FakeError('ENOTDIR')
    return this.#files.get(path)?.text
  }

  async revision(path: string): Promise<string | undefined> {
    return this.#files.get(path)?.revision
  }

  /** One more name of a file. */
  link(path: string, other: string): void {
    this.#files.set(other, this.#files.get(path)!)
  }

  async write(path: string, text: string, mode: number): Promise<void> {
    if (this.#isFolder(path)) throw new FakeError('EISDIR')
    if (this.#isBelowFile(path)) throw new FakeError('ENOTDIR')
    this.#files.set(path, { text, mode, revision: `${++this.#written}` })
  }

  async remove(path: string): Promise<void> {
    if (this.#isFolder(path)) throw new FakeError('EISDIR')
    this.#files.delete(path)
  }

  /** Paths of all of them. */
  paths(): string[] {
    return [...this.#files.keys()].sort()
  }

  /** Permission bits of a file. */
  modeOf(path: string): number | undefined {
    return this.#files.get(path)?.mode
  }

  #isFolder(path: string): boolean {
    return this.paths().some((other) => other.startsWith(`${path}/`))
  }

  #isBelowFile(path: string): boolean {
    return this.paths().some((other) => path.startsWith(`${other}/`))
  }
}
