/** Serves the page until it is ended, whoever the agents are asked by. */
import { systemClock } from '@podroute/reconcile/clock.ts'
import { Feed, type Source } from '@podroute/ui/server/feed.ts'
import { serveUi } from '@podroute/ui/server/server.ts'
import { CliError } from '../errors.ts'
import { builtPage } from './page.ts'

export const UI_PORT = '20246'

export interface UiRun {
  readonly source: Source
  /** As it was given. */
  readonly port: string
  readonly signal: AbortSignal
  say(line: string): void
}

/** @throws CliError where the port cannot be had */
export async function runUi({ source, port, signal, say }: UiRun): Promise<void> {
  const number = Number(port)
  if (!/^\d{1,5}$/.test(port) || number > 65_535) throw new CliError('usage', `not a port: ${port}`)
  using feed = new Feed({ source, clock: systemClock, wall: () => Date.now() })
  await using server = await serveUi({ page: builtPage(), feed, port: number }).catch((cause: Error) => {
    throw new CliError(
      'answer',
      `the page cannot be served: ${cause.message}: --port 0 takes any that is free`,
      {
        cause,
      },
    )
  })
  feed.start()
  say(`the page is at ${server.url} until this is ended`)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
