// The public API of BFD, single hop, asynchronous mode (RFC 5880, 5881). It controls the sessions, which run in a worker thread.
import { EventEmitter } from 'node:events'
import { Worker } from 'node:worker_threads'
import { assertNever, BgpConfigError, BgpError } from '../errors.ts'
import { type Logger, silentLogger } from '../log.ts'
import {
  type BfdSessionChange,
  type BfdSessionConfig,
  canonicalAddress,
  changeSession,
  type ValidSession,
  validateSession,
} from './config.ts'
import type { DownReason } from './fsm.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts'
import { diagnosticName } from './packet.ts'
import type { BfdSnapshot } from './snapshot.ts'
import type { OpenSocket, SocketRequest } from './sockets.ts'

export interface BfdOptions {
  /** Entry point of the worker, for bundles that have their own; this package's `bfd/worker.ts` when absent. */
  readonly worker?: URL | string | undefined
  /** Makes sockets that check the TTL of received packets, as RFC 5881 section 5 requires; absent: it is not checked. */
  readonly openSocket?: OpenSocket
  readonly log?: Logger
}

export interface BfdDown {
  readonly peer: string
  /** Only `detection-expired` and `neighbor-down` mean a failed path (RFC 5882 section 4.2). */
  readonly reason: DownReason | 'thread-ended'
  /** The RFC 5880 section 4.1 diagnostic in words. */
  readonly diagnostic: string
}

interface BfdEvents {
  up: [peer: string]
  down: [BfdDown]
  /** The sockets of a session cannot be opened; it tries again by itself. */
  problem: [{ readonly peer: string; readonly message: string }]
}

interface Entry {
  readonly id: number
  session: ValidSession
  up: boolean
}

/** Milliseconds in which the thread says its farewell and ends. */
const LINGER = 1000
/** Milliseconds before a thread that ended by itself is replaced. */
const RESTART_DELAY = 1000

export class Bfd extends EventEmitter<BfdEvents> {
  readonly #options: BfdOptions
  readonly #log: Logger
  readonly #byPeer = new Map<string, Entry>()
  readonly #byId = new Map<number, Entry>()
  readonly #snapshots = new Map<number, (snapshot: BfdSnapshot) => void>()
  #worker: Worker | undefined
  #restart: ReturnType<typeof setTimeout> | undefined
  #last = 0
  #closing: Promise<void> | undefined

  constructor(options: BfdOptions = {}) {
    super()
    this.#options = options
    this.#log = options.log ?? silentLogger
    this.#worker = this.#start()
  }

