// The entry point of the BFD thread. BFD has its own thread so that work of the main thread never delays a packet.
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../clock.ts'
import { assertNever } from '../errors.ts'
import { Endpoint } from './endpoint.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts'
import type { SocketRequest } from './sockets.ts'
import { dgramSockets } from './sockets-dgram.ts'

const port = parentPort
if (port === null) throw new Error('bfd/worker.ts runs as a worker thread only')
const { socketsFromMain } = workerData as WorkerOptions

const tell = (message: FromWorker) => port.postMessage(message)
const opening = new Map<number, { resolve(fd: number): void; reject(error: Error): void }>()
let lastRequest = 0

function openByMain(socket: SocketRequest): Promise<number> {
  const request = ++lastRequest
  return new Promise((resolve, reject) => {
    opening.set(request, { resolve, reject })
    tell({ kind: 'open', request, socket })
  })
}

try {
  // On Linux this sets the priority of the calling thread; without CAP_SYS_NICE it stays unchanged.
  setPriority(-10)
} catch {}

const endpoint = new Endpoint({
  sockets: dgramSockets(socketsFromMain ? openByMain : undefined),
  clock: systemClock,
  random: Math.random,
  events: {
    up: (id) => tell({ kind: 'up', id }),
    down: (id, reason, diagnostic) => tell({ kind: 'down', id, reason, diagnostic }),
    problem: (id, message) => tell({ kind: 'problem', id, message }),
  },
})

function opened(request: number, result: number | Error): void {
  const waiting = opening.get(request)
  opening.delete(request)
  if (result instanceof Error) waiting?.reject(result)
  else waiting?.resolve(result)
}

function close(): void {
  endpoint.close()
  tell({ kind: 'closed' })
  port?.close()
}

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'add':
      return endpoint.add(message.id, message.session)
    case 'update':
      return endpoint.update(message.id, message.session)
    case 'remove':
      return endpoint.remove(message.id)
    case 'snapshot':
      return tell({ kind: 'snapshot', request: message.request, snapshot: endpoint.snapshot() })
    case 'opened':
      return opened(message.request, message.fd)
    case 'refused':
      return opened(message.request, Object.assign(new Error(message.message), { code: message.code }))
    case 'close':
      return close()
    default:
      return assertNever(message)
  }
})
