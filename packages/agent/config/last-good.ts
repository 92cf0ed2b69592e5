/** The last good configuration, kept on the node for an agent that starts with a wrong one. Only root may read it: it holds passwords. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { ConfigTexts, LastGoodStore } from './live-config.ts'

export function lastGoodStore(directory: string, log: Logger): LastGoodStore {
  const path = join(directory, 'last-good-config.json')
  return {
    load() {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as ConfigTexts
      } catch {
        return undefined
      }
    },
    save(texts) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o755 })
        writeFileSync(`${path}.new`, JSON.stringify(texts), { mode: 0o600 })
        renameSync(`${path}.new`, path)
      } catch (error) {
        log.warn('the last good configuration cannot be kept', { path, error: (error as Error).message })
      }
    },
  }
}
