/** Splits a stream of bytes into lines; a line may come in any number of pieces, and a piece may hold many lines. */
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'

const NEWLINE = 10
/** Milliseconds of lines in a row, after which everybody else has a turn. */
const LONGEST_TURN = 5

/**
 * Calls `onLine` with each line without its newline; blank ones are left out, and so is an unfinished one at the end (a cut-off
 * watch event). Resolves when the stream ends; rejects with what breaks it, or with what `onLine` throws, which ends it.
 *
 * As long as a socket has data, libuv reads up to 32 times before it looks at anything else: of lines that wait, that would be
 * thousands, while nothing else that they lead to is done. So reading pauses.
 */
export async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const lines = new LineSplitter(onLine)
  let turn = 0
  stream.on('data', (chunk: Buffer) => {
    const started = performance.now()
    try {
      lines.push(chunk)
    } catch (error) {
      stream.destroy(error as Error)
      return
    }
    turn += performance.now() - started
    if (turn < LONGEST_TURN) return
    turn = 0
    stream.pause()
    setImmediate(() => stream.resume())
  })
  await finished(stream)
}

class LineSplitter {
  readonly #onLine: (line: string) => void
  /** Of a line that goes on in the next chunk. */
  #pieces: Buffer[] = []

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#finish(chunk, start, end)
      start = end + 1
      if (line.trim() !== '') this.#onLine(line)
    }
    if (start < chunk.length) this.#pieces.push(chunk.subarray(start))
  }

  #finish(chunk: Buffer, start: number, end: number): string {
    if (this.#pieces.length === 0) return chunk.toString('utf8', start, end)
    const whole = Buffer.concat([...this.#pieces, chunk.subarray(start, end)])
    this.#pieces = []
    return whole.toString('utf8')
  }
}
