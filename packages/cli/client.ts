/** Asks the agent over its unix socket. */
import { request } from 'node:http'
import type { Reports } from '@podroute/agent/admin/reports.ts'
import { CliError } from './errors.ts'

export const DEFAULT_SOCKET = '/run/podroute/podroute.sock'

/** Milliseconds. */
const PATIENCE = 10_000

/** The report of one page. @throws CliError when no agent answers, or it answers with an error */
export async function ask<P extends keyof Reports>(socket: string, page: P): Promise<Reports[P]> {
  const { status, body } = await get(socket, page)
  if (status !== 200) throw new CliError('answer', `the agent answered ${status}: ${body.trim()}`)
  try {
    return JSON.parse(body) as Reports[P]
  } catch (cause) {
    throw new CliError('answer', `what answers at ${socket} is no podroute agent`, { cause })
  }
}

function get(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, timeout: PATIENCE, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    sent.on('timeout', () =>
      sent.destroy(new CliError('silent', `the agent does not answer at ${socketPath}`)),
    )
    sent.on('error', (error) => reject(asCliError(error, socketPath)))
    sent.end()
  })
}

function asCliError(error: NodeJS.ErrnoException, socket: string): Error {
  if (error instanceof CliError) return error
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new CliError('not-running', `no agent is running here (nothing answers at ${socket})`, {
        cause: error,
      })
    case 'EACCES':
      return new CliError('denied', `only root may ask the agent (${socket})`, { cause: error })
    default:
      return new CliError('answer', `the agent cannot be asked at ${socket}: ${error.message}`, {
        cause: error,
      })
  }
}