  /**
   * Starts a session; it is down until 'up'.
   * @throws BgpConfigError with every problem, also when the peer has a session; BgpError closed
   */
  addSession(config: BfdSessionConfig): void {
    this.#checkOpen()
    const session = validateSession(config)
    if (this.#byPeer.has(session.peer))
      throw new BgpConfigError([{ path: 'peer', problem: 'has a session already' }])
    const entry = { id: ++this.#last, session, up: false }
    this.#byPeer.set(session.peer, entry)
    this.#byId.set(entry.id, entry)
    this.#tell({ kind: 'add', id: entry.id, session })
  }

  /**
   * Changes timers, by a poll sequence where the session is up, or the administrative state; the session stays.
   * @throws BgpConfigError with every problem; BgpError unknown-peer, closed
   */
  updateSession(peer: string, change: BfdSessionChange): void {
    const entry = this.#entry(peer)
    entry.session = changeSession(entry.session, change)
    this.#tell({ kind: 'update', id: entry.id, session: entry.session })
  }

  /** Ends a session without a 'down' event; its packets tell the neighbour that it is administratively down. @throws BgpError unknown-peer, closed */
  removeSession(peer: string): void {
    const entry = this.#entry(peer)
    this.#byPeer.delete(entry.session.peer)
    this.#byId.delete(entry.id)
    this.#tell({ kind: 'remove', id: entry.id })
  }

  /** The last state reported by the worker; undefined: there is no such session. */
  isUp(peer: string): boolean | undefined {
    return this.#byPeer.get(canonicalAddress(peer) ?? peer)?.up
  }

  /** Snapshots of all sessions from the worker, with counters; none while the worker is being replaced. */
  snapshot(): Promise<BfdSnapshot> {
    if (this.#worker === undefined || this.#closing) return Promise.resolve(NOTHING)
    const request = ++this.#last
    return new Promise((resolve) => {
      this.#snapshots.set(request, resolve)
      this.#tell({ kind: 'snapshot', request })
    })
  }

  /** Tells every neighbour that we are administratively down and ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearTimeout(this.#restart)
    const worker = this.#worker
    if (worker === undefined) return
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    this.#tell({ kind: 'close' })
    // Sockets that are being opened at this moment may keep it.
    const cut = setTimeout(() => void worker.terminate(), LINGER)
    await ended
    clearTimeout(cut)
  }

  #start(): Worker {
    const workerData: WorkerOptions = { socketsFromMain: this.#options.openSocket !== undefined }
    const entry = this.#options.worker ?? new URL('./worker.ts', import.meta.url)
    const worker = new Worker(entry, { workerData, execArgv: [], name: 'bfd' })
    worker.on('message', (message: FromWorker) => this.#heard(message))
    worker.on('error', (error) => this.#log.error('the BFD thread failed', { error }))
    worker.on('exit', () => this.#ended())
    return worker
  }

  /** The worker ended by itself: sessions that were up are down, although their paths may be good. All start again in a new worker. */
  #ended(): void {
    this.#worker = undefined
    for (const resolve of this.#snapshots.values()) resolve(NOTHING)
    this.#snapshots.clear()
    if (this.#closing) return
    this.#restart = setTimeout(() => {
      this.#worker = this.#start()
      for (const { id, session } of this.#byId.values()) this.#tell({ kind: 'add', id, session })
    }, RESTART_DELAY)
    for (const entry of [...this.#byId.values()]) {
      if (!entry.up) continue
      entry.up = false
      this.emit('down', { peer: entry.session.peer, reason: 'thread-ended', diagnostic: diagnosticName(0) })
    }
  }

  #heard(message: FromWorker): void {
    switch (message.kind) {
      case 'up':
        this.#changed(message.id, true, (peer) => this.emit('up', peer))
        break
      case 'down': {
        const { id, reason, diagnostic } = message
        this.#changed(id, false, (peer) =>
          this.emit('down', { peer, reason, diagnostic: diagnosticName(diagnostic) }),
        )
        break
      }
      case 'problem':
        this.#problem(message.id, message.message)
        break
      case 'snapshot':
        this.#snapshots.get(message.request)?.(message.snapshot)
        this.#snapshots.delete(message.request)
        break
      case 'open':
        this.#open(message.request, message.socket)
        break
      case 'closed':
        break
      default:
        assertNever(message)
    }
  }

  #changed(id: number, up: boolean, emit: (peer: string) => void): void {
    const entry = this.#byId.get(id)
    if (entry === undefined || this.#closing) return
    entry.up = up
    emit(entry.session.peer)
  }

  #problem(id: number, message: string): void {
    const peer = this.#byId.get(id)?.session.peer
    if (peer === undefined) return
    this.#log.warn('BFD cannot open its sockets', { peer, message })
    this.emit('problem', { peer, message })
  }

  #open(request: number, socket: SocketRequest): void {
    try {
      const fd = this.#options.openSocket?.(socket)
      if (fd === undefined) throw new BgpError('closed', 'there is no openSocket')
      this.#tell({ kind: 'opened', request, fd })
    } catch (error) {
      const { message, code } = error as { message: string; code?: string }
      this.#tell({ kind: 'refused', request, message, code })
    }
  }

  #entry(peer: string): Entry {
    this.#checkOpen()
    const entry = this.#byPeer.get(canonicalAddress(peer) ?? peer)
    if (entry === undefined) throw new BgpError('unknown-peer', `no BFD session with ${peer}`)
    return entry
  }

  #checkOpen(): void {
    if (this.#closing) throw new BgpError('closed', 'BFD is closed')
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }
}

const NOTHING: BfdSnapshot = { sessions: [], discards: {} }
