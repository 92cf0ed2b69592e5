/** Clients of the service benchmarks, and the one server that stands for all endpoints. They run in the benchmark's namespace. */
import { connect, createServer, type Server } from 'node:net'
import { ENDPOINT_PORT, SERVICE_PORT, serviceAddress } from './services-objects.ts'

/** Pause between two attempts, in milliseconds. */
const RETRY = 4
/** While a node starts: what is refused costs it time, too. */
const RETRY_AT_START = 50
/** An attempt that nobody answers or refuses is given up after this many milliseconds. */
const PATIENCE = 1000

export function serveEndpoints(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resetAndDestroy()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(ENDPOINT_PORT, '0.0.0.0', 4096, () => resolve(server))
  })
}

/** One attempt to connect to a Service. */
export function answers(index: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: serviceAddress(index), port: SERVICE_PORT })
    socket.setTimeout(PATIENCE, () => socket.destroy())
    socket.once('connect', () => {
      resolve(true)
      socket.resetAndDestroy()
    })
    socket.on('error', () => {})
    socket.once('close', () => resolve(false))
  })
}

/** Resolves when a Service answers, or with `false` refuses. @throws Error after `timeout` milliseconds */
export async function until(index: number, wanted: boolean, timeout: number, retry = RETRY): Promise<void> {
  const end = performance.now() + timeout
  while ((await answers(index)) !== wanted) {
    if (performance.now() > end)
      throw new Error(`Service ${index} did not ${wanted ? 'answer' : 'refuse'} in time`)
    await new Promise((resolve) => setTimeout(resolve, retry))
  }
}

/** Resolves when a sample of so many Services answers, the last one first. */
export async function untilAllAnswer(services: number, timeout: number): Promise<void> {
  const SAMPLE = 16
  const end = performance.now() + timeout
  for (let step = SAMPLE; step > 0; step--) {
    await until(Math.ceil((services * step) / SAMPLE) - 1, true, end - performance.now(), RETRY_AT_START)
  }
}
