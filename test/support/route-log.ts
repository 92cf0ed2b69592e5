/** Follows the routes of a namespace, so that a test can say when one came or went. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

interface RouteEvent {
  /** Of `performance.now()`. */
  readonly at: number
  /** `ip monitor`'s line: `198.51.100.1 nhid 12 via …`, or the same after `Deleted`. */
  readonly text: string
}

const PATIENCE = 20_000

export class RouteLog implements Disposable {
  readonly #child: ChildProcess
  readonly #events: RouteEvent[] = []
  readonly #waiting = new Set<() => void>()

  /** @param netns absent: the own namespace */
  constructor(netns?: string) {
    const place = netns === undefined ? [] : ['-n', netns]
    this.#child = spawn('ip', [...place, 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout! }).on('line', (text) => {
      this.#events.push({ at: performance.now(), text })
      for (const look of this.#waiting) look()
    })
  }

  /** Number of events so far: what comes after it is new. */
  get length(): number {
    return this.#events.length
  }

  /** The lines about prefixes that begin so, since there were so many events. */
  about(start: string, since = 0): string[] {
    return this.#events
      .slice(since)
      .map(({ text }) => text)
      .filter((text) => text.replace('Deleted ', '').startsWith(start))
  }

  /** Milliseconds of `performance.now()` at which a route came, or went, since there were so many events. */
  when(change: 'came' | 'went', prefix: string, since: number): Promise<number> {
    const start = change === 'went' ? `Deleted ${prefix} ` : `${prefix} `
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`no word that ${prefix} ${change}:\n${this.about('', since).join('\n')}`))
      }, PATIENCE)
      const look = () => {
        const found = this.#events.slice(since).find(({ text }) => text.startsWith(start))
        if (!found) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(found.at)
      }
      this.#waiting.add(look)
      look()
    })
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }
}
