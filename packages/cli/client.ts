/** Asks the agent over its unix socket. */
import { request } from 'node:http'
import type { PagesReport, PlanReport, StatusReport } from '@podroute/agent/admin/reports.ts'
import type { PageText } from '@podroute/feature/page.ts'
import { CliError } from './errors.ts'

export const DEFAULT_SOCKET = '/run/podroute/podroute.sock'

/** Where there is no agent to ask. */
const WHAT_TO_DO = `
  in a cluster:     kubectl -n kube-system get pods -l app=podroute -o wide     (is there one on this node, and why does it not run?)
                    kubectl -n kube-system logs ds/podroute -c agent --previous (what did it say at its end?)
  from elsewhere:   kubectl podroute status, or kubectl -n kube-system exec ds/podroute -c agent -- podroute status
  another socket:   --socket PATH, or PODROUTE_SOCKET`

const PAGES = '/pages'
/** Milliseconds. */
const PATIENCE = 10_000

export function askStatus(socket: string): Promise<StatusReport> {
  return ask(socket, '/status')
}

export function askPlan(socket: string): Promise<PlanReport> {
  return ask(socket, '/plan')
}

/** The pages that the agent's features have. */
export function askPages(socket: string): Promise<PagesReport> {
  return ask(socket, PAGES)
}

/** A page of a feature for people. */
export function askTables(socket: string, page: string, query = ''): Promise<PageText> {
  return ask(socket, `/${page}/tables${query}`)
}

/** What the agent answers at one path. @throws CliError when no agent answers, or it answers with an error */
export async function ask<Report>(socket: string, path: string): Promise<Report> {
  const { status, body } = await get(socket, path)
  if (status === 404)
    throw new CliError('no-page', path === PAGES ? `${socket} has no pages` : await noPage(socket, path))
  // What it was asked makes no sense to it.
  if (status === 500) throw new CliError('answer', `the agent cannot answer: ${body.trim()}`)
  if (status !== 200) throw new CliError('answer', `the agent answered ${status}: ${body.trim()}`)
  try {
    return JSON.parse(body) as Report
  } catch (cause) {
    throw new CliError('answer', `what answers at ${socket} is no podroute agent`, { cause })
  }
}

/** Which pages there are, where the agent knows. */
async function noPage(socket: string, path: string): Promise<string> {
  const [, name] = path.split(/[/?]/)
  const { pages } = await askPages(socket).catch((): PagesReport => ({ pages: [] }))
  const names = pages.map((page) => page.name)
  return `the agent has no page "${name}"${names.length > 0 ? `: it has ${names.join(', ')}` : ''}`
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
      return new CliError(
        'not-running',
        `no agent is running here (nothing answers at ${socket})${WHAT_TO_DO}`,
        {
          cause: error,
        },
      )
    case 'EACCES':
      return new CliError('denied', `only root may ask the agent (${socket})`, { cause: error })
    default:
      return new CliError('answer', `the agent cannot be asked at ${socket}: ${error.message}`, {
        cause: error,
      })
  }
}
