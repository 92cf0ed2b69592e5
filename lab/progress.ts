// Says what the lab is doing, a line a step with the time since the start: plain lines, for terminals and logs alike.

/** Says what a long step is at now; shown every few seconds while it lasts. */
export type Report = (detail: string) => void

/** Seconds between two lines of a step that takes long. */
const HEARTBEAT = 10

export class Progress {
  readonly #write: (line: string) => void
  readonly #now: () => number
  readonly #started: number

  constructor(
    write: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
    now: () => number = () => performance.now() / 1000,
  ) {
    this.#write = write
    this.#now = now
    this.#started = now()
  }

  get elapsed(): number {
    return this.#now() - this.#started
  }

  line(text: string): void {
    this.#write(`${this.elapsed.toFixed(1).padStart(6)} s  ${text}`)
  }

  /** Runs one step; steps may overlap. The text of `summarize` ends its closing line. */
  async step<T>(
    title: string,
    work: (report: Report) => Promise<T>,
    summarize: (result: T) => string = () => '',
  ): Promise<T> {
    const started = this.#now()
    let detail = ''
    const took = () => (this.#now() - started).toFixed(1)
    const timer = setInterval(
      () => this.line(`      ${title}: ${took()} s ${detail}`.trimEnd()),
      HEARTBEAT * 1000,
    )
    try {
      const result = await work((text) => {
        detail = text
      })
      const summary = summarize(result)
      this.line(`done  ${title} (${took()} s)${summary === '' ? '' : `: ${summary}`}`)
      return result
    } catch (error) {
      this.line(`FAIL  ${title} (${took()} s)`)
      throw error
    } finally {
      clearInterval(timer)
    }
  }
}
