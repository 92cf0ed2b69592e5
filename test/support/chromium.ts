/** A headless Chromium, driven by the DevTools protocol. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

type Fields = Readonly<Record<string, unknown>>

interface Answer {
  readonly id?: number
  readonly method?: string
  readonly params?: Fields
  readonly result?: Fields
  readonly error?: { readonly message: string }
}

const FLAGS: readonly string[] = [
  // Tests run as root, and in containers with little shared memory.
  ...['--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars'],
  // Nothing is asked of anybody but this machine.
  ...['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]

interface LogEntry {
  readonly level: string
  readonly text: string
}

export class Chromium implements AsyncDisposable {
  readonly #end: () => Promise<void>
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve(result: Fields): void; reject(error: Error): void }>()
  #session = ''
  #id = 0
  /** What pages complain of: exceptions, errors of the console, what the policy of the page forbids. */
  readonly complaints: string[] = []

  private constructor(socket: WebSocket, end: () => Promise<void>) {
    this.#socket = socket
    this.#end = end
    socket.addEventListener('message', ({ data }) => this.#told(JSON.parse(String(data)) as Answer))
  }

  static async start(program = 'chromium'): Promise<Chromium> {
    const profile = await mkdtemp(join(tmpdir(), 'podroute-chromium-'))
    const child = spawn(
      program,
      [...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const exited = once(child, 'exit')
    const end = async () => {
      child.kill()
      await exited
      await rm(profile, { recursive: true, force: true, maxRetries: 10 })
    }
    const said: string[] = []
    for await (const line of createInterface(child.stderr)) {
      said.push(line)
      const address = /^DevTools listening on (ws:\S+)/.exec(line)?.[1]
      if (address === undefined) continue
      // Else it waits for somebody to read.
      child.stderr.resume()
      const socket = new WebSocket(address)
      await once(socket, 'open')
      const chromium = new Chromium(socket, end)
      await chromium.#attach()
      return chromium
    }
    await end()
    throw new Error(`Chromium does not start: ${said.slice(-5).join('\n')}`)
  }

  async send(method: string, params: Fields = {}): Promise<Fields> {
    const id = ++this.#id
    const sessionId = this.#session === '' ? {} : { sessionId: this.#session }
    this.#socket.send(JSON.stringify({ id, method, params, ...sessionId }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  /** The value of an expression in the page, promises awaited. @throws Error what it throws */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      ...{ expression, awaitPromise: true, returnByValue: true },
    })) as { result: { value: Value }; exceptionDetails?: { exception?: { description?: string } } }
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw')
    return result.value
  }

  async resize(width: number, height: number, scheme: 'light' | 'dark' = 'light'): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      ...{ width, height, deviceScaleFactor: 1, mobile: false },
    })
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    })
  }

  async press(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : {}
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...text })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key })
  }

  /** A PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', optimizeForSpeed: false })
    return Buffer.from(String(data), 'base64')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await this.#end()
  }

  async #attach(): Promise<void> {
    const { targetInfos } = (await this.send('Target.getTargets')) as {
      targetInfos: readonly { readonly type: string; readonly targetId: string }[]
    }
    const page = targetInfos.find(({ type }) => type === 'page')
    const { sessionId } = await this.send('Target.attachToTarget', {
      targetId: page?.targetId,
      flatten: true,
    })
    this.#session = String(sessionId)
    for (const domain of ['Page', 'Runtime', 'Log']) await this.send(`${domain}.enable`)
  }

  #told({ id, method, params, result, error }: Answer): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiting?.reject(new Error(error.message))
      else waiting?.resolve(result ?? {})
    } else if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params))
    else if (method === 'Log.entryAdded') this.#logged((params as { entry: LogEntry }).entry)
  }

  #logged({ level, text }: LogEntry): void {
    if (level === 'error') this.complaints.push(text)
  }
}
